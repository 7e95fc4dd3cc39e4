/* Where the running greenlet is, as code and instructions: no frame object is made. */
#ifndef GREEN_GREENLET_PYSTATE_STACK_H
#define GREEN_GREENLET_PYSTATE_STACK_H

#include <Python.h>
#include <stdbool.h>

typedef struct {
    PyCodeObject *code; /* borrowed */
    const void *at;     /* the instruction, in the code's own memory */
} green_code_position;

/* The line in the source. */
int green_code_line(const green_code_position *position);

/* Fill `positions` with at most `limit` calls of the running greenlet, innermost first. Returns how
   many. */
int green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit);

/* Whether that would give just these. */
bool green_pystate_stack_is(PyThreadState *ts, const green_code_position *positions, int count,
                            int limit);

/* Whether tools of sys.monitoring are told when the running greenlet's innermost function calls and
 * returns. */
bool green_pystate_monitored(PyThreadState *ts);

#endif
