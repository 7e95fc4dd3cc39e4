/* Tells where the running greenlet is, as code and instructions, without making frame objects. */
#ifndef GREEN_GREENLET_PYSTATE_STACK_H
#define GREEN_GREENLET_PYSTATE_STACK_H

#include <Python.h>
#include <stdbool.h>

typedef struct {
    PyCodeObject *code; /* borrowed */
    const void *at;     /* the instruction, in the code's own memory */
} green_code_position;

/* Returns the line of the source. */
int green_code_line(const green_code_position *position);

/* Fill `positions` with at most `limit` calls of the running greenlet, innermost first. Returns how
   many there are. */
int green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit);

/* Whether green_pystate_stack with that `limit` would give just these `count` positions. */
bool green_pystate_stack_is(PyThreadState *ts, const green_code_position *positions, int count,
                            int limit);

/* Whether tools of sys.monitoring are told of calls and returns, as far as the innermost function
   of the running greenlet shows. */
bool green_pystate_monitored(PyThreadState *ts);

#endif
