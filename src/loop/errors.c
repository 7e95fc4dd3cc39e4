#include "loop/errors.h"

#include "greenlet/greenlet.h"
#include "greenlet/type.h"

PyObject *green_exc_LoopExit;
PyObject *green_exc_BlockingSwitchOutError;
PyObject *green_exc_InvalidSwitchError;
PyObject *green_exc_ConcurrentObjectUseError;
PyObject *green_exc_InvalidThreadUseError;
PyObject *green_exc_HubDestroyed;

/* Returns args[index] of an exception, or None where it has fewer. */
static PyObject *
error_arg(PyObject *self, Py_ssize_t index)
{
    PyObject *args = ((PyBaseExceptionObject *)self)->args;
    return Py_NewRef(PyTuple_GET_SIZE(args) > index ? PyTuple_GET_ITEM(args, index) : Py_None);
}

static PyObject *
loopexit_get_hub(PyObject *self, void *Py_UNUSED(closure))
{
    return error_arg(self, 1);
}

/* Returns the message, and a line for each greenlet that waits (args[2] is a list of str). */
static PyObject *
loopexit_str(PyObject *self)
{
    PyObject *args = ((PyBaseExceptionObject *)self)->args;
    if (PyTuple_GET_SIZE(args) < 3 || !PyList_Check(PyTuple_GET_ITEM(args, 2))) {
        return ((PyTypeObject *)PyExc_Exception)->tp_str(self);
    }
    PyObject *newline = PyUnicode_FromString("\n\t");
    PyObject *lines = newline ? PyUnicode_Join(newline, PyTuple_GET_ITEM(args, 2)) : NULL;
    Py_XDECREF(newline);
    if (lines == NULL) {
        return NULL;
    }
    PyObject *text =
        PyUnicode_FromFormat("%S\n\tHub: %R\n\tWaiting:\n\t%U", PyTuple_GET_ITEM(args, 0),
                             PyTuple_GET_ITEM(args, 1), lines);
    Py_DECREF(lines);
    return text;
}

static PyGetSetDef loopexit_getset[] = {
    {"hub", loopexit_get_hub, NULL, "The hub whose loop had nothing left to wait for.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot loopexit_slots[] = {
    {Py_tp_doc,
     "Raised in the main greenlet when every greenlet waits for another, and neither a timer "
     "nor a descriptor nor another thread is left that could wake one."},
    {Py_tp_str, loopexit_str},
    {Py_tp_getset, loopexit_getset},
    {0, NULL},
};

static PyType_Spec loopexit_spec = {
    .name = "greencore.exceptions.LoopExit",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = loopexit_slots,
};

static PyObject *
hubdestroyed_get_destroy_loop(PyObject *self, void *Py_UNUSED(closure))
{
    return error_arg(self, 0);
}

static PyGetSetDef hubdestroyed_getset[] = {
    {"destroy_loop", hubdestroyed_get_destroy_loop, NULL, "Whether its loop goes with the hub.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot hubdestroyed_slots[] = {
    {Py_tp_doc, "HubDestroyed(destroy_loop)\n--\n\nThrown into a hub that is being destroyed."},
    {Py_tp_getset, hubdestroyed_getset},
    {0, NULL},
};

static PyType_Spec hubdestroyed_spec = {
    .name = "greencore.exceptions.HubDestroyed",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = hubdestroyed_slots,
};

static int
error_add(PyObject *module, const char *name, const char *doc, PyObject *base, PyObject **where)
{
    char full[64];
    snprintf(full, sizeof(full), "greencore.exceptions.%s", name);
    *where = green_type_new_exception(full, doc, base);
    return *where == NULL ? -1 : PyModule_AddObjectRef(module, name, *where);
}

static int
error_add_type(PyObject *module, PyType_Spec *spec, PyObject *base, const char *name,
               PyObject **where)
{
    PyObject *bases = PyTuple_Pack(1, base);
    if (bases == NULL) {
        return -1;
    }
    *where = green_type_new(NULL, spec, bases);
    Py_DECREF(bases);
    return *where == NULL ? -1 : PyModule_AddObjectRef(module, name, *where);
}

int
green_errors_exec(PyObject *module)
{
    if (error_add_type(module, &loopexit_spec, PyExc_Exception, "LoopExit", &green_exc_LoopExit) <
            0 ||
        error_add_type(module, &hubdestroyed_spec, green_exc_GreenletExit, "HubDestroyed",
                       &green_exc_HubDestroyed) < 0 ||
        error_add(
            module, "BlockingSwitchOutError",
            "A blocking call where none can be made: in a callback of the hub, or in a section "
            "that forbids switches.",
            PyExc_AssertionError, &green_exc_BlockingSwitchOutError) < 0 ||
        error_add(module, "InvalidSwitchError",
                  "A waiting greenlet was switched to by somebody it did not wait for.",
                  PyExc_AssertionError, &green_exc_InvalidSwitchError) < 0 ||
        error_add(module, "ConcurrentObjectUseError",
                  "A second greenlet uses an object that serves one at a time.",
                  PyExc_AssertionError, &green_exc_ConcurrentObjectUseError) < 0 ||
        error_add(module, "InvalidThreadUseError",
                  "An object was used from another thread than the one it belongs to.",
                  PyExc_RuntimeError, &green_exc_InvalidThreadUseError) < 0) {
        return -1;
    }
    return 0;
}
