/* Calls the function that a greenlet was made for. */
#ifndef GREEN_GREENLET_CALL_H
#define GREEN_GREENLET_CALL_H

#include <Python.h>

/* Call func(*args) as PyObject_Vectorcall does, whose `nargsf` this takes. A Python function is
   called without its check that either a result or an exception came out: the interpreter sees to
   that itself. New reference, or NULL with an exception. */
static inline PyObject *
green_call(PyObject *func, PyObject *const *args, size_t nargsf)
{
    if (PyFunction_Check(func)) {
        return ((PyFunctionObject *)func)->vectorcall(func, args, nargsf, NULL);
    }
    return PyObject_Vectorcall(func, args, nargsf, NULL);
}

#endif
