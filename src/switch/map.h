/* Address space, and guards in it. In this layer, only map.c asks the system for memory. */
#ifndef GREEN_SWITCH_MAP_H
#define GREEN_SWITCH_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* `guard_kind` in green_stack_counts has the same numbers. */
typedef enum {
    GREEN_GUARD_NONE,
    GREEN_GUARD_MADVISE,  /* markers in the page tables: no limit on their number */
    GREEN_GUARD_MPROTECT, /* each costs two of the mappings a process may have */
    GREEN_GUARD_SPACING,  /* where no more mappings can be had: distance, and a tripwire */
} green_guard_kind;

/* Returns the system's page size in bytes. */
size_t green_map_page(void);

/* Returns how many bytes this process may still map, by its own limits, and by the system's where
   that commits itself to all that is mapped. SIZE_MAX: nothing limits it. */
size_t green_map_left(void);

/* Maps `bytes` of zeroed private memory without huge pages. Since this is address space and not yet
   memory, tools that count what a program maps do not see it. NULL: errno is set. */
char *green_map_new(size_t bytes);

/* As green_map_new, but the memory begins `before` bytes before a multiple of `unit`. `bytes` must
   be a multiple of `unit`. The place is next to what this function mapped last, if that is free. */
char *green_map_new_around(size_t bytes, size_t unit, size_t before);
void green_map_free(char *address, size_t bytes);

/* Gives the pages back to the system. They read as zeros afterwards. Guards among them survive. */
void green_map_drop(char *address, size_t bytes);

/* Returns the best kind that can be had for `*count` more guards. It may make `*count` less, but
   not 0. GREEN_GUARD_NONE: there is no memory for the probe. */
green_guard_kind green_map_guard_kind(size_t *count);

/* Makes any access to these bytes a fault, until they are freed. -1: errno is set; if the kind of
   guard has stopped working, green_map_guard_kind returns another one from now on. */
int green_map_guard(char *address, size_t bytes, green_guard_kind kind);

/* Says that `count` guards went away with their memory. */
void green_map_guards_freed(size_t count, green_guard_kind kind);

/* Returns whether any of these pages, 256 at most, is in memory, because somebody touched it. */
bool green_map_touched(char *address, size_t bytes);

/* For tests: from now on there is no kind better than `best`, and mprotect makes at most
   `mprotects` guards. */
void green_map_guard_limit(green_guard_kind best, size_t mprotects);

/* For tests: the n-th call from now that can fail does (0: none does). */
void green_map_fail_after(long n);

#endif
