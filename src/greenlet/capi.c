#include "greenlet/capi.h"
#include "greenlet/attributes.h"
#include "greenlet/greenlet.h"

/* The entries have the order of greenlet's public header, which says what each promises. */
enum {
    CAPI_TYPE,
    CAPI_ERROR,
    CAPI_EXIT,
    CAPI_NEW,
    CAPI_GET_CURRENT,
    CAPI_THROW,
    CAPI_SWITCH,
    CAPI_SET_PARENT,
    CAPI_MAIN,
    CAPI_STARTED,
    CAPI_ACTIVE,
    CAPI_GET_PARENT,
    CAPI_SIZE,
};

static void *capi[CAPI_SIZE];

static GreenletObject *
capi_check(PyObject *op)
{
    if (op == NULL || !Greenlet_Check(op)) {
        PyErr_BadArgument();
        return NULL;
    }
    return (GreenletObject *)op;
}

static PyObject *
capi_new(PyObject *run, PyObject *parent)
{
    GreenletObject *current = green_greenlet_current();
    GreenletObject *g =
        current == NULL ? NULL : green_greenlet_new(Greenlet_Type, run, NULL, NULL, current);
    if (g != NULL && parent != NULL && parent != Py_None &&
        green_attributes_set_parent(g, parent) < 0) {
        Py_CLEAR(g);
    }
    return (PyObject *)g;
}

static PyObject *
capi_get_current(void)
{
    return Py_XNewRef((PyObject *)green_greenlet_current());
}

static PyObject *
capi_throw(PyObject *op, PyObject *type, PyObject *value, PyObject *traceback)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? NULL : green_attributes_throw(g, type, value, traceback);
}

static PyObject *
capi_switch(PyObject *op, PyObject *args, PyObject *kwargs)
{
    GreenletObject *g = capi_check(op);
    if (g == NULL) {
        return NULL;
    }
    if (kwargs != NULL && !PyDict_Check(kwargs)) {
        PyErr_BadArgument();
        return NULL;
    }
    PyObject *tuple = args == NULL ? PyTuple_New(0) : PySequence_Tuple(args);
    PyObject *result = tuple == NULL ? NULL : green_attributes_switch(g, tuple, kwargs);
    Py_XDECREF(tuple);
    return result;
}

static int
capi_set_parent(PyObject *op, PyObject *parent)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? -1 : green_attributes_set_parent(g, parent);
}

static int
capi_main(PyObject *op)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? -1 : g->is_main;
}

static int
capi_started(PyObject *op)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? -1 : g->status != GREEN_UNSTARTED;
}

static int
capi_active(PyObject *op)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? -1 : green_attributes_bool(op);
}

static PyObject *
capi_get_parent(PyObject *op)
{
    GreenletObject *g = capi_check(op);
    return g == NULL ? NULL : Py_XNewRef((PyObject *)g->parent);
}

int
green_capi_exec(PyObject *module)
{
    capi[CAPI_TYPE] = Greenlet_Type;
    capi[CAPI_ERROR] = green_exc_error;
    capi[CAPI_EXIT] = green_exc_GreenletExit;
    capi[CAPI_NEW] = (void *)capi_new;
    capi[CAPI_GET_CURRENT] = (void *)capi_get_current;
    capi[CAPI_THROW] = (void *)capi_throw;
    capi[CAPI_SWITCH] = (void *)capi_switch;
    capi[CAPI_SET_PARENT] = (void *)capi_set_parent;
    capi[CAPI_MAIN] = (void *)capi_main;
    capi[CAPI_STARTED] = (void *)capi_started;
    capi[CAPI_ACTIVE] = (void *)capi_active;
    capi[CAPI_GET_PARENT] = (void *)capi_get_parent;
    PyObject *capsule = PyCapsule_New(capi, "greenlet._C_API", NULL);
    if (capsule == NULL) {
        return -1;
    }
    int status = PyModule_AddObjectRef(module, "_C_API", capsule);
    Py_DECREF(capsule);
    return status;
}
