/* Stacks: guarded machine stacks cut from slabs, each with a data area above for the interpreter's
   frames. Nothing here is thread-safe: the caller holds the interpreter lock. */
#ifndef GREEN_SWITCH_STACK_H
#define GREEN_SWITCH_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The mapping of a stack, low to high:

     guard | C frames, growing down from base | this header | data area, growing up | (next guard)
             limit                      base ^              ^ data     page boundary ^ inside data

   Header, first C frames and first data share one page: a parked greenlet touches no other. */
typedef struct green_stack {
    char *limit;              /* lowest usable byte */
    char *base;               /* end of the C frames, 16-byte aligned; this struct begins there */
    char *data;               /* the data area, 16-byte aligned */
    size_t data_size;         /* bytes; 16 KiB or more, of a stack under 256 KiB a sixteenth */
    struct green_stack *next; /* in a cache */
    union {
        struct green_stack *later; /* in a cache: the next list, on the first of a list */
        void *owner;               /* in use: for the user to set */
    };
    struct green_slab *slab; /* that it was cut from */
    uint16_t size_class;     /* index of the pool's class that it came from */
    bool in_use;
    uint32_t valgrind_id;
} green_stack;

typedef struct {
    size_t live;    /* handed out */
    size_t cached;  /* waiting, warm, to be handed out again */
    size_t mapped;  /* bytes of address space */
    int guard_kind; /* the weakest so far, a green_guard_kind of map.h */
} green_stack_counts;

/* 16 KiB to 512 MiB. Sizes are those of C frames alone, rounded up to a power of two or one and
   a half. */
#define GREEN_STACK_SIZE_MIN ((size_t)16 << 10)
#define GREEN_STACK_SIZE_MAX ((size_t)512 << 20)

/* The size of stacks for which none is asked, and what it may fall to (both at most the maximum)
   where address space is limited: such a stack takes at most a 512th of what is left. */
void green_stack_set_default(size_t size, size_t least);
size_t green_stack_get_default(void);

/* Called with the bytes of a stack that is smaller than the default, for which there is no room.
   It must not use this interface. */
void green_stack_on_shrink(void (*tell)(size_t size));

/* A stack of at least `size` bytes for C frames, or by default if 0. NULL: no memory (errno
   ENOMEM), or a size beyond the maximum (EINVAL). */
green_stack *green_stack_acquire(size_t size);

/* Give a stack back. It may be handed out again at once: the caller no longer runs on it. */
void green_stack_release(green_stack *stack);

/* Give the memory of cached stacks that stayed in the cache since the last call back to the system,
   and unmap slabs left without any other. Called now and then by the hub; the work of a call is
   bounded. Returns bytes advised or unmapped. */
size_t green_stack_trim(void);

/* Call `visit` for the stacks in use, as far as `count` looks reach, and go on from there in the
   next call. Returns whether it came to the end of them. `visit` neither acquires nor releases. */
bool green_stack_walk(size_t count, void (*visit)(green_stack *stack));

/* Give back what a parked stack once touched and no longer needs: the pages wholly below its stack
   pointer `sp`, and those of the data area wholly above `data_top`. Returns bytes advised. */
size_t green_stack_shed(green_stack *stack, const void *sp, const void *data_top);

void green_stack_counts_get(green_stack_counts *counts);

/* Sanitizer annotations around a swap (no-ops in a plain build). `to` NULL: the thread's own stack.
   `fake_stack_save` NULL: the stack left is never entered again. */
void green_stack_switch_begin(void **fake_stack_save, const green_stack *to);
void green_stack_switch_end(void *fake_stack_saved);

/* Fault injection for tests: the n-th mapping call from now fails (0: never). */
void green_stack_fail_after(long n);

#endif
