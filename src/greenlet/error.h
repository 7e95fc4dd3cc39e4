/* Takes and sets the exception that is being raised as one object, which a switch can hand over. */
#ifndef GREEN_GREENLET_ERROR_H
#define GREEN_GREENLET_ERROR_H

#include <Python.h>

/* Take the exception that is set, with its traceback: new reference, or NULL where none is set.
   Before 3.12 this may call the exception's class. */
static inline PyObject *
green_error_take(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return value;
#endif
}

/* Set `exception` (stolen; NULL: none is set any more) as it is, its context included. */
static inline void
green_error_raise(PyObject *exception)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(exception);
#else
    if (exception == NULL) {
        PyErr_Clear();
        return;
    }
    PyObject *type = (PyObject *)Py_TYPE(exception);
    Py_INCREF(type);
    PyErr_Restore(type, exception, PyException_GetTraceback(exception));
#endif
}

#endif
