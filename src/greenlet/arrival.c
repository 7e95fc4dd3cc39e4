#include "greenlet/arrival.h"
#include "greenlet/pystate_stack.h"

static PyObject *arrival; /* owned; a Python function that does nothing */

int
green_arrival_show(PyThreadState *ts)
{
    if (ts->c_tracefunc == NULL && !green_pystate_monitored(ts)) {
        return 0;
    }
    PyObject *result = PyObject_CallNoArgs(arrival);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

int
green_arrival_exec(PyObject *module)
{
    /* No tool takes a name in angle brackets for a file of the program. */
    PyObject *code = Py_CompileString("def arrival(): pass\n", "<greenlet switch>", Py_file_input);
    PyObject *names = code == NULL ? NULL : PyDict_New();
    if (names == NULL) {
        Py_XDECREF(code);
        return -1;
    }
    PyObject *name = PyModule_GetNameObject(module);
    PyObject *done = NULL;
    if (name != NULL && PyDict_SetItemString(names, "__name__", name) == 0) {
        done = PyEval_EvalCode(code, names, names);
    }
    Py_XDECREF(name);
    Py_DECREF(code);
    arrival = done == NULL ? NULL : Py_XNewRef(PyDict_GetItemString(names, "arrival"));
    Py_XDECREF(done);
    Py_DECREF(names);
    return arrival == NULL ? -1 : 0;
}
