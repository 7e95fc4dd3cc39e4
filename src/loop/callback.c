#include "loop/callback.h"

#include "greenlet/type.h"

/* One queued call, which is what loop.run_callback returns. While it is queued, the queue owns a
   reference. */
typedef struct {
    PyObject_HEAD
    PyObject *weakrefs;
    LoopObject *loop; /* owned */
    PyObject *func;   /* owned; NULL once called or stopped */
    PyObject *args;   /* owned, a tuple; NULL likewise */
    green_ready ready;
} CallbackObject;

static PyTypeObject *Callback_Type;

static GreenletObject *
callback_turn(green_ready *ready)
{
    CallbackObject *self = GREEN_CONTAINER(ready, CallbackObject, ready);
    PyObject *func = self->func, *args = self->args;
    self->func = self->args = NULL;
    PyObject *result = PyObject_CallObject(func, args);
    if (result == NULL) {
        green_loop_handle_error(self->loop, (PyObject *)self);
    }
    Py_XDECREF(result);
    Py_DECREF(func);
    Py_DECREF(args);
    Py_DECREF(self); /* the queue's reference */
    return NULL;
}

static void
callback_drop(green_ready *ready)
{
    CallbackObject *self = GREEN_CONTAINER(ready, CallbackObject, ready);
    Py_CLEAR(self->func);
    Py_CLEAR(self->args);
    Py_DECREF(self);
}

static const green_ready_kind callback_kind = {
    .turn = callback_turn, .on_hub = true, .drop = callback_drop};

PyObject *
green_callback_new(LoopObject *loop, PyObject *func, PyObject *args)
{
    CallbackObject *self = PyObject_GC_New(CallbackObject, Callback_Type);
    if (self == NULL) {
        return NULL;
    }
    self->weakrefs = NULL;
    self->loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    self->func = Py_NewRef(func);
    self->args = Py_NewRef(args);
    green_ready_init(&self->ready, &callback_kind);
    PyObject_GC_Track(self);
    green_ready_push(loop, &self->ready);
    return Py_NewRef((PyObject *)self); /* one for the queue, one for the caller */
}

static PyObject *
callback_stop(CallbackObject *self, PyObject *Py_UNUSED(ignored))
{
    if (green_ready_queued(&self->ready)) {
        green_ready_cancel(&self->ready);
        callback_drop(&self->ready);
    }
    Py_RETURN_NONE;
}

static PyObject *
callback_get_pending(CallbackObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->func != NULL);
}

static PyObject *
callback_get_callback(CallbackObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->func ? self->func : Py_None);
}

static PyObject *
callback_get_args(CallbackObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->args ? self->args : Py_None);
}

static int
callback_bool(CallbackObject *self)
{
    return self->func != NULL;
}

static PyObject *
callback_repr(CallbackObject *self)
{
    if (self->func == NULL) {
        return PyUnicode_FromFormat("<%s at %p stopped>", Py_TYPE(self)->tp_name, self);
    }
    /* They are held, since their own repr may stop the call. */
    PyObject *func = Py_NewRef(self->func), *args = Py_NewRef(self->args);
    PyObject *text = PyUnicode_FromFormat("<%s at %p pending callback=%R args=%R>",
                                          Py_TYPE(self)->tp_name, self, func, args);
    Py_DECREF(func);
    Py_DECREF(args);
    return text;
}

static int
callback_traverse(CallbackObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->func);
    Py_VISIT(self->args);
    return 0;
}

static int
callback_clear(CallbackObject *self)
{
    Py_CLEAR(self->func);
    Py_CLEAR(self->args);
    return 0;
}

static void
callback_dealloc(CallbackObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    callback_clear(self);
    Py_XDECREF(self->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef callback_methods[] = {
    {"stop", (PyCFunction)callback_stop, METH_NOARGS,
     "stop($self, /)\n--\n\nTake the call out of the queue. Harmless once it was made."},
    {"close", (PyCFunction)callback_stop, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "The same as stop(): take the call out of the queue."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef callback_getset[] = {
    {"pending", (getter)callback_get_pending, NULL, "Whether the call is still to be made.", NULL},
    {"callback", (getter)callback_get_callback, NULL, "The callable, or None once called.", NULL},
    {"args", (getter)callback_get_args, NULL, "Its arguments, or None once called.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef callback_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(CallbackObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot callback_slots[] = {
    {Py_tp_doc, "A call queued by loop.run_callback()."},
    {Py_tp_dealloc, callback_dealloc},
    {Py_tp_traverse, callback_traverse},
    {Py_tp_clear, callback_clear},
    {Py_tp_repr, callback_repr},
    {Py_nb_bool, callback_bool},
    {Py_tp_methods, callback_methods},
    {Py_tp_getset, callback_getset},
    {Py_tp_members, callback_members},
    {0, NULL},
};

static PyType_Spec callback_spec = {
    .name = "greencore._core.callback",
    .basicsize = sizeof(CallbackObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = callback_slots,
};

int
green_callback_exec(PyObject *module)
{
    Callback_Type = (PyTypeObject *)green_type_new(module, &callback_spec, NULL);
    return Callback_Type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "callback", (PyObject *)Callback_Type);
}
