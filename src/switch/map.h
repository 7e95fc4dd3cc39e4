/* Address space and the guards in it: the only file of this layer that asks the system for memory.
 */
#ifndef GREEN_SWITCH_MAP_H
#define GREEN_SWITCH_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* The same numbers as guard_kind in green_stack_counts. */
typedef enum {
    GREEN_GUARD_NONE,
    GREEN_GUARD_MADVISE,  /* markers in the page tables: no limit on their number */
    GREEN_GUARD_MPROTECT, /* each costs two of the mappings a process may have */
    GREEN_GUARD_SPACING,  /* no more mappings to be had: distance, and a tripwire */
} green_guard_kind;

/* The system's page size in bytes. */
size_t green_map_page(void);

/* Bytes that this process may still map, by its own limits and where the system commits itself to
   all that is mapped; SIZE_MAX where nothing limits it. */
size_t green_map_left(void);

/* `bytes` of zeroed private memory without huge pages. It is address space, not yet memory: tools
   that count what a program maps are passed by. NULL: errno is set. */
char *green_map_new(size_t bytes);

/* The same, `before` bytes before a multiple of `unit`, which `bytes` is a multiple of; next to
   what this function mapped last, where that is free. */
char *green_map_new_around(size_t bytes, size_t unit, size_t before);
void green_map_free(char *address, size_t bytes);

/* Give the pages back to the system; they read as zeros afterwards. Guards within survive. */
void green_map_drop(char *address, size_t bytes);

/* The best kind to be had for `*count` more guards, which may be made less but not 0. NONE: no
   memory for the probe. */
green_guard_kind green_map_guard_kind(size_t *count);

/* Make an access to these bytes a fault, until they are freed. -1: errno is set; if it was the kind
   that failed, green_map_guard_kind gives another one now. */
int green_map_guard(char *address, size_t bytes, green_guard_kind kind);

/* Guards that went away with their memory. */
void green_map_guards_freed(size_t count, green_guard_kind kind);

/* Whether any of these pages was ever written. */
bool green_map_touched(char *address, size_t bytes);

/* For tests: from now on no kind better than `best`, and `mprotects` guards by mprotect at most. */
void green_map_guard_limit(green_guard_kind best, size_t mprotects);

/* For tests: the n-th call from now that can fail does (0: never). */
void green_map_fail_after(long n);

#endif
