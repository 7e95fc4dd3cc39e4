/* signal watchers: each is an interest in a signal. */
#include <signal.h>

#include "loop/signals.h"
#include "loop/watcher.h"

typedef struct {
    WatcherObject base;
    green_signal signal;
} SignalWatcherObject;

static void
signalwatcher_fire(green_signal *signal)
{
    green_watcher_push(&GREEN_CONTAINER(signal, SignalWatcherObject, signal)->base);
}

static int
signalwatcher_start(WatcherObject *watcher)
{
    return green_signal_start(watcher->loop, &((SignalWatcherObject *)watcher)->signal);
}

static void
signalwatcher_stop(WatcherObject *watcher)
{
    green_signal_stop(&((SignalWatcherObject *)watcher)->signal);
}

static const green_watcher_kind signalwatcher_kind = {
    .start = signalwatcher_start, .stop = signalwatcher_stop, .uv = true};

static PyObject *
signalwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "signum", "ref", "priority", NULL};
    PyObject *loop, *priority = NULL;
    int signalnum, ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oi|pO", keywords, &loop, &signalnum, &ref,
                                     &priority)) {
        return NULL;
    }
    if (signalnum < 1 || signalnum >= NSIG) {
        return PyErr_Format(PyExc_ValueError, "illegal signal number: %d", signalnum);
    }
    SignalWatcherObject *self =
        (SignalWatcherObject *)green_watcher_new(type, &signalwatcher_kind, loop, ref, priority);
    if (self != NULL) {
        self->signal.number = signalnum;
        self->signal.fire = signalwatcher_fire;
    }
    return (PyObject *)self;
}

static PyMemberDef signalwatcher_members[] = {
    {"signalnum", T_INT, offsetof(SignalWatcherObject, signal.number), READONLY, "The signal."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot signalwatcher_slots[] = {
    {Py_tp_doc,
     "signal(loop, signum, ref=True, priority=None)\n--\n\nFires when the process gets the "
     "signal."},
    {Py_tp_new, signalwatcher_new},
    {Py_tp_members, signalwatcher_members},
    {0, NULL},
};

static PyType_Spec signalwatcher_spec = {
    .name = "greencore._core.signal",
    .basicsize = sizeof(SignalWatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = signalwatcher_slots,
};

int
green_watch_signal_exec(PyObject *module)
{
    return green_watcher_add_type(module, &signalwatcher_spec) == NULL ? -1 : 0;
}
