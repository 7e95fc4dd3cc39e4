/* What the tracers of Python code see of a switch: the greenlet that arrives enters a Python frame,
   and leaves it. Tracers that keep apart what greenlets do (coverage.py) ask who runs at each call
   and return; after a wait in C there would be none before the next line. Profilers need no such
   frame: they are told when the C function that has waited returns. */
#ifndef GREEN_GREENLET_ARRIVAL_H
#define GREEN_GREENLET_ARRIVAL_H

#include <Python.h>

/* For the greenlet that runs, where green_pystate_traced. 0, or -1 with the exception of a tracer.
 */
int green_arrival_show(PyThreadState *ts);

int green_arrival_exec(PyObject *module);

#endif
