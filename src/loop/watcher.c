#include "loop/watcher.h"

#include "greenlet/error.h"
#include "greenlet/type.h"
#include "loop/errors.h"
#include "loop/poll.h"

PyTypeObject *Watcher_Type;

static int
watcher_call(WatcherObject *self)
{
    PyObject *callback = Py_NewRef(self->callback);
    PyObject *args = self->args;
    if (self->pass_events) {
        Py_ssize_t count = args ? PyTuple_GET_SIZE(args) : 0;
        PyObject *with = PyTuple_New(count + 1);
        PyObject *revents = PyLong_FromLong(self->revents);
        if (with == NULL || revents == NULL) {
            Py_XDECREF(with);
            Py_XDECREF(revents);
            Py_DECREF(callback);
            return -1;
        }
        PyTuple_SET_ITEM(with, 0, revents);
        for (Py_ssize_t i = 0; i < count; i++) {
            PyTuple_SET_ITEM(with, i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
        }
        args = with;
    } else {
        Py_XINCREF(args);
    }
    self->revents = 0;
    if (self->done) {
        green_watcher_stop(self);
    }
    PyObject *result = PyObject_CallObject(callback, args);
    Py_DECREF(callback);
    Py_XDECREF(args);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static void
watcher_unfeed(WatcherObject *self)
{
    if (self->fed) {
        self->fed = false;
        Py_DECREF(self);
    }
}

static GreenletObject *
watcher_turn(green_ready *ready)
{
    WatcherObject *self = GREEN_CONTAINER(ready, WatcherObject, ready);
    Py_INCREF(self);
    bool due = !self->active || self->kind->due == NULL || self->kind->due(self);
    if (due && self->callback != NULL && watcher_call(self) < 0) {
        if (self->kind->level) { /* else it would fail for ever, and the loop would never sleep */
            PyObject *error = green_error_take();
            green_watcher_stop(self);
            green_error_raise(error);
        }
        green_loop_handle_error(self->loop, (PyObject *)self);
    }
    watcher_unfeed(self);
    Py_DECREF(self);
    return NULL;
}

static void
watcher_drop(green_ready *ready)
{
    watcher_unfeed(GREEN_CONTAINER(ready, WatcherObject, ready));
}

static const green_ready_kind watcher_ready_kind = {
    .turn = watcher_turn, .on_hub = true, .drop = watcher_drop};

void
green_watcher_push(WatcherObject *self)
{
    green_ready_push(self->loop, &self->ready);
}

void
green_watcher_push_phase(LoopObject *loop, green_phase phase)
{
    green_link *head = &loop->phases[phase];
    for (green_link *link = head->next; link != head; link = link->next) {
        green_watcher_push(GREEN_CONTAINER(link, WatcherObject, link));
    }
}

/* ---- life ---- */

static int
watcher_set_count(WatcherObject *self)
{
    bool count = self->active && self->ref && !green_loop_destroyed(self->loop);
    if (count != self->counted && !green_loop_destroyed(self->loop)) {
        self->loop->refs += count ? 1 : -1;
    }
    self->counted = count;
    return 0;
}

/* Returns -1 with an exception where another thread polls, since libuv allows no second one. */
static int
watcher_check_thread(const WatcherObject *self)
{
    if (self->kind->uv && green_loop_polled_elsewhere(self->loop)) {
        PyErr_SetString(green_exc_InvalidThreadUseError,
                        "the watcher's loop runs in another thread: start and stop it there, by "
                        "run_callback_threadsafe()");
        return -1;
    }
    return 0;
}

int
green_watcher_check_callback(PyObject *callback)
{
    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "callback must be callable, not %R", callback);
        return -1;
    }
    return 0;
}

