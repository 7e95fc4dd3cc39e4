/* The methods and attributes of a task that Python code sees. */
#ifndef GREEN_TASK_ATTRIBUTES_H
#define GREEN_TASK_ATTRIBUTES_H

#include <Python.h>

extern PyMethodDef green_task_methods[];
extern PyGetSetDef green_task_getset[];

PyObject *green_task_repr(PyObject *self);
int green_task_bool(PyObject *self);
PyObject *green_task_formatinfo(PyObject *self, PyObject *none);

#endif
