/* The loop as Python sees it: greencore.core.loop. */
#include <Python.h>
#include <structmember.h>

#include "greenlet/error.h"
#include "greenlet/name.h"
#include "greenlet/type.h"
#include "loop/callback.h"
#include "loop/errors.h"
#include "loop/fd.h"
#include "loop/interrupt.h"
#include "loop/loop.h"
#include "loop/poll.h"
#include "loop/watcher.h"

static int
loop_usable(LoopObject *self)
{
    if (green_loop_destroyed(self)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    return 0;
}

static PyObject *
loop_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"flags", "default", NULL};
    PyObject *flags = NULL, *wanted = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO", keywords, &flags, &wanted)) {
        return NULL;
    }
    /* `flags` chose among the back ends of another loop. Here is one. */
    int is_default = wanted == NULL || wanted == Py_None ? 1 : PyObject_IsTrue(wanted);
    if (is_default < 0) {
        return NULL;
    }
    return (PyObject *)green_loop_new(type, is_default);
}

static int
loop_traverse(LoopObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->dict);
    Py_VISIT(self->trash);
    Py_VISIT(self->failure);
    Py_VISIT(self->error_handler);
    for (green_link *link = self->watchers.next; link != &self->watchers; link = link->next) {
        Py_VISIT(GREEN_CONTAINER(link, WatcherObject, started));
    }
    return 0;
}

static int
loop_clear(LoopObject *self)
{
    Py_CLEAR(self->dict);
    Py_CLEAR(self->trash);
    Py_CLEAR(self->failure);
    Py_CLEAR(self->error_handler);
    green_watcher_stop_all(self);
    return 0;
}

static void
loop_dealloc(LoopObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    PyObject *error = green_error_take();
    green_loop_destroy(self);
    loop_clear(self);
    green_loop_drop_ready(self);
    green_error_raise(error);
    type->tp_free(self);
    Py_DECREF(type);
}

/* ---- running ---- */

static PyObject *
loop_run(LoopObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"nowait", "once", NULL};
    int nowait = 0, once = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pp", keywords, &nowait, &once)) {
        return NULL;
    }
    int more = green_loop_run(self, nowait, once);
    return more < 0 ? NULL : PyBool_FromLong(more);
}

static PyObject *
loop_break(LoopObject *self, PyObject *Py_UNUSED(args))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    self->stopping = true;
    Py_RETURN_NONE;
}

static PyObject *
loop_run_callback(LoopObject *self, PyObject *args)
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) < 1) {
        PyErr_SetString(PyExc_TypeError, "run_callback() needs a callable");
        return NULL;
    }
    PyObject *func = PyTuple_GET_ITEM(args, 0);
    if (!PyCallable_Check(func)) {
        return PyErr_Format(PyExc_TypeError, "a callable is needed, not %R", func);
    }
    PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    PyObject *callback = rest ? green_callback_new(self, func, rest) : NULL;
    Py_XDECREF(rest);
    return callback;
}

static PyObject *
loop_handle_error(LoopObject *self, PyObject *args)
{
    PyObject *context, *type, *value, *tb;
    if (!PyArg_UnpackTuple(args, "handle_error", 4, 4, &context, &type, &value, &tb)) {
        return NULL;
    }
    if (self->error_handler == NULL) {
        if (!PyExceptionClass_Check(type) || (tb != Py_None && !PyTraceBack_Check(tb))) {
            PyErr_SetString(PyExc_TypeError,
                            "a class of exceptions, a value and a traceback or None are needed");
            return NULL;
        }
        if (PyExceptionInstance_Check(value)) {
            PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(value)), Py_NewRef(value),
                          tb == Py_None ? NULL : Py_NewRef(tb));
        } else {
            PyErr_SetObject(type, value);
        }
        PyErr_PrintEx(0);
        self->stopping = true; /* nobody is there to decide whether to go on */
        Py_RETURN_NONE;
    }
    /* The method is looked up at each call, since it may be replaced. A plain callable serves as
       well. */
    PyObject *handler = Py_NewRef(self->error_handler);
    PyObject *method = PyObject_GetAttrString(handler, "handle_error");
    if (method == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        method = Py_NewRef(handler);
    }
    PyObject *result = method == NULL ? NULL : PyObject_Call(method, args, NULL);
    Py_XDECREF(method);
    Py_DECREF(handler);
    return result;
}

