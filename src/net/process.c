#include "net/process.h"

#include "greenlet/thread.h"

static PyObject *
write_unraisable(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *message;
    PyObject *object, *type, *value, *traceback;
    if (!PyArg_ParseTuple(args, "sO:write_unraisable", &message, &object)) {
        return NULL;
    }
    PyErr_GetExcInfo(&type, &value, &traceback);
    if (type == NULL || type == Py_None) {
        type = value ? Py_NewRef((PyObject *)Py_TYPE(value)) : NULL;
    }
    PyErr_Restore(type, value, traceback);
    if (PyErr_Occurred() != NULL) {
#if PY_VERSION_HEX >= 0x030D0000
        PyErr_FormatUnraisable("Exception ignored %s %R", message, object);
#else
        _PyErr_WriteUnraisableMsg(message, object);
#endif
    }
    Py_RETURN_NONE;
}

static PyObject *
forbid_switch(PyObject *Py_UNUSED(module), PyObject *arg)
{
    long change = PyLong_AsLong(arg);
    if (change == -1 && PyErr_Occurred()) {
        return NULL;
    }
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if ((change != 1 && change != -1) || (change == -1 && thread->no_switch == 0)) {
        PyErr_SetString(PyExc_ValueError, "1 to forbid, -1 to allow again");
        return NULL;
    }
    thread->no_switch += (unsigned)change;
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"write_unraisable", write_unraisable, METH_VARARGS,
     "write_unraisable(message, object)\n--\n\n"
     "Give the exception being handled to sys.unraisablehook, with what was going on and whose\n"
     "it is."},
    {"forbid_switch", forbid_switch, METH_O,
     "forbid_switch(change)\n--\n\n"
     "1: no greenlet of this thread may switch from now on; -1: the opposite. They nest."},
    {NULL, NULL, 0, NULL},
};

int
green_process_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, module_methods);
}
