#include "hub/sleep.h"

#include <string.h>

#include "greenlet/type.h"
#include "hub/wait.h"

static PyObject *zero; /* owned; the one int object that is 0 */

static PyObject *
sleep_sleep(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 1 && kwnames == NULL && args[0] == zero) {
        return green_wait_yield() < 0 ? NULL : Py_NewRef(Py_None);
    }
    double seconds = 0;
    int ref = 1;
    PyObject *wanted = nargs > 0 ? args[0] : NULL, *wanted_ref = nargs > 1 ? args[1] : NULL;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < nkw; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (wanted == NULL && PyUnicode_CompareWithASCIIString(name, "seconds") == 0) {
            wanted = args[nargs + i];
        } else if (wanted_ref == NULL && PyUnicode_CompareWithASCIIString(name, "ref") == 0) {
            wanted_ref = args[nargs + i];
        } else {
            return PyErr_Format(PyExc_TypeError, "sleep() got an unexpected argument %R", name);
        }
    }
    if (nargs > 2) {
        PyErr_SetString(PyExc_TypeError, "sleep() takes at most 2 arguments: seconds, ref");
        return NULL;
    }
    if (wanted == Py_None) {
        PyErr_SetString(PyExc_TypeError, "sleep() takes a number of seconds, not None");
        return NULL;
    }
    if ((wanted != NULL && green_wait_seconds(wanted, &seconds) < 0) ||
        (wanted_ref != NULL && (ref = PyObject_IsTrue(wanted_ref)) < 0)) {
        return NULL;
    }
    return green_wait_sleep(seconds, ref) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
sleep_time_sleep(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!PyNumber_Check(arg) || PyComplex_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "must be real number (integer or float), not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    double seconds = PyFloat_AsDouble(arg);
    if (seconds == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!(seconds >= 0)) { /* true for NaN, too */
        PyErr_SetString(PyExc_ValueError, "sleep length must be non-negative");
        return NULL;
    }
    return green_wait_sleep(seconds, true) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef sleep_functions[] = {
    {"sleep", (PyCFunction)(void (*)(void))sleep_sleep, METH_FASTCALL | METH_KEYWORDS,
     "sleep(seconds=0, ref=True)\n--\n\n"
     "Park the running greenlet for at least `seconds`. 0 or less: let all others that are ready "
     "run\nonce. With ref=False the sleep alone does not keep the loop running."},
    {NULL, NULL, 0, NULL},
};

/* time.sleep. Its repr and its pickle name greencore.time, where it is `sleep`; in this module the
   function above has that name. */
static PyMethodDef time_sleep = {
    "sleep", sleep_time_sleep, METH_O,
    "sleep(seconds, /)\n--\n\n"
    "Sleep in this greenlet only. `seconds` is a number that is not negative; nothing is\n"
    "returned. Raises ValueError and TypeError for what is no such number."};

static int
sleep_add_time_sleep(PyObject *module)
{
    static const char home[] = "greencore.time";
    PyObject *name = green_module_name(home, (Py_ssize_t)strlen(home));
    PyObject *function = name == NULL ? NULL : PyCFunction_NewEx(&time_sleep, module, name);
    Py_XDECREF(name);
    int status = function == NULL ? -1 : PyModule_AddObjectRef(module, "time_sleep", function);
    Py_XDECREF(function);
    return status;
}

int
green_sleep_exec(PyObject *module)
{
    zero = PyLong_FromLong(0);
    if (zero == NULL || PyModule_AddFunctions(module, sleep_functions) < 0) {
        return -1;
    }
    return sleep_add_time_sleep(module);
}
