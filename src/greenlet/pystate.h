/* What the interpreter keeps per thread and a greenlet must own: frames, exceptions, recursion
   counts, context. The only layer below which Py_BUILD_CORE is known; docs/pystate.rst has the
   table of fields by version. */
#ifndef GREEN_GREENLET_PYSTATE_H
#define GREEN_GREENLET_PYSTATE_H

#include <Python.h>
#include "switch/stack.h"

/* One struct for the version built for, defined here under one #if per family; see pystate.c.
   Zeroing is not enough to begin with: green_pystate_init. */
typedef struct green_pystate {
    /* (fields by version family) */
    PyObject *context; /* owned, may be NULL; on every version the contextvars context */
} green_pystate;

/* Check that this interpreter's private layout is the one built for. -1: ImportError is set. */
int green_pystate_probe(void);

/* The state of a greenlet that has not run: no frames, no exceptions, full recursion allowance
   (scaled to `stack` where the version counts C calls), root data-stack chunk in stack->data, C-stack
   limits of `stack` where the version checks them. Must be cheap: it is on the path of each spawn. */
void green_pystate_init(green_pystate *state, const green_stack *stack, PyThreadState *ts);

/* The state of a thread's main greenlet, running now: notes what never changes (stack limits). */
void green_pystate_init_main(green_pystate *state, PyThreadState *ts);

/* Move the running greenlet's state out of the thread state, and another's in. After save the
   fields of ts are stale until load. The two together are a switch; references move along. */
void green_pystate_save(green_pystate *state, PyThreadState *ts);
void green_pystate_load(green_pystate *state, PyThreadState *ts);

/* On the dying greenlet's own stack, before its last switch: hand pending deallocations over, free
   data-stack chunks beyond the root one. `ts` then holds nothing that points into the stack. */
void green_pystate_finish(PyThreadState *ts);

/* The innermost Python frame of a parked greenlet: new reference, or NULL without an exception
   where there is none. */
PyFrameObject *green_pystate_frame(green_pystate *state);

/* For the collector: visit/clear what a parked (or never started) state owns, where safe. */
int green_pystate_traverse(green_pystate *state, visitproc visit, void *arg);
void green_pystate_clear(green_pystate *state);

/* Default stack sizes that are safe on this version. */
extern const green_stack_policy green_pystate_stack_policy;

/* The context of the running greenlet lives in the thread state: borrowed, may be NULL; set steals
   nothing (takes its own reference) and bumps the version that caches contextvar look-ups. */
PyObject *green_pystate_get_context(PyThreadState *ts);
void green_pystate_set_context(PyThreadState *ts, PyObject *context);

#endif
