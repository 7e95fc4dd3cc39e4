/* CPython 3.12 and 3.13 count nested C calls and know nothing of the stack: the count that a stack
   can bear. */
#ifndef GREEN_GREENLET_PYSTATE_CCALLS_H
#define GREEN_GREENLET_PYSTATE_CCALLS_H

#include "switch/stack.h"

/* The most that one counted call was seen to use, and what the deepest one may use beyond that
   uncounted; see docs/pystate.rst. */
#define GREEN_CCALL_BYTES 5632
#define GREEN_CCALL_RESERVE (64 * 1024)
/* Below 100 left, deallocations put off are never taken up again (3.13). */
#define GREEN_CCALL_MIN 160

static inline int
green_ccalls_of(const green_stack *stack, int most)
{
    size_t size = (size_t)(stack->base - stack->limit);
    size_t calls =
        size > GREEN_CCALL_RESERVE ? (size - GREEN_CCALL_RESERVE) / GREEN_CCALL_BYTES : 0;
    if (calls < GREEN_CCALL_MIN) {
        return GREEN_CCALL_MIN;
    }
    return calls < (size_t)most ? (int)calls : most;
}

#endif
