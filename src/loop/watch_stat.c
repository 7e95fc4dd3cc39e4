/* stat watchers call os.stat at an interval. One call at a time in the hub is cheaper than the
   threads that libuv would start for it. */
#include <math.h>

#include "greenlet/name.h"
#include "loop/watcher.h"

#define STAT_INTERVAL 5.0 /* seconds, where no interval is given */
#define STAT_LEAST 0.1

typedef struct {
    WatcherObject base;
    green_timer timer; /* without `ref`: the watcher itself is counted */
    PyObject *path;    /* owned, as given */
    PyObject *encoded; /* owned; bytes */
    PyObject *attr;    /* owned; os.stat_result, or None where there is no file */
    PyObject *prev;    /* owned; attr before the last change */
    double interval;   /* seconds: as given, and from the start on what that comes to */
} StatWatcherObject;

/* Looks at the file. New reference; None where the file cannot be looked at. */
static PyObject *
statwatcher_look(StatWatcherObject *self)
{
    PyObject *stat = green_name_get("posix", "stat"); /* the C function, which is never patched */
    PyObject *found = stat == NULL ? NULL : PyObject_CallOneArg(stat, self->encoded);
    Py_XDECREF(stat);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        return Py_NewRef(Py_None);
    }
    return found;
}

static void
statwatcher_expired(green_timer *timer)
{
    green_watcher_push(&GREEN_CONTAINER(timer, StatWatcherObject, timer)->base);
}

static void
statwatcher_arm(StatWatcherObject *self)
{
    green_timer_start(&self->base.loop->timers, &self->timer, green_time_after(self->interval));
}

static int
statwatcher_start(WatcherObject *watcher)
{
    StatWatcherObject *self = (StatWatcherObject *)watcher;
    PyObject *now = statwatcher_look(self);
    if (now == NULL) {
        return -1;
    }
    Py_XSETREF(self->attr, now);
    self->interval = self->interval == 0 ? STAT_INTERVAL : fmax(self->interval, STAT_LEAST);
    statwatcher_arm(self);
    return 0;
}

static void
statwatcher_stop(WatcherObject *watcher)
{
    green_timer_stop(&watcher->loop->timers, &((StatWatcherObject *)watcher)->timer);
}

/* Returns whether two looks have seen the same. Access times are left out, since to read a file is
   no change. -1 with an exception. */
static int
statwatcher_same(PyObject *a, PyObject *b)
{
    static const char *const fields[] = {"st_mode",  "st_ino",      "st_dev",
                                         "st_nlink", "st_uid",      "st_gid",
                                         "st_size",  "st_mtime_ns", "st_ctime_ns"};
    if (a == Py_None || b == Py_None) {
        return a == b;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        PyObject *x = PyObject_GetAttrString(a, fields[i]);
        PyObject *y = x ? PyObject_GetAttrString(b, fields[i]) : NULL;
        int same = y ? PyObject_RichCompareBool(x, y, Py_EQ) : -1;
        Py_XDECREF(x);
        Py_XDECREF(y);
        if (same != 1) {
            return same;
        }
    }
    return 1;
}

static bool
statwatcher_due(WatcherObject *watcher)
{
    StatWatcherObject *self = (StatWatcherObject *)watcher;
    if (!green_timer_active(&self->timer)) {
        statwatcher_arm(self);
    }
    PyObject *now = statwatcher_look(self);
    int same = now ? statwatcher_same(self->attr, now) : -1;
    if (same != 0) {
        if (same < 0) {
            green_loop_handle_error(watcher->loop, (PyObject *)self);
        }
        Py_XDECREF(now);
        return false;
    }
    Py_XSETREF(self->prev, self->attr);
    self->attr = now;
    return true;
}

static const green_watcher_kind statwatcher_kind = {
    .start = statwatcher_start, .stop = statwatcher_stop, .due = statwatcher_due};

static PyObject *
statwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "path", "interval", "ref", "priority", NULL};
    PyObject *loop, *path, *priority = NULL;
    double interval = 0;
    int ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|dpO", keywords, &loop, &path, &interval,
                                     &ref, &priority)) {
        return NULL;
    }
    if (isnan(interval)) {
        PyErr_SetString(PyExc_ValueError, "interval must not be NaN");
        return NULL;
    }
    PyObject *encoded;
    if (!PyUnicode_FSConverter(path, &encoded)) {
        return NULL;
    }
    StatWatcherObject *self =
        (StatWatcherObject *)green_watcher_new(type, &statwatcher_kind, loop, ref, priority);
    if (self == NULL) {
        Py_DECREF(encoded);
    } else {
        green_timer_init(&self->timer, statwatcher_expired, false);
        self->timer.ref = false;
        self->path = Py_NewRef(path);
        self->encoded = encoded;
        self->interval = interval;
    }
    return (PyObject *)self;
}

static void
statwatcher_dealloc(StatWatcherObject *self)
{
    if (self->base.loop != NULL && !green_loop_destroyed(self->base.loop)) {
        green_timer_stop(&self->base.loop->timers, &self->timer);
    }
    Py_CLEAR(self->attr);
    Py_CLEAR(self->prev);
    Py_CLEAR(self->path);
    Py_CLEAR(self->encoded);
    Watcher_Type->tp_dealloc((PyObject *)self);
}

static PyMemberDef statwatcher_members[] = {
    {"path", T_OBJECT, offsetof(StatWatcherObject, path), READONLY, "The path, as given."},
    {"_paths", T_OBJECT, offsetof(StatWatcherObject, encoded), READONLY, "The path as bytes."},
    {"attr", T_OBJECT, offsetof(StatWatcherObject, attr), READONLY,
     "os.stat_result of the last look; None: no such file, or not started."},
    {"prev", T_OBJECT, offsetof(StatWatcherObject, prev), READONLY, "The one before the change."},
    {"interval", T_DOUBLE, offsetof(StatWatcherObject, interval), READONLY,
     "Seconds between looks: as given, and once it has started what that comes to."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot statwatcher_slots[] = {
    {Py_tp_doc,
     "stat(loop, path, interval=0.0, ref=True, priority=None)\n--\n\nFires when what os.stat says "
     "of the path has changed. interval: seconds between looks, 0 for\nthe default of 5, at least "
     "0.1."},
    {Py_tp_new, statwatcher_new},
    {Py_tp_dealloc, statwatcher_dealloc},
    {Py_tp_members, statwatcher_members},
    {0, NULL},
};

static PyType_Spec statwatcher_spec = {
    .name = "greencore._core.stat",
    .basicsize = sizeof(StatWatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = statwatcher_slots,
};

int
green_watch_stat_exec(PyObject *module)
{
    return green_watcher_add_type(module, &statwatcher_spec) == NULL ? -1 : 0;
}
