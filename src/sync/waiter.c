#include "sync/waiter.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "hub/hub.h"

typedef enum { WAITER_UNSET, WAITER_VALUE, WAITER_EXCEPTION } waiter_state;

typedef struct WaiterObject {
    PyObject_HEAD
    PyObject *hub;            /* owned; None before __init__() */
    GreenletObject *greenlet; /* owned; who is in get(), or NULL */
    PyObject *value;          /* owned; with WAITER_VALUE what get() returns; or NULL */
    PyObject *throw_args;     /* owned, a tuple; with WAITER_EXCEPTION what get() throws; or NULL */
    waiter_state state;
} WaiterObject;

/* A MultipleWaiter keeps in order all values that were not gotten yet. */
typedef struct MultipleWaiterObject {
    WaiterObject base;
    PyObject *values; /* owned, a list */
} MultipleWaiterObject;

PyTypeObject *Waiter_Type;
static PyTypeObject *MultipleWaiter_Type;

static PyObject *
waiter_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    WaiterObject *self = (WaiterObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->hub = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static int
waiter_init(WaiterObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"hub", NULL};
    PyObject *hub = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Waiter", names, &hub)) {
        return -1;
    }
    if (hub == Py_None) {
        hub = (PyObject *)green_hub_get();
    } else if (!PyObject_TypeCheck(hub, Hub_Type)) {
        PyErr_Format(PyExc_TypeError, "a Hub or None is needed, not %.200s", Py_TYPE(hub)->tp_name);
        return -1;
    }
    if (hub == NULL) {
        return -1;
    }
    Py_XSETREF(self->hub, Py_NewRef(hub));
    return 0;
}

static void
waiter_forget(WaiterObject *self)
{
    self->state = WAITER_UNSET;
    Py_CLEAR(self->value);
    Py_CLEAR(self->throw_args);
}

static PyObject *
waiter_clear_method(WaiterObject *self, PyObject *Py_UNUSED(ignored))
{
    waiter_forget(self);
    Py_CLEAR(self->greenlet);
    Py_RETURN_NONE;
}

/* Check that the running greenlet is the hub, which alone may switch to the greenlet in get(). 0,
   or -1 with an exception. */
static int
waiter_check_hub(WaiterObject *self, const char *method)
{
    GreenletObject *current = green_greenlet_current();
    if (current == NULL) {
        return -1;
    }
    if ((PyObject *)current != self->hub) {
        PyErr_Format(PyExc_AssertionError,
                     "Waiter.%s can only reach a waiting greenlet from the hub", method);
        return -1;
    }
    return 0;
}

/* End a switch to the greenlet in get(), which gave back `result` (stolen). An error is reported by
   the hub, or raised if that has no loop any more. Returns None, or NULL with the exception. */
static PyObject *
waiter_switched(WaiterObject *self, PyObject *result)
{
    LoopObject *loop = ((HubObject *)self->hub)->loop;
    if (result == NULL) {
        if (loop == NULL) {
            return NULL;
        }
        green_loop_handle_error(loop, (PyObject *)self);
    }
    Py_XDECREF(result);
    Py_RETURN_NONE;
}

static PyObject *
waiter_switch(WaiterObject *self, PyObject *value)
{
    if (self->greenlet == NULL) {
        Py_XSETREF(self->value, Py_NewRef(value));
        self->state = WAITER_VALUE;
        Py_RETURN_NONE;
    }
    if (waiter_check_hub(self, "switch()") < 0) {
        return NULL;
    }
    if (green_greenlet_stale(self->greenlet)) {
        Py_RETURN_NONE; /* the greenlet is the parent process's */
    }
    GreenletObject *greenlet = (GreenletObject *)Py_NewRef((PyObject *)self->greenlet);
    PyObject *result = green_greenlet_switch(greenlet, Py_NewRef(value));
    Py_DECREF(greenlet);
    return waiter_switched(self, result);
}

static PyObject *
waiter_switch_args(PyObject *self, PyObject *args)
{
    return PyObject_CallMethod(self, "switch", "(O)", args);
}

