/* One flow of control: what a greenlet has while it is alive. It lies at the base of the greenlet's
   stack, in the page that is touched anyway; a main greenlet's lies in its thread's record. */
#ifndef GREEN_GREENLET_FLOW_H
#define GREEN_GREENLET_FLOW_H

#include <Python.h>
#include "greenlet/pystate.h"
#include "switch/stack.h"

typedef struct green_flow {
    void *sp;                     /* the stack pointer while the greenlet is parked */
    struct green_waiter *waiting; /* the wait that the greenlet is parked in, borrowed from its
                                     stack; or NULL */
#if PY_VERSION_HEX < 0x030D0000
    PyObject *asyncio_loop; /* owned; asyncio's running loop of a greenlet that does not run, or
                               NULL */
#endif
    green_pystate state; /* the interpreter's state of a greenlet that does not run */
} green_flow;

/* The flow begins so many bytes below the base of a stack; the number keeps it 16-byte aligned. */
#define GREEN_FLOW_ROOM ((sizeof(green_flow) + 15) / 16 * 16)

/* Set the fields, other than `state` and `sp`, to what they are before the greenlet first runs. */
static inline void
green_flow_init(green_flow *flow)
{
    flow->waiting = NULL;
#if PY_VERSION_HEX < 0x030D0000
    flow->asyncio_loop = NULL;
#endif
}

#endif
