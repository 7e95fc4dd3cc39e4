/* CPython 3.12 and 3.13 count nested C calls and know nothing of the stack: the count that a stack
   can bear. */
#ifndef GREEN_GREENLET_PYSTATE_CCALLS_H
#define GREEN_GREENLET_PYSTATE_CCALLS_H

#include "switch/stack.h"

/* From this size on, the main thread's, a stack bears what the interpreter allows there. */
#define GREEN_CCALL_WHOLE ((size_t)8 << 20)
/* The most that one counted call was seen to use is 2,475 bytes (sort with a Python __lt__); what
   is not counted, the parser above all, has the reserve. See docs/pystate.rst. */
#define GREEN_CCALL_BYTES 2640
#define GREEN_CCALL_RESERVE ((size_t)384 * 1024)
/* 3.13 takes up deallocations that it put off only where more than 100 calls are left. */
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
