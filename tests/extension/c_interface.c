/* An extension that uses greenlets through the public header alone. */
#include <Python.h>
#include "greenlet/greenlet.h"

static PyObject *
get_current(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return (PyObject *)PyGreenlet_GetCurrent();
}

static PyObject *
new_greenlet(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *run;
    PyGreenlet *parent = NULL;
    if (!PyArg_ParseTuple(args, "O|O", &run, &parent)) {
        return NULL;
    }
    return (PyObject *)PyGreenlet_New(run, parent);
}

static PyObject *
switch_to(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyGreenlet *g;
    PyObject *a = NULL, *kw = NULL;
    if (!PyArg_ParseTuple(args, "O|OO", &g, &a, &kw)) {
        return NULL;
    }
    return PyGreenlet_Switch(g, a == Py_None ? NULL : a, kw);
}

static PyObject *
throw_into(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyGreenlet *g;
    PyObject *type, *value = NULL, *traceback = NULL;
    if (!PyArg_ParseTuple(args, "OO|OO", &g, &type, &value, &traceback)) {
        return NULL;
    }
    return PyGreenlet_Throw(g, type, value, traceback);
}

static PyObject *
set_parent(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyGreenlet *g, *parent;
    if (!PyArg_ParseTuple(args, "OO", &g, &parent) || PyGreenlet_SetParent(g, parent) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
get_parent(PyObject *Py_UNUSED(module), PyObject *op)
{
    PyGreenlet *parent = PyGreenlet_GetParent((PyGreenlet *)op);
    if (parent == NULL && !PyErr_Occurred()) {
        Py_RETURN_NONE;
    }
    return (PyObject *)parent;
}

/* (is a greenlet, main, started, active); the last three -1 where it is none. */
static PyObject *
describe(PyObject *Py_UNUSED(module), PyObject *op)
{
    PyGreenlet *g = (PyGreenlet *)op;
    int check = PyGreenlet_Check(op);
    int is_main = PyGreenlet_MAIN(g), started = PyGreenlet_STARTED(g),
        active = PyGreenlet_ACTIVE(g);
    if (is_main < 0 || started < 0 || active < 0) {
        PyErr_Clear();
    }
    return Py_BuildValue("(iiii)", check, is_main, started, active);
}

/* The fields that the header shows: (has weak references, dict or None). */
static PyObject *
look_inside(PyObject *Py_UNUSED(module), PyObject *op)
{
    PyGreenlet *g = (PyGreenlet *)op;
    return Py_BuildValue("(iO)", g->weakreflist != NULL, g->dict == NULL ? Py_None : g->dict);
}

static PyMethodDef functions[] = {
    {"get_current", get_current, METH_NOARGS, NULL},
    {"new", new_greenlet, METH_VARARGS, NULL},
    {"switch", switch_to, METH_VARARGS, NULL},
    {"throw", throw_into, METH_VARARGS, NULL},
    {"set_parent", set_parent, METH_VARARGS, NULL},
    {"get_parent", get_parent, METH_O, NULL},
    {"describe", describe, METH_O, NULL},
    {"look_inside", look_inside, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef c_interface = {
    PyModuleDef_HEAD_INIT, "c_interface", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit_c_interface(void)
{
    PyGreenlet_Import();
    if (_PyGreenlet_API == NULL) {
        return NULL;
    }
    PyObject *module = PyModule_Create(&c_interface);
    if (module == NULL ||
        PyModule_AddObjectRef(module, "greenlet", (PyObject *)&PyGreenlet_Type) < 0 ||
        PyModule_AddObjectRef(module, "error", PyExc_GreenletError) < 0 ||
        PyModule_AddObjectRef(module, "GreenletExit", PyExc_GreenletExit) < 0) {
        return NULL;
    }
    return module;
}
