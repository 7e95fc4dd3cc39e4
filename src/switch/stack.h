/* Guarded machine stacks, cut from slabs, each with a data area above for the interpreter's frames.
   Nothing here is thread-safe: the caller holds the interpreter lock. */
#ifndef GREEN_SWITCH_STACK_H
#define GREEN_SWITCH_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The mapping of a stack, low to high:

     guard | C frames, growing down from base | this header | data area, growing up | (next guard)
             limit                      base ^              ^ data     page boundary ^ inside data

   The header, the first C frames and the first data share one page, so that a parked greenlet
   touches no other. */
typedef struct green_stack {
    char *limit;              /* lowest usable byte */
    char *base;               /* end of the C frames, 16-byte aligned; this struct begins there */
    char *data;               /* the data area, 16-byte aligned */
    size_t data_size;         /* bytes: at least 16 KiB, or a sixteenth of a stack under 256 KiB */
    struct green_stack *next; /* in a cache: the next stack of the list */
    union {
        struct green_stack *later; /* in a cache: the next list, in the first stack of each */
        void *owner;               /* in use: for the user to set */
    };
    struct green_slab *slab; /* the slab that the stack was cut from */
    uint16_t size_class;     /* index of the stack's class */
    bool in_use;
    uint32_t valgrind_id;
} green_stack;

typedef struct {
    size_t live;    /* stacks in use */
    size_t cached;  /* warm stacks that wait to be handed out again */
    size_t mapped;  /* bytes of address space */
    int guard_kind; /* the weakest so far: a green_guard_kind of map.h */
} green_stack_counts;

/* Sizes go from 16 KiB to 512 MiB, and are those of the C frames alone. They are rounded up to a
   power of two, or to one and a half times a power of two. */
#define GREEN_STACK_SIZE_MIN ((size_t)16 << 10)
#define GREEN_STACK_SIZE_MAX ((size_t)512 << 20)

/* Sets the size of stacks for which none is asked, and the least that it may fall to where address
   space is limited: there, such a stack takes at most a 512th of what is left. Both are at most
   GREEN_STACK_SIZE_MAX. */
void green_stack_set_default(size_t size, size_t least);
size_t green_stack_get_default(void);

/* Has `tell` called with the size in bytes when a stack is smaller than the default, because there
   is no room for more. `tell` must not call functions of this file. */
void green_stack_on_shrink(void (*tell)(size_t size));

/* Returns a stack of at least `size` bytes for C frames; for 0, one of the default size. NULL:
   there is no memory (errno is ENOMEM), or the size is beyond the maximum (EINVAL). */
green_stack *green_stack_acquire(size_t size);

/* Gives a stack back. It may be handed out again at once, so the caller must not run on it any
   more. */
void green_stack_release(green_stack *stack);

/* Gives the memory of stacks that stayed in a cache since the last call back to the system, and
   unmaps slabs that have no other stacks. The loop has this called about once a second. The work of
   a call is bounded. Returns how many bytes were given back. */
size_t green_stack_trim(void);

/* Looks at the next `count` stacks, calls `visit` for those in use, and goes on from there in the
   next call. Returns whether it came to the end of all stacks. `visit` must neither acquire nor
   release stacks. */
bool green_stack_walk(size_t count, void (*visit)(green_stack *stack));

/* Gives back to the system what a parked stack once touched and no longer needs: the pages wholly
   below its stack pointer `sp`, and those of the data area wholly above `data_top`. Returns how
   many bytes these are. */
size_t green_stack_shed(green_stack *stack, const void *sp, const void *data_top);

void green_stack_counts_get(green_stack_counts *counts);

/* Tell the sanitizer of a swap, before and after it. They do nothing in a plain build. `to` NULL:
   the thread's own stack is entered. `fake_stack_save` NULL: the stack that is left is never
   entered again. */
void green_stack_switch_begin(void **fake_stack_save, const green_stack *to);
void green_stack_switch_end(void *fake_stack_saved);

/* For tests: the n-th call from now that maps or guards memory fails (0: none does). */
void green_stack_fail_after(long n);

#endif
