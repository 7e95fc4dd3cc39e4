/* A Timeout is an exception that raises itself in a greenlet when its time is up. */
#ifndef GREEN_SYNC_TIMEOUT_H
#define GREEN_SYNC_TIMEOUT_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "loop/loop.h"

extern PyTypeObject *Timeout_Type;

/* What a blocking method makes of its `timeout`, which is None, seconds, or a Timeout. A Timeout is
   started for the duration of the call, and raises what it is made to raise. */
typedef struct green_deadline {
    double seconds;    /* s, for green_wait; negative: for ever */
    PyObject *timeout; /* borrowed from the caller: the Timeout, or NULL */
} green_deadline;

int green_deadline_start_given(green_deadline *deadline, PyObject *argument);
int green_deadline_stop_timeout(green_deadline *deadline);

/* Begin a deadline. `argument` (borrowed) may be NULL. 0, after which green_deadline_stop must
   follow; or -1 with an exception. */
static inline int
green_deadline_start(green_deadline *deadline, PyObject *argument)
{
    deadline->seconds = -1;
    deadline->timeout = NULL;
    return argument == NULL || argument == Py_None ? 0
                                                   : green_deadline_start_given(deadline, argument);
}

/* Stop the Timeout, if there is one. Keeps the current exception. 0, or -1 with a new one in its
   place. */
static inline int
green_deadline_stop(green_deadline *deadline)
{
    return deadline->timeout == NULL ? 0 : green_deadline_stop_timeout(deadline);
}

/* Whether the current exception is the deadline's own Timeout; if so, it is cleared. */
bool green_deadline_caught(const green_deadline *deadline);

/* Raise a new Timeout of `argument` (borrowed, may be NULL) seconds. Returns NULL. */
PyObject *green_timeout_raise(PyObject *argument);

int green_timeout_exec(PyObject *module);

#endif