int
green_watcher_start(WatcherObject *self, PyObject *callback, PyObject *args)
{
    if (green_watcher_check_callback(callback) < 0) {
        return -1;
    }
    if (green_loop_destroyed(self->loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    if (watcher_check_thread(self) < 0) {
        return -1;
    }
    Py_XSETREF(self->callback, Py_NewRef(callback));
    Py_XSETREF(self->args, Py_XNewRef(args));
    if (self->active) {
        return 0;
    }
    self->done = false;
    if (self->kind->start(self) < 0) {
        self->kind->stop(self);
        Py_CLEAR(self->callback);
        Py_CLEAR(self->args);
        return -1;
    }
    self->active = true;
    Py_INCREF(self);
    green_list_append(&self->loop->watchers, &self->started);
    if (self->loop->polling) {
        green_poll_wake(self->loop->poll); /* the poll may have to end earlier now */
    }
    return watcher_set_count(self);
}

void
green_watcher_stop(WatcherObject *self)
{
    green_ready_cancel(&self->ready);
    if (!green_loop_destroyed(self->loop)) {
        self->kind->stop(self);
    }
    PyObject *callback = self->callback, *args = self->args;
    self->callback = self->args = NULL;
    self->pass_events = false;
    Py_INCREF(self);
    if (self->active) {
        self->active = false;
        green_list_remove(&self->started);
        watcher_set_count(self);
        Py_DECREF(self);
    }
    watcher_unfeed(self);
    Py_XDECREF(callback);
    Py_XDECREF(args);
    Py_DECREF(self);
}

void
green_watcher_stop_all(LoopObject *loop)
{
    while (!green_list_empty(&loop->watchers)) {
        WatcherObject *self = GREEN_CONTAINER(loop->watchers.next, WatcherObject, started);
        self->kind->stop(self);
        green_watcher_stop(self);
    }
}

WatcherObject *
green_watcher_new(PyTypeObject *type, const green_watcher_kind *kind, PyObject *loop, int ref,
                  PyObject *priority)
{
    if (!PyObject_TypeCheck(loop, Loop_Type)) {
        PyErr_Format(PyExc_TypeError, "a loop is needed, not %.100s", Py_TYPE(loop)->tp_name);
        return NULL;
    }
    if (green_loop_destroyed((LoopObject *)loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return NULL;
    }
    long level = priority == NULL || priority == Py_None ? 0 : PyLong_AsLong(priority);
    if (level == -1 && PyErr_Occurred()) {
        return NULL;
    }
    WatcherObject *self = (WatcherObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->kind = kind;
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->priority = (int)level;
    self->ref = ref;
    green_ready_init(&self->ready, &watcher_ready_kind);
    green_list_init(&self->started);
    green_list_init(&self->link);
    return self;
}

static int
watcher_traverse(WatcherObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->callback);
    Py_VISIT(self->args);
    return 0;
}

static int
watcher_clear(WatcherObject *self)
{
    /* The loop is kept until the end, since dealloc takes the watcher out of the loop's lists. */
    Py_CLEAR(self->callback);
    Py_CLEAR(self->args);
    return 0;
}

static void
watcher_dealloc(WatcherObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    green_ready_cancel(&self->ready);
    watcher_clear(self);
    Py_XDECREF(self->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- Python ---- */

/* Reads the keyword arguments of start(), as far as the kind has them. What is not given stays as
   it is. `callback` is borrowed. -1 with an exception. */
static int
watcher_parse_start(const WatcherObject *self, PyObject *kwargs, PyObject **callback,
                    int *pass_events)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    while (kwargs != NULL && PyDict_Next(kwargs, &position, &name, &value)) {
        if (*callback == NULL && PyUnicode_CompareWithASCIIString(name, "callback") == 0) {
            *callback = value;
        } else if (self->kind->events &&
                   PyUnicode_CompareWithASCIIString(name, "pass_events") == 0) {
            *pass_events = PyObject_IsTrue(value);
        } else if (!self->kind->clock || PyUnicode_CompareWithASCIIString(name, "update") != 0) {
            PyErr_Format(PyExc_TypeError, "start() got an unexpected keyword argument %R", name);
            return -1;
        }
    }
    if (*callback == NULL) {
        PyErr_SetString(PyExc_TypeError, "start() needs a callback");
        return -1;
    }
    return *pass_events < 0 ? -1 : 0;
}

static PyObject *
watcher_start(WatcherObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *callback = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : NULL;
    int pass_events = 0;
    if (watcher_parse_start(self, kwargs, &callback, &pass_events) < 0) {
        return NULL;
    }
    PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    if (rest == NULL) {
        return NULL;
    }
    int failed = green_watcher_start(self, callback, rest);
    Py_DECREF(rest);
    if (failed < 0) {
        return NULL;
    }
    self->pass_events = pass_events;
    Py_RETURN_NONE;
}

static PyObject *
watcher_stop(WatcherObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->active && watcher_check_thread(self) < 0) {
        return NULL;
    }
    green_watcher_stop(self);
    Py_RETURN_NONE;
}

static PyObject *
watcher_feed(WatcherObject *self, PyObject *args)
{
    if (PyTuple_GET_SIZE(args) < 2) {
        PyErr_SetString(PyExc_TypeError, "feed() needs revents and a callback");
        return NULL;
    }
    long revents = PyLong_AsLong(PyTuple_GET_ITEM(args, 0));
    PyObject *callback = PyTuple_GET_ITEM(args, 1);
    if (revents == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (green_watcher_check_callback(callback) < 0) {
        return NULL;
    }
    if (green_loop_destroyed(self->loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return NULL;
    }
    PyObject *rest = PyTuple_GetSlice(args, 2, PyTuple_GET_SIZE(args));
    if (rest == NULL) {
        return NULL;
    }
    Py_XSETREF(self->callback, Py_NewRef(callback));
    Py_XSETREF(self->args, rest);
    self->revents |= (int)revents;
    if (!self->fed) {
        self->fed = true;
        Py_INCREF(self);
    }
    green_watcher_push(self);
    Py_RETURN_NONE;
}

static PyObject *
watcher_enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyObject *
watcher_exit(WatcherObject *self, PyObject *Py_UNUSED(args))
{
    return watcher_stop(self, NULL);
}

static PyObject *
watcher_repr(WatcherObject *self)
{
    const char *name = strrchr(Py_TYPE(self)->tp_name, '.');
    name = name ? name + 1 : Py_TYPE(self)->tp_name;
    if (self->callback == NULL) {
        return PyUnicode_FromFormat("<%s at %p%s%s>", name, self, self->active ? " active" : "",
                                    green_ready_queued(&self->ready) ? " pending" : "");
    }
    /* They are held, since their own repr may stop the watcher. */
    PyObject *callback = Py_NewRef(self->callback);
    PyObject *args = Py_NewRef(self->args ? self->args : Py_None);
    PyObject *text = PyUnicode_FromFormat(
        "<%s at %p%s%s callback=%R args=%R>", name, self, self->active ? " active" : "",
        green_ready_queued(&self->ready) ? " pending" : "", callback, args);
    Py_DECREF(callback);
    Py_DECREF(args);
    return text;
}

static PyObject *
watcher_get_active(WatcherObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->active);
}

static PyObject *
watcher_get_pending(WatcherObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(green_ready_queued(&self->ready));
}

static PyObject *
watcher_get_ref(WatcherObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->ref);
}

static int
watcher_set_ref(WatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    int ref = value == NULL ? -1 : PyObject_IsTrue(value);
    if (ref < 0) {
        if (value == NULL) {
            PyErr_SetString(PyExc_TypeError, "ref cannot be deleted");
        }
        return -1;
    }
    if (green_loop_destroyed(self->loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    self->ref = ref;
    return watcher_set_count(self);
}

static PyObject *
watcher_get_callback(WatcherObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->callback ? self->callback : Py_None);
}

static int
watcher_set_callback(WatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value != NULL && value != Py_None && !PyCallable_Check(value)) {
        PyErr_Format(PyExc_TypeError, "Expected callable, not %R", value);
        return -1;
    }
    Py_XSETREF(self->callback, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
watcher_get_args(WatcherObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->args ? self->args : Py_None);
}

static int
watcher_set_args(WatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value != NULL && value != Py_None && !PyTuple_Check(value)) {
        PyErr_Format(PyExc_TypeError, "args must be a tuple or None, not %R", value);
        return -1;
    }
    Py_XSETREF(self->args, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

int
green_watcher_check_inactive(WatcherObject *self, const char *attribute)
{
    if (self->active) {
        PyErr_Format(PyExc_AttributeError,
                     "watcher attribute '%s' is read-only while the watcher is active", attribute);
        return -1;
    }
    return 0;
}

static PyObject *
watcher_get_priority(WatcherObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(self->priority);
}

static int
watcher_set_priority(WatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (green_watcher_check_inactive(self, "priority") < 0) {
        return -1;
    }
    long priority = value == NULL ? 0 : PyLong_AsLong(value);
    if (priority == -1 && PyErr_Occurred()) {
        return -1;
    }
    self->priority = (int)priority;
    return 0;
}

static PyMethodDef watcher_methods[] = {
    {"start", (PyCFunction)(void (*)(void))watcher_start, METH_VARARGS | METH_KEYWORDS,
     "start($self, /, callback, *args, pass_events=False)\n--\n\n"
     "Call callback(*args) in the hub whenever it fires. pass_events, which io watchers take: "
     "with\n"
     "the events as the first argument. Timers take update, which has no effect. Raises TypeError\n"
     "for what can't be called and for other keyword arguments."},
    {"stop", (PyCFunction)watcher_stop, METH_NOARGS,
     "stop($self, /)\n--\n\nStop watching, and forget the callback. Harmless on a stopped one."},
    {"close", (PyCFunction)watcher_stop, METH_NOARGS,
     "close($self, /)\n--\n\n"
     "The same as stop(): stop watching, and forget the callback."},
    {"feed", (PyCFunction)watcher_feed, METH_VARARGS,
     "feed($self, /, revents, callback, *args)\n--\n\nQueue one call of callback(*args), as though "
     "it had "
     "fired."},
    {"__enter__", (PyCFunction)watcher_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)watcher_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef watcher_getset[] = {
    {"active", (getter)watcher_get_active, NULL, "Whether it was started.", NULL},
    {"pending", (getter)watcher_get_pending, NULL, "Whether a call is queued.", NULL},
    {"ref", (getter)watcher_get_ref, (setter)watcher_set_ref,
     "Whether it keeps the loop running while it is active.", NULL},
    {"callback", (getter)watcher_get_callback, (setter)watcher_set_callback,
     "What is called, or None.", NULL},
    {"args", (getter)watcher_get_args, (setter)watcher_set_args, "Its arguments, or None.", NULL},
    {"priority", (getter)watcher_get_priority, (setter)watcher_set_priority,
     "Of effect for timers alone: one that was made with a priority below 0 has its turn after "
     "the I/O that the same poll finds. To set it later has no effect.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef watcher_members[] = {
    {"loop", T_OBJECT, offsetof(WatcherObject, loop), READONLY, "Its loop."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(WatcherObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot watcher_slots[] = {
    {Py_tp_doc, "What all watchers have in common."},
    {Py_tp_dealloc, watcher_dealloc},
    {Py_tp_traverse, watcher_traverse},
    {Py_tp_clear, watcher_clear},
    {Py_tp_repr, watcher_repr},
    {Py_tp_methods, watcher_methods},
    {Py_tp_getset, watcher_getset},
    {Py_tp_members, watcher_members},
    {0, NULL},
};

static PyType_Spec watcher_spec = {
    .name = "greencore._core.watcher",
    .basicsize = sizeof(WatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC |
             Py_TPFLAGS_DISALLOW_INSTANTIATION, /* only its kinds have objects */
    .slots = watcher_slots,
};

PyTypeObject *
green_watcher_add_type(PyObject *module, PyType_Spec *spec)
{
    PyObject *bases = PyTuple_Pack(1, Watcher_Type);
    if (bases == NULL) {
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)green_type_new(module, spec, bases);
    Py_DECREF(bases);
    if (type != NULL && PyModule_AddType(module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int
green_watcher_exec(PyObject *module)
{
    Watcher_Type = (PyTypeObject *)green_type_new(module, &watcher_spec, NULL);
    if (Watcher_Type == NULL || PyModule_AddType(module, Watcher_Type) < 0) {
        return -1;
    }
    if (green_watch_phase_exec(module) < 0 || green_watch_timer_exec(module) < 0 ||
        green_watch_io_exec(module) < 0 || green_watch_async_exec(module) < 0 ||
        green_watch_signal_exec(module) < 0 || green_watch_child_exec(module) < 0 ||
        green_watch_stat_exec(module) < 0) {
        return -1;
    }
    return 0;
}