static PyObject *
waiter_throw(WaiterObject *self, PyObject *args)
{
    if (self->greenlet == NULL) {
        Py_XSETREF(self->throw_args, Py_NewRef(args));
        self->state = WAITER_EXCEPTION;
        Py_RETURN_NONE;
    }
    if (waiter_check_hub(self, "throw()") < 0) {
        return NULL;
    }
    if (green_greenlet_stale(self->greenlet)) {
        Py_RETURN_NONE;
    }
    PyObject *throw = PyObject_GetAttrString((PyObject *)self->greenlet, "throw");
    if (throw == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallObject(throw, args);
    Py_DECREF(throw);
    return waiter_switched(self, result);
}

static PyObject *
waiter_get(WaiterObject *self, PyObject *Py_UNUSED(ignored))
{
    GreenletObject *current = green_greenlet_current();
    if (current == NULL) {
        return NULL;
    }
    if (self->state == WAITER_VALUE) {
        return Py_NewRef(self->value);
    }
    if (self->state == WAITER_EXCEPTION) {
        PyObject *throw = PyObject_GetAttrString((PyObject *)current, "throw");
        PyObject *result = throw == NULL ? NULL : PyObject_CallObject(throw, self->throw_args);
        Py_XDECREF(throw);
        return result;
    }
    if (self->hub == Py_None) {
        PyErr_SetString(PyExc_ValueError, "this Waiter was never initialized");
        return NULL;
    }
    if (self->greenlet != NULL) {
        PyErr_Format(green_exc_ConcurrentObjectUseError, "This Waiter is already used by %R",
                     self->greenlet);
        return NULL;
    }
    if (GREEN_RARELY(green_thread_self->no_switch)) {
        green_hub_refuse(green_thread_self);
        return NULL;
    }
    self->greenlet = (GreenletObject *)Py_NewRef((PyObject *)current);
    PyObject *result = green_hub_switch((HubObject *)self->hub);
    Py_CLEAR(self->greenlet);
    green_hub_drop_trash();
    return result;
}

static PyObject *
waiter_ready(WaiterObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->state != WAITER_UNSET);
}

static PyObject *
waiter_successful(WaiterObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->state == WAITER_VALUE);
}

/* Called as a link of something that has finished: take over its value or exception. */
static PyObject *
waiter_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"source", NULL};
    PyObject *source;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:__call__", names, &source)) {
        return NULL;
    }
    PyObject *exception = PyObject_GetAttrString(source, "exception");
    if (exception == NULL) {
        return NULL;
    }
    PyObject *result;
    if (exception == Py_None) {
        PyObject *value = PyObject_GetAttrString(source, "value");
        result = value == NULL ? NULL : PyObject_CallMethod(self, "switch", "(O)", value);
        Py_XDECREF(value);
    } else {
        result = PyObject_CallMethod(self, "throw", "(O)", exception);
    }
    Py_DECREF(exception);
    return result;
}

static PyObject *
waiter_repr(WaiterObject *self)
{
    const char *name = _PyType_Name(Py_TYPE(self));
    PyObject *greenlet = Py_NewRef(self->greenlet == NULL ? Py_None : (PyObject *)self->greenlet);
    PyObject *text;
    if (self->state == WAITER_UNSET) {
        text = PyUnicode_FromFormat("<%s greenlet=%S>", name, greenlet);
    } else {
        bool has_value = self->state == WAITER_VALUE;
        PyObject *held = Py_NewRef(has_value ? self->value : self->throw_args);
        text = PyUnicode_FromFormat("<%s greenlet=%S %s=%R>", name, greenlet,
                                    has_value ? "value" : "exc_info", held);
        Py_DECREF(held);
    }
    Py_DECREF(greenlet);
    return text;
}

static PyObject *
waiter_get_exc_info(WaiterObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->state == WAITER_EXCEPTION ? self->throw_args : Py_None);
}

static int
waiter_traverse(WaiterObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->hub);
    Py_VISIT(self->greenlet);
    Py_VISIT(self->value);
    Py_VISIT(self->throw_args);
    return 0;
}

static int
waiter_clear(WaiterObject *self)
{
    waiter_forget(self);
    Py_CLEAR(self->greenlet);
    return 0;
}

