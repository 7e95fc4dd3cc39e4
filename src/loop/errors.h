/* The exceptions of greencore.exceptions. */
#ifndef GREEN_LOOP_ERRORS_H
#define GREEN_LOOP_ERRORS_H

#include <Python.h>

extern PyObject *green_exc_LoopExit;                 /* nothing left could wake who waits */
extern PyObject *green_exc_BlockingSwitchOutError;   /* blocking where none may */
extern PyObject *green_exc_InvalidSwitchError;       /* a switch that nobody expected */
extern PyObject *green_exc_ConcurrentObjectUseError; /* a second one waits where one may */
extern PyObject *green_exc_InvalidThreadUseError;    /* an object used in a thread not its own */
extern PyObject *green_exc_HubDestroyed;             /* thrown into a hub to end it */

int green_errors_exec(PyObject *module);

#endif
