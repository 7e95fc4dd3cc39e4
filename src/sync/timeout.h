/* Timeout: an exception that raises itself in a greenlet when its time is up. */
#ifndef GREEN_SYNC_TIMEOUT_H
#define GREEN_SYNC_TIMEOUT_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "hub/loop.h"

extern PyTypeObject *Timeout_Type;

/* The `timeout` argument of a blocking method: None, seconds, or a Timeout, which is started for
   the duration of the call and raises what it is made to raise. */
typedef struct green_deadline {
    double seconds;    /* for green_wait */
    PyObject *timeout; /* borrowed from the caller: the Timeout, or NULL */
} green_deadline;

/* `argument` may be NULL. 0, or -1 with an exception. */
int green_deadline_start(green_deadline *deadline, PyObject *argument);

/* Stop the Timeout, if there is one. Keeps the current exception. 0, or -1 with a new one. */
int green_deadline_stop(green_deadline *deadline);

/* Is the current exception the deadline's own Timeout? Clears it if so. */
bool green_deadline_caught(const green_deadline *deadline);

/* Raise a new Timeout of `argument` (borrowed, may be NULL) seconds. Returns NULL. */
PyObject *green_timeout_raise(PyObject *argument);

int green_timeout_exec(PyObject *module);

#endif
