/* timer watchers, made of the loop's own timers. */
#include <math.h>

#include "loop/watcher.h"

typedef struct {
    WatcherObject base;
    green_timer timer; /* without `ref`: the watcher itself is counted */
    double after;      /* seconds */
    double repeat;     /* seconds; 0: once */
    double due;        /* seconds that the next start takes: after, or repeat from again() */
} TimerWatcherObject;

static void
timerwatcher_expired(green_timer *timer)
{
    TimerWatcherObject *self = GREEN_CONTAINER(timer, TimerWatcherObject, timer);
    green_watcher_push(&self->base);
}

static void
timerwatcher_arm(TimerWatcherObject *self, double seconds)
{
    green_timer_start(&self->base.loop->timers, &self->timer, green_time_after(seconds));
}

static int
timerwatcher_start(WatcherObject *watcher)
{
    TimerWatcherObject *self = (TimerWatcherObject *)watcher;
    timerwatcher_arm(self, self->due);
    return 0;
}

static void
timerwatcher_stop(WatcherObject *watcher)
{
    TimerWatcherObject *self = (TimerWatcherObject *)watcher;
    green_timer_stop(&watcher->loop->timers, &self->timer);
}

static bool
timerwatcher_due(WatcherObject *watcher)
{
    TimerWatcherObject *self = (TimerWatcherObject *)watcher;
    if (self->repeat > 0) {
        if (!green_timer_active(&self->timer)) {
            timerwatcher_arm(self, self->repeat);
        }
    } else {
        watcher->done = true;
    }
    return true;
}

static const green_watcher_kind timerwatcher_kind = {
    .start = timerwatcher_start, .stop = timerwatcher_stop, .due = timerwatcher_due, .clock = true};

static PyObject *
timerwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "after", "repeat", "ref", "priority", NULL};
    PyObject *loop, *priority = NULL;
    double after = 0, repeat = 0;
    int ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|ddpO", keywords, &loop, &after, &repeat, &ref,
                                     &priority)) {
        return NULL;
    }
    if (!(repeat >= 0)) {
        PyObject *value = PyFloat_FromDouble(repeat);
        PyErr_Format(PyExc_ValueError, "repeat must be positive or zero: %R", value);
        Py_XDECREF(value);
        return NULL;
    }
    if (isnan(after)) {
        PyErr_SetString(PyExc_ValueError, "after must not be NaN");
        return NULL;
    }
    TimerWatcherObject *self =
        (TimerWatcherObject *)green_watcher_new(type, &timerwatcher_kind, loop, ref, priority);
    if (self != NULL) {
        bool late = self->base.priority < 0;
        green_timer_init(&self->timer, timerwatcher_expired, late);
        self->timer.ref = false;
        self->after = self->due = after;
        self->repeat = repeat;
    }
    return (PyObject *)self;
}

static void
timerwatcher_dealloc(TimerWatcherObject *self)
{
    if (self->base.loop != NULL && !green_loop_destroyed(self->base.loop)) {
        green_timer_stop(&self->base.loop->timers, &self->timer);
    }
    Watcher_Type->tp_dealloc((PyObject *)self);
}

/* `update` is accepted, and has no effect here either. */
static PyObject *
timerwatcher_again(TimerWatcherObject *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    if (PyTuple_GET_SIZE(args) < 1) {
        PyErr_SetString(PyExc_TypeError, "again() needs a callback");
        return NULL;
    }
    PyObject *callback = PyTuple_GET_ITEM(args, 0);
    if (green_watcher_check_callback(callback) < 0) {
        return NULL;
    }
    PyObject *rest = PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args));
    if (rest == NULL) {
        return NULL;
    }
    double repeat = self->repeat;
    if (repeat <= 0) {
        green_watcher_stop(&self->base);
    } else {
        self->due = repeat;
        if (self->base.active) {
            green_timer_stop(&self->base.loop->timers, &self->timer);
            timerwatcher_arm(self, repeat);
        }
        int failed = green_watcher_start(&self->base, callback, rest);
        self->due = self->after;
        if (failed < 0) {
            Py_DECREF(rest);
            return NULL;
        }
    }
    Py_DECREF(rest);
    Py_RETURN_NONE;
}

static PyObject *
timerwatcher_get_at(TimerWatcherObject *self, void *Py_UNUSED(closure))
{
    double at = green_timer_active(&self->timer) ? (double)self->timer.deadline / 1e9 : self->after;
    return PyFloat_FromDouble(at);
}

static PyMethodDef timerwatcher_methods[] = {
    {"again", (PyCFunction)(void (*)(void))timerwatcher_again, METH_VARARGS | METH_KEYWORDS,
     "again($self, /, callback, *args, update=True)\n--\n\nStart over with `repeat` seconds to go; "
     "stop if "
     "that is "
     "0."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef timerwatcher_getset[] = {
    {"at", (getter)timerwatcher_get_at, NULL, "When it is due, in seconds of the monotonic clock.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef timerwatcher_members[] = {
    {"after", T_DOUBLE, offsetof(TimerWatcherObject, after), READONLY, "Seconds."},
    {"repeat", T_DOUBLE, offsetof(TimerWatcherObject, repeat), READONLY, "Seconds; 0: once."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot timerwatcher_slots[] = {
    {Py_tp_doc,
     "timer(loop, after=0.0, repeat=0.0, ref=True, priority=None)\n--\n\nFires `after` seconds "
     "from its start, never earlier, then every `repeat` seconds."},
    {Py_tp_new, timerwatcher_new},
    {Py_tp_dealloc, timerwatcher_dealloc},
    {Py_tp_methods, timerwatcher_methods},
    {Py_tp_getset, timerwatcher_getset},
    {Py_tp_members, timerwatcher_members},
    {0, NULL},
};

static PyType_Spec timerwatcher_spec = {
    .name = "greencore._core.timer",
    .basicsize = sizeof(TimerWatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = timerwatcher_slots,
};

int
green_watch_timer_exec(PyObject *module)
{
    return green_watcher_add_type(module, &timerwatcher_spec) == NULL ? -1 : 0;
}
