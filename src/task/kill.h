/* Ends greenlets from outside, by exceptions that are thrown into them at their turn. */
#ifndef GREEN_TASK_KILL_H
#define GREEN_TASK_KILL_H

#include <Python.h>
#include "task/task.h"

/* Make an exception object of what throw() and kill() take: up to three of class, value, traceback
   (none at all: GreenletExit). New reference, or NULL with an exception. */
PyObject *green_kill_exception(PyObject *const *args, Py_ssize_t nargs);

/* The methods kill() and throw() of a task. */
PyObject *green_task_kill(PyObject *self, PyObject *const *args, Py_ssize_t nargs,
                          PyObject *kwnames);
PyObject *green_task_throw(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

int green_kill_exec(PyObject *module);

#endif
