/* The exceptions of greencore.exceptions. */
#ifndef GREEN_LOOP_ERRORS_H
#define GREEN_LOOP_ERRORS_H

#include <Python.h>

extern PyObject *green_exc_LoopExit;                 /* nothing is left that could wake who waits */
extern PyObject *green_exc_BlockingSwitchOutError;   /* blocking where nobody may block */
extern PyObject *green_exc_InvalidSwitchError;       /* a switch that nobody expected */
extern PyObject *green_exc_ConcurrentObjectUseError; /* a second one waits where only one may */
extern PyObject *green_exc_InvalidThreadUseError;    /* an object is used in a thread not its own */
extern PyObject *green_exc_HubDestroyed;             /* thrown into a hub to end it */

int green_errors_exec(PyObject *module);

#endif
