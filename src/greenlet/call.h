/* The call that a greenlet is for. */
#ifndef GREEN_GREENLET_CALL_H
#define GREEN_GREENLET_CALL_H

#include <Python.h>

/* func(*args): what PyObject_Vectorcall does, without its check of the outcome where that is the
   interpreter's own. */
static inline PyObject *
green_call(PyObject *func, PyObject *const *args, Py_ssize_t nargs)
{
    if (PyFunction_Check(func)) {
        return ((PyFunctionObject *)func)->vectorcall(func, args, (size_t)nargs, NULL);
    }
    return PyObject_Vectorcall(func, args, (size_t)nargs, NULL);
}

#endif