static PyObject *
loop_destroy(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (green_loop_destroyed(self)) {
        Py_RETURN_NONE;
    }
    if (self->polling) {
        PyErr_SetString(PyExc_RuntimeError, "the loop is polling: it cannot be destroyed now");
        return NULL;
    }
    green_loop_destroy(self);
    Py_RETURN_TRUE;
}

static PyObject *
loop_reinit(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->reinited) {
        self->reinited = false; /* the handler of the fork has done it */
    } else if (!green_loop_destroyed(self) && green_loop_forked(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Has signals end the sleep of the loop, which is that of the main thread's hub. */
static PyObject *
loop_install_interrupt(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    if (green_interrupt_install(self->poll) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
loop_wakeup_fd_set(LoopObject *self, PyObject *before)
{
    int fd = PyLong_AsLong(before);
    if ((fd == -1 && PyErr_Occurred()) || loop_usable(self) < 0) {
        return NULL;
    }
    return PyLong_FromLong(green_interrupt_slot_set(self->poll, fd));
}

/* ---- time, references ---- */

static PyObject *
loop_now(LoopObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    return PyFloat_FromDouble((double)green_time_now() / 1e9);
}

static PyObject *
loop_update(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    uv_update_time(&self->poll->uv);
    Py_RETURN_NONE;
}

static PyObject *
loop_ref(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    green_loop_ref(self);
    Py_RETURN_NONE;
}

static PyObject *
loop_unref(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    if (self->refs == 0) {
        PyErr_SetString(PyExc_ValueError, "unref() without a ref()");
        return NULL;
    }
    green_loop_unref(self);
    Py_RETURN_NONE;
}

static PyObject *
loop_fileno(LoopObject *self, PyObject *Py_UNUSED(ignored))
{
    return loop_usable(self) < 0 ? NULL : PyLong_FromLong(uv_backend_fd(&self->poll->uv));
}

static PyObject *
loop_closing_fd(LoopObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", NULL};
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:closing_fd", names, &fd) ||
        loop_usable(self) < 0) {
        return NULL;
    }
    if (green_loop_polled_elsewhere(self)) {
        PyErr_SetString(green_exc_InvalidThreadUseError, "the loop runs in another thread");
        return NULL;
    }
    green_link *last = self->ready.prev;
    green_fd_closing(self, fd);
    return PyBool_FromLong(self->ready.prev != last);
}

/* ---- watchers ---- */

/* Returns type(self, *args, **kwargs), for the type of that name. */
static PyObject *
loop_make_watcher(LoopObject *self, const char *name, PyObject *args, PyObject *kwargs)
{
    PyObject *type = green_name_get("greencore._core", name);
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    PyObject *all = type ? PyTuple_New(count + 1) : NULL;
    if (all == NULL) {
        Py_XDECREF(type);
        return NULL;
    }
    PyTuple_SET_ITEM(all, 0, Py_NewRef((PyObject *)self));
    for (Py_ssize_t i = 0; i < count; i++) {
        PyTuple_SET_ITEM(all, i + 1, Py_NewRef(PyTuple_GET_ITEM(args, i)));
    }
    PyObject *watcher = PyObject_Call(type, all, kwargs);
    Py_DECREF(all);
    Py_DECREF(type);
    return watcher;
}

#define LOOP_WATCHER(kind)                                                                         \
    static PyObject *loop_##kind(LoopObject *self, PyObject *args, PyObject *kwargs)               \
    {                                                                                              \
        return loop_make_watcher(self, #kind, args, kwargs);                                       \
    }

LOOP_WATCHER(io)
LOOP_WATCHER(timer)
LOOP_WATCHER(async_)
LOOP_WATCHER(signal)
LOOP_WATCHER(child)
LOOP_WATCHER(stat)
LOOP_WATCHER(idle)
LOOP_WATCHER(prepare)
LOOP_WATCHER(check)
LOOP_WATCHER(fork)

/* ---- attributes ---- */

static PyObject *
loop_get_activecnt(LoopObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSize_t(self->refs + self->timers.refs);
}

static PyObject *
loop_get_pendingcnt(LoopObject *self, void *Py_UNUSED(closure))
{
    Py_ssize_t count = 0;
    for (green_link *link = self->ready.next; link != &self->ready; link = link->next) {
        count++;
    }
    return PyLong_FromSsize_t(count);
}

static PyObject *
loop_get_default(LoopObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->is_default && !green_loop_destroyed(self));
}

static PyObject *
loop_get_destroyed(LoopObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(green_loop_destroyed(self));
}

static PyObject *
loop_get_depth(LoopObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(self->runner != NULL);
}

/* The capsule has the uv_loop_t *, for libraries that share the loop. It keeps the loop object
   alive. */
static void
loop_capsule_free(PyObject *capsule)
{
    Py_XDECREF((PyObject *)PyCapsule_GetContext(capsule));
}

static PyObject *
loop_get_uv_loop(LoopObject *self, void *Py_UNUSED(closure))
{
    if (loop_usable(self) < 0) {
        return NULL;
    }
    PyObject *capsule = PyCapsule_New(&self->poll->uv, "uv_loop_t", loop_capsule_free);
    if (capsule != NULL) {
        PyCapsule_SetContext(capsule, Py_NewRef((PyObject *)self));
    }
    return capsule;
}

static PyObject *
loop_get_uv_loop_address(LoopObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromVoidPtr(green_loop_destroyed(self) ? NULL : &self->poll->uv);
}

static PyObject *
loop_get_error_handler(LoopObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->error_handler ? self->error_handler : Py_None);
}

static int
loop_set_error_handler(LoopObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    green_loop_set_handler(self, value == Py_None ? NULL : value);
    return 0;
}

static PyMethodDef loop_methods[] = {
    {"run", (PyCFunction)(void (*)(void))loop_run, METH_VARARGS | METH_KEYWORDS,
     "run($self, /, nowait=False, once=False)\n--\n\nRun until nothing is left to wait for or "
     "break_() is "
     "called; once: "
     "one iteration; nowait: one\nthat does not sleep. Returns whether there is more to come."},
    {"break_", (PyCFunction)loop_break, METH_VARARGS,
     "break_($self, how=1, /)\n--\n\nMake run() return soon. There is one way: how is not used."},
    {"run_callback", (PyCFunction)loop_run_callback, METH_VARARGS,
     "run_callback($self, func, /, *args)\n--\n\n"
     "Call func(*args) in the hub, behind what is ready. Returns a callback object, whose\n"
     "stop() takes the call back. May be called in any thread. Raises TypeError for a func\n"
     "that cannot be called."},
    {"run_callback_threadsafe", (PyCFunction)loop_run_callback, METH_VARARGS,
     "run_callback_threadsafe($self, func, /, *args)\n--\n\n"
     "The same as run_callback(func, *args), which any thread may call."},
    {"handle_error", (PyCFunction)loop_handle_error, METH_VARARGS,
     "handle_error($self, /, context, type, value, tb)\n--\n\n"
     "Report an exception to the error handler, the hub; without one print it and stop.\n"
     "context: what raised it; type, value, tb: as of sys.exc_info()."},
    {"destroy", (PyCFunction)loop_destroy, METH_NOARGS,
     "destroy($self, /)\n--\n\nClose all that it watches. It can't be used after that."},
    {"reinit", (PyCFunction)loop_reinit, METH_NOARGS,
     "reinit($self, /)\n--\n\nMake it work in a forked child, and fire its fork watchers. Each "
     "fork does "
     "so by itself: "
     "the first\ncall after one has nothing to do."},
    {"_wakeup_fd_set", (PyCFunction)loop_wakeup_fd_set, METH_O,
     "_wakeup_fd_set($self, before, /)\n--\n\n"
     "Note that the program has set signal.set_wakeup_fd(), and found `before` there. Returns what "
     "it had set before."},
    {"_install_interrupt", (PyCFunction)loop_install_interrupt, METH_NOARGS,
     "_install_interrupt($self, /)\n--\n\nLet signals end its sleep (the main thread's loop)."},
    {"now", (PyCFunction)loop_now, METH_NOARGS,
     "now($self, /)\n--\n\n"
     "Return the seconds on the monotonic clock, by which its timers go."},
    {"update", (PyCFunction)loop_update, METH_NOARGS,
     "update($self, /)\n--\n\n"
     "Refresh libuv's idea of now; the loop's own, now(), is always fresh."},
    {"update_now", (PyCFunction)loop_update, METH_NOARGS,
     "update_now($self, /)\n--\n\n"
     "The same as update()."},
    {"ref", (PyCFunction)loop_ref, METH_NOARGS,
     "ref($self, /)\n--\n\n"
     "Keep the loop running though nothing is watched, until unref(). Calls add up."},
    {"unref", (PyCFunction)loop_unref, METH_NOARGS,
     "unref($self, /)\n--\n\n"
     "Take back one ref(). Raises ValueError when there is none to take back."},
    {"closing_fd", (PyCFunction)(void (*)(void))loop_closing_fd, METH_VARARGS | METH_KEYWORDS,
     "closing_fd($self, /, fd)\n--\n\nThe descriptor is about to be closed: wake who waits for it. "
     "Returns whether anybody did."},
    {"fileno", (PyCFunction)loop_fileno, METH_NOARGS,
     "fileno($self, /)\n--\n\n"
     "Return the number of the descriptor that libuv polls with: ready when the loop has\n"
     "something to do."},
#define LOOP_WATCHER_METHOD(name, kind, doc)                                                       \
    {                                                                                              \
        name, (PyCFunction)(void (*)(void))loop_##kind, METH_VARARGS | METH_KEYWORDS, doc          \
    }
    LOOP_WATCHER_METHOD(
        "io", io,
        "io($self, /, fd, events, ref=True, priority=None)\n--\n\n"
        "Return a new watcher of a descriptor: it fires, again and again, while `fd` can be\n"
        "read (events 1), written (2) or either (3). ref: whether it keeps the loop running\n"
        "while it is started. priority: kept, of no effect. Raises ValueError for a negative\n"
        "descriptor or other events."),
    LOOP_WATCHER_METHOD(
        "timer", timer,
        "timer($self, /, after, repeat=0.0, ref=True, priority=None)\n--\n\n"
        "Return a new timer: it fires `after` seconds from its start, then every `repeat`\n"
        "seconds unless that is 0. ref: whether it keeps the loop running while it is started.\n"
        "priority: below 0, its turn comes after the I/O that the same poll finds; otherwise of\n"
        "no effect. Raises ValueError for NaN, or a negative `repeat`."),
    LOOP_WATCHER_METHOD(
        "async_", async_,
        "async_($self, /, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires when its send() is called, in any thread. ref: whether\n"
        "it keeps the loop running while it is started. priority: kept, of no effect."),
    LOOP_WATCHER_METHOD("async", async_,
                        "async($self, /, ref=True, priority=None)\n--\n\n"
                        "The same as async_(ref, priority)."),
    LOOP_WATCHER_METHOD(
        "signal", signal,
        "signal($self, /, signum, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires when the process gets the signal. ref: whether it\n"
        "keeps the loop running while it is started. priority: kept, of no effect. Raises\n"
        "ValueError for a number that is no signal; its start() raises OSError for one that\n"
        "cannot be caught."),
    LOOP_WATCHER_METHOD(
        "child", child,
        "child($self, /, pid, trace=False, ref=True)\n--\n\n"
        "Return a new watcher that fires when the child process `pid` (0: any child) has ended,\n"
        "and waits for it; with `trace` also when it stops or goes on. ref: whether it keeps\n"
        "the loop running while it is started. Raises TypeError unless the loop is the default\n"
        "one."),
    LOOP_WATCHER_METHOD(
        "stat", stat,
        "stat($self, /, path, interval=0.0, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires when what os.stat() says of `path` has changed.\n"
        "interval: seconds between looks, 0 for the default of 5, at least 0.1. ref: whether it\n"
        "keeps the loop running while it is started. priority: kept, of no effect."),
    LOOP_WATCHER_METHOD(
        "idle", idle,
        "idle($self, /, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires in each iteration with nothing else to do. ref:\n"
        "whether it keeps the loop running while it is started. priority: kept, of no effect."),
    LOOP_WATCHER_METHOD("prepare", prepare,
                        "prepare($self, /, ref=True, priority=None)\n--\n\n"
                        "Return a new watcher that fires at the beginning of each iteration. ref: "
                        "whether it keeps\n"
                        "the loop running while it is started. priority: kept, of no effect."),
    LOOP_WATCHER_METHOD(
        "check", check,
        "check($self, /, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires at the end of each iteration, after the poll. ref:\n"
        "whether it keeps the loop running while it is started. priority: kept, of no effect."),
    LOOP_WATCHER_METHOD(
        "fork", fork,
        "fork($self, /, ref=True, priority=None)\n--\n\n"
        "Return a new watcher that fires in a child process that was forked. ref: whether it\n"
        "keeps the loop running while it is started. priority: kept, of no effect."),
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef loop_getset[] = {
    {"activecnt", (getter)loop_get_activecnt, NULL, "How many references keep it running.", NULL},
    {"pendingcnt", (getter)loop_get_pendingcnt, NULL, "How many turns are queued.", NULL},
    {"default", (getter)loop_get_default, NULL,
     "Whether it is a default loop: one that a hub leaves when it is destroyed.", NULL},
    {"destroyed", (getter)loop_get_destroyed, NULL, "Whether destroy() was called.", NULL},
    {"depth", (getter)loop_get_depth, NULL, "1 while it runs, else 0.", NULL},
    {"uv_loop", (getter)loop_get_uv_loop, NULL,
     "A capsule named \"uv_loop_t\" with the uv_loop_t *, for libraries that share the loop.",
     NULL},
    {"_uv_loop_address", (getter)loop_get_uv_loop_address, NULL, "Where it is; 0 once destroyed.",
     NULL},
    {"error_handler", (getter)loop_get_error_handler, (setter)loop_set_error_handler,
     "What exceptions in callbacks are reported to.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef loop_members[] = {
    {"iteration", T_ULONG, offsetof(LoopObject, iteration), READONLY, "How often it has polled."},
    {"__dictoffset__", T_PYSSIZET, offsetof(LoopObject, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LoopObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot loop_slots[] = {
    {Py_tp_doc, "loop(flags=None, default=None)\n--\n\nAn event loop on libuv."},
    {Py_tp_new, loop_new},
    {Py_tp_dealloc, loop_dealloc},
    {Py_tp_traverse, loop_traverse},
    {Py_tp_clear, loop_clear},
    {Py_tp_methods, loop_methods},
    {Py_tp_getset, loop_getset},
    {Py_tp_members, loop_members},
    {0, NULL},
};

static PyType_Spec loop_spec = {
    .name = "greencore._core.loop",
    .basicsize = sizeof(LoopObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = loop_slots,
};

static PyObject *
loop_module_libuv_version(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyUnicode_FromString(uv_version_string());
}

static PyMethodDef loop_functions[] = {
    {"libuv_version", loop_module_libuv_version, METH_NOARGS,
     "libuv_version()\n--\n\n"
     "Return the version of libuv in use, as '1.44.2'."},
    {NULL, NULL, 0, NULL},
};

int
green_loop_type_exec(PyObject *module)
{
    Loop_Type = (PyTypeObject *)green_type_new(module, &loop_spec, NULL);
    if (Loop_Type == NULL || PyModule_AddType(module, Loop_Type) < 0 ||
        PyModule_AddFunctions(module, loop_functions) < 0) {
        return -1;
    }
    char header[32];
    snprintf(header, sizeof(header), "%d.%d.%d", UV_VERSION_MAJOR, UV_VERSION_MINOR,
             UV_VERSION_PATCH);
    return PyModule_AddStringConstant(module, "libuv_header_version", header);
}
