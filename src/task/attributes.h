/* What Python sees of a task. */
#ifndef GREEN_TASK_ATTRIBUTES_H
#define GREEN_TASK_ATTRIBUTES_H

#include <Python.h>

extern PyMethodDef green_task_methods[];
extern PyGetSetDef green_task_getset[];

PyObject *green_task_repr(PyObject *self);
int green_task_bool(PyObject *self);
PyObject *green_task_formatinfo(PyObject *self, PyObject *none);

/* Give `values` what a call of fastcall convention passes for `names`. -1: TypeError. */
int green_parse_arguments(const char *function, const char *const *names, int count,
                          PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                          PyObject **values);

/* green_wait_seconds, for a time-out that may also be a Timeout object. */
int green_task_seconds(PyObject *timeout, double *seconds);

#endif
