/* Groups of greenlets, with or without a limit on how many. */
#ifndef GREEN_TASK_GROUP_H
#define GREEN_TASK_GROUP_H

#include <Python.h>

/* spawn(*args): without a call of Python's where it is a group's own method. Vectorcall's
 * arguments. */
PyObject *green_group_call_spawn(PyObject *spawn, PyObject *const *args, size_t nargsf);

int green_group_exec(PyObject *module);

#endif
