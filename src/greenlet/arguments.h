/* Arguments of METH_FASTCALL methods, which come without a tuple. */
#ifndef GREEN_GREENLET_ARGUMENTS_H
#define GREEN_GREENLET_ARGUMENTS_H

#include <Python.h>
#include <stdbool.h>

/* Sort positional and keyword arguments into `out`: borrowed, NULL where not given. `names` are the
   `count` parameters, all optional. 0, or -1 with TypeError. */
int green_arguments_sort(const char *function, PyObject *const *args, Py_ssize_t nargs,
                         PyObject *kwnames, const char *const *names, Py_ssize_t count,
                         PyObject **out);

static inline int
green_arguments(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                const char *const *names, Py_ssize_t count, PyObject **out)
{
    if (kwnames == NULL && nargs <= count) {
        for (Py_ssize_t i = 0; i < count; i++) {
            out[i] = i < nargs ? args[i] : NULL;
        }
        return 0;
    }
    return green_arguments_sort(function, args, nargs, kwnames, names, count, out);
}

/* Returns the one argument of a function that needs it, borrowed; NULL with TypeError. */
static inline PyObject *
green_argument(const char *function, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
               const char *name)
{
    PyObject *value;
    if (green_arguments(function, args, nargs, kwnames, &name, 1, &value) < 0) {
        return NULL;
    }
    if (value == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() needs the argument '%s'", function, name);
    }
    return value;
}

/* Returns whether a flag is true, or `missing` if it was not given (NULL). -1 with an exception. */
static inline int
green_argument_flag(PyObject *value, int missing)
{
    return value == NULL       ? missing
           : value == Py_True  ? 1
           : value == Py_False ? 0
                               : PyObject_IsTrue(value);
}

/* Set *number to an argument that is an int or has __index__; leave it where `value` is NULL. 0, or
   -1 with TypeError or OverflowError. */
int green_argument_int(PyObject *value, int *number);

/* Get the buffer of an argument, which the function writes to where it is `writable`. 0, or -1 with
   TypeError. */
int green_argument_buffer(const char *function, PyObject *value, bool writable, Py_buffer *buffer);

#endif
