/* Shows a switch to the tracers of Python code: the greenlet that arrives enters a Python frame and
   leaves it. Tracers that keep greenlets apart (coverage.py) ask at each call and return which
   greenlet runs; without this frame, none of these would come between a wait in C and the line
   after it. Profilers need no such frame, because they are told when the C function that has waited
   returns. */
#ifndef GREEN_GREENLET_ARRIVAL_H
#define GREEN_GREENLET_ARRIVAL_H

#include <Python.h>

/* Show the arrival of the running greenlet to those who trace it. Needed only where
   green_pystate_traced returns true. 0, or -1 with an exception of a tracer. */
int green_arrival_show(PyThreadState *ts);

int green_arrival_exec(PyObject *module);

#endif
