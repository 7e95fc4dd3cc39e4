/* CPython 3.12 and 3.13 count nested C calls and know nothing of the stack. green_ccalls_of returns
   how many calls a stack can bear. */
#ifndef GREEN_GREENLET_PYSTATE_CCALLS_H
#define GREEN_GREENLET_PYSTATE_CCALLS_H

#include "switch/stack.h"

/* A stack of this size, the main thread's, or a larger one bears what the interpreter allows on the
   main thread. Bytes. */
#define GREEN_CCALL_WHOLE ((size_t)8 << 20)
/* One counted call was seen to use 2,475 bytes at most (sort with a Python __lt__); the reserve is
   for what is not counted, the parser above all. See docs/pystate.rst. Bytes. */
#define GREEN_CCALL_BYTES 2640
#define GREEN_CCALL_RESERVE ((size_t)384 * 1024)
/* 3.13 takes up deallocations that it has put off only where more than 100 calls are left. */
#define GREEN_CCALL_MIN 120

static inline int
green_ccalls_of(const green_stack *stack, int most)
{
    size_t size = (size_t)(stack->base - stack->limit);
    if (size >= GREEN_CCALL_WHOLE) {
        return most;
    }
    if (size < GREEN_CCALL_RESERVE + GREEN_CCALL_MIN * GREEN_CCALL_BYTES) {
        return GREEN_CCALL_MIN;
    }
    size_t calls = (size - GREEN_CCALL_RESERVE) / GREEN_CCALL_BYTES;
    return calls < (size_t)most ? (int)calls : most;
}

#endif
