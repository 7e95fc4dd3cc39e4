/* Callbacks: Python calls in the ready queue. loop.run_callback returns one. */
#ifndef GREEN_LOOP_CALLBACK_H
#define GREEN_LOOP_CALLBACK_H

#include <Python.h>
#include <structmember.h>
#include "loop/loop.h"

/* Queues the call func(*args), which is made on the hub's stack. `args` is a tuple; both are
   borrowed. Returns a new reference to an object with stop(); NULL with an exception. */
PyObject *green_callback_new(LoopObject *loop, PyObject *func, PyObject *args);

int green_callback_exec(PyObject *module);

#endif