static void
waiter_dealloc(WaiterObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    waiter_clear(self);
    Py_CLEAR(self->hub);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyMethodDef waiter_methods[] = {
    {"switch", (PyCFunction)waiter_switch, METH_O,
     PyDoc_STR("switch($self, value, /)\n--\n\n"
               "Let get() return `value`: switch to the greenlet in it, from the hub only\n"
               "(AssertionError), or keep the value for the next get().")},
    {"switch_args", waiter_switch_args, METH_VARARGS,
     PyDoc_STR("switch_args($self, /, *args)\n--\n\n"
               "switch(args): let get() return the arguments as a tuple.")},
    {"throw", (PyCFunction)waiter_throw, METH_VARARGS,
     PyDoc_STR("throw($self, /, *throw_args)\n--\n\n"
               "Let get() raise what greenlet.throw(*throw_args) would; else as switch().")},
    {"get", (PyCFunction)waiter_get, METH_NOARGS,
     PyDoc_STR("get($self, /)\n--\n\n"
               "Return what switch() gives, or raise what throw() gives, waiting for it. Raises\n"
               "ConcurrentObjectUseError while another greenlet is in get().")},
    {"clear", (PyCFunction)waiter_clear_method, METH_NOARGS,
     PyDoc_STR("clear($self, /)\n--\n\n"
               "Forget the value or exception that is kept, so that get() waits again.")},
    {"ready", (PyCFunction)waiter_ready, METH_NOARGS,
     PyDoc_STR("ready($self, /)\n--\n\n"
               "Return whether a value or an exception is kept.")},
    {"successful", (PyCFunction)waiter_successful, METH_NOARGS,
     PyDoc_STR("successful($self, /)\n--\n\n"
               "Return whether a value, and no exception, is kept.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef waiter_members[] = {
    {"hub", T_OBJECT, offsetof(WaiterObject, hub), READONLY, PyDoc_STR("The hub.")},
    {"greenlet", T_OBJECT, offsetof(WaiterObject, greenlet), READONLY,
     PyDoc_STR("Who is in get(), or None.")},
    {"value", T_OBJECT, offsetof(WaiterObject, value), READONLY,
     PyDoc_STR("The value that is kept, or None.")},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef waiter_getset[] = {
    {"exc_info", (getter)waiter_get_exc_info, NULL,
     PyDoc_STR("The arguments of throw() that are kept, or None."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    waiter_doc,
    "Waiter(hub=None)\n--\n\n"
    "The lowest way to hand something to a greenlet: it calls get(), the hub calls switch()\n"
    "or throw(). What comes first waits for the other. AsyncResult and Queue are safer.");

static PyType_Slot waiter_slots[] = {
    {Py_tp_doc, (void *)waiter_doc},   {Py_tp_new, waiter_new},
    {Py_tp_init, waiter_init},         {Py_tp_dealloc, waiter_dealloc},
    {Py_tp_traverse, waiter_traverse}, {Py_tp_clear, waiter_clear},
    {Py_tp_call, waiter_call},         {Py_tp_repr, waiter_repr},
    {Py_tp_methods, waiter_methods},   {Py_tp_members, waiter_members},
    {Py_tp_getset, waiter_getset},     {0, NULL},
};

static PyType_Spec waiter_spec = {
    .name = "greencore.hub.Waiter",
    .basicsize = sizeof(WaiterObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = waiter_slots,
};

/* --- MultipleWaiter --- */

static PyObject *
multiple_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    MultipleWaiterObject *self = (MultipleWaiterObject *)waiter_new(type, args, kwargs);
    if (self != NULL) {
        self->values = PyList_New(0);
        if (self->values == NULL) {
            Py_CLEAR(self);
        }
    }
    return (PyObject *)self;
}

static PyObject *
multiple_switch(MultipleWaiterObject *self, PyObject *value)
{
    if (PyList_Append(self->values, value) < 0) {
        return NULL;
    }
    return waiter_switch(&self->base, Py_True);
}

static PyObject *
multiple_get(MultipleWaiterObject *self, PyObject *Py_UNUSED(ignored))
{
    while (PyList_GET_SIZE(self->values) == 0) {
        waiter_forget(&self->base); /* drop the True that told of values gotten since */
        PyObject *got = waiter_get(&self->base, NULL);
        if (got == NULL) {
            return NULL;
        }
        Py_DECREF(got);
    }
    return PyObject_CallMethod(self->values, "pop", "i", 0);
}

static int
multiple_traverse(MultipleWaiterObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->values);
    return waiter_traverse(&self->base, visit, arg);
}

static void
multiple_dealloc(MultipleWaiterObject *self)
{
    PyObject_GC_UnTrack(self);
    Py_CLEAR(self->values);
    waiter_dealloc(&self->base);
}

static PyMethodDef multiple_methods[] = {
    {"switch", (PyCFunction)multiple_switch, METH_O,
     PyDoc_STR(
         "switch($self, value, /)\n--\n\nKeep `value`, and switch to the greenlet in get().")},
    {"get", (PyCFunction)multiple_get, METH_NOARGS,
     PyDoc_STR("get($self, /)\n--\n\nReturn the first value not yet gotten, waiting for one.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot multiple_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("MultipleWaiter(hub=None)\n--\n\n"
                                  "A Waiter that keeps every value that comes between two get().")},
    {Py_tp_new, multiple_new},
    {Py_tp_dealloc, multiple_dealloc},
    {Py_tp_traverse, multiple_traverse},
    {Py_tp_clear, waiter_clear},
    {Py_tp_methods, multiple_methods},
    {0, NULL},
};

static PyType_Spec multiple_spec = {
    .name = "greencore._core.MultipleWaiter",
    .basicsize = sizeof(MultipleWaiterObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = multiple_slots,
};

int
green_waiter_exec(PyObject *module)
{
    Waiter_Type = (PyTypeObject *)green_type_new(module, &waiter_spec, NULL);
    if (Waiter_Type == NULL || PyModule_AddType(module, Waiter_Type) < 0) {
        return -1;
    }
    MultipleWaiter_Type =
        (PyTypeObject *)green_type_new(module, &multiple_spec, (PyObject *)Waiter_Type);
    return MultipleWaiter_Type == NULL ? -1 : PyModule_AddType(module, MultipleWaiter_Type);
}
