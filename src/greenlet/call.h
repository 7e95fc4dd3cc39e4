/* The call that a greenlet is for. */
#ifndef GREEN_GREENLET_CALL_H
#define GREEN_GREENLET_CALL_H

#include <Python.h>

/* func(*args): what PyObject_Vectorcall does with `nargsf`, without its check of the outcome where
   that is the interpreter's own. */
static inline PyObject *
green_call(PyObject *func, PyObject *const *args, size_t nargsf)
{
    if (PyFunction_Check(func)) {
        return ((PyFunctionObject *)func)->vectorcall(func, args, nargsf, NULL);
    }
    return PyObject_Vectorcall(func, args, nargsf, NULL);
}

#endif
