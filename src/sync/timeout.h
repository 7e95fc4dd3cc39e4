/* Timeout: an exception that raises itself in a greenlet when its time is up. */
#ifndef GREEN_SYNC_TIMEOUT_H
#define GREEN_SYNC_TIMEOUT_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "loop/loop.h"

extern PyTypeObject *Timeout_Type;

/* The `timeout` argument of a blocking method: None, seconds, or a Timeout, which is started for
   the duration of the call and raises what it is made to raise. */
typedef struct green_deadline {
    double seconds;    /* for green_wait */
    PyObject *timeout; /* borrowed from the caller: the Timeout, or NULL */
} green_deadline;

int green_deadline_start_given(green_deadline *deadline, PyObject *argument);
int green_deadline_stop_timeout(green_deadline *deadline);

/* `argument` may be NULL. 0, or -1 with an exception. */
static inline int
green_deadline_start(green_deadline *deadline, PyObject *argument)
{
    deadline->seconds = -1;
    deadline->timeout = NULL;
    return argument == NULL || argument == Py_None ? 0
                                                   : green_deadline_start_given(deadline, argument);
}

/* Stop the Timeout, if there is one. Keeps the current exception. 0, or -1 with a new one. */
static inline int
green_deadline_stop(green_deadline *deadline)
{
    return deadline->timeout == NULL ? 0 : green_deadline_stop_timeout(deadline);
}

/* Is the current exception the deadline's own Timeout? Clears it if so. */
bool green_deadline_caught(const green_deadline *deadline);

/* Raise a new Timeout of `argument` (borrowed, may be NULL) seconds. Returns NULL. */
PyObject *green_timeout_raise(PyObject *argument);

int green_timeout_exec(PyObject *module);

#endif
