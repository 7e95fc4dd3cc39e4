#include "greenlet/arguments.h"

#include <limits.h>

int
green_arguments_sort(const char *function, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames, const char *const *names, Py_ssize_t count, PyObject **out)
{
    if (nargs > count) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most %zd arguments (%zd given)", function,
                     count, nargs);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        out[i] = i < nargs ? args[i] : NULL;
    }
    Py_ssize_t given = kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t k = 0; k < given; k++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, k); /* borrowed */
        Py_ssize_t i = 0;
        while (i < count && PyUnicode_CompareWithASCIIString(name, names[i]) != 0) {
            i++;
        }
        if (i == count) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", function,
                         name);
            return -1;
        }
        if (out[i] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%s'", function,
                         names[i]);
            return -1;
        }
        out[i] = args[nargs + k];
    }
    return 0;
}

int
green_argument_int(PyObject *value, int *number)
{
    if (value == NULL) {
        return 0;
    }
    long given = PyLong_AsLong(value);
    if (given == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (given < INT_MIN || given > INT_MAX) {
        PyErr_SetString(PyExc_OverflowError, "the number does not fit into a C int");
        return -1;
    }
    *number = (int)given;
    return 0;
}

int
green_argument_buffer(const char *function, PyObject *value, bool writable, Py_buffer *buffer)
{
    if (value != NULL && !PyUnicode_Check(value) &&
        PyObject_GetBuffer(value, buffer, writable ? PyBUF_WRITABLE : PyBUF_SIMPLE) == 0) {
        return 0;
    }
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() needs bytes", function);
    } else if (PyUnicode_Check(value) || PyErr_ExceptionMatches(PyExc_BufferError)) {
        PyErr_Format(PyExc_TypeError, "%s() needs a %sbytes-like object, not '%.200s'", function,
                     writable ? "read-write " : "", Py_TYPE(value)->tp_name);
    }
    return -1;
}
