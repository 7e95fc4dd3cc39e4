/* Python calls in the ready queue: what loop.run_callback returns. */
#ifndef GREEN_LOOP_CALLBACK_H
#define GREEN_LOOP_CALLBACK_H

#include <Python.h>
#include <structmember.h>
#include "loop/loop.h"

/* func(*args) will be called on the hub's stack; args is a tuple. New reference, to an object with
   stop(); NULL with an exception. */
PyObject *green_callback_new(LoopObject *loop, PyObject *func, PyObject *args);

int green_callback_exec(PyObject *module);

#endif
