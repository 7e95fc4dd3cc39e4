/* io watchers: each is an interest in a descriptor. */
#include "loop/fd.h"
#include "loop/watcher.h"

typedef struct {
    WatcherObject base;
    green_fd_interest interest;
    int fd;
} IOWatcherObject;

static void
iowatcher_fire(green_fd_interest *interest, int revents)
{
    IOWatcherObject *self = GREEN_CONTAINER(interest, IOWatcherObject, interest);
    self->base.revents |= revents & GREEN_FD_CLOSED ? interest->events : revents;
    green_watcher_push(&self->base);
}

static int
iowatcher_start(WatcherObject *watcher)
{
    IOWatcherObject *self = (IOWatcherObject *)watcher;
    return green_fd_start(watcher->loop, &self->interest, self->fd, 0);
}

static void
iowatcher_stop(WatcherObject *watcher)
{
    green_fd_stop(watcher->loop, &((IOWatcherObject *)watcher)->interest);
}

static const green_watcher_kind iowatcher_kind = {
    .start = iowatcher_start, .stop = iowatcher_stop, .uv = true, .level = true, .events = true};

static int
iowatcher_check_events(long events)
{
    if (events & ~(GREEN_READ | GREEN_WRITE)) {
        PyErr_Format(PyExc_ValueError, "illegal event mask: %ld", events);
        return -1;
    }
    return 0;
}

static PyObject *
iowatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "fd", "events", "ref", "priority", NULL};
    PyObject *loop, *priority = NULL;
    int fd, events, ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oii|pO", keywords, &loop, &fd, &events, &ref,
                                     &priority)) {
        return NULL;
    }
    if (fd < 0) {
        return PyErr_Format(PyExc_ValueError, "fd must be non-negative: %d", fd);
    }
    if (iowatcher_check_events(events) < 0) {
        return NULL;
    }
    IOWatcherObject *self =
        (IOWatcherObject *)green_watcher_new(type, &iowatcher_kind, loop, ref, priority);
    if (self != NULL) {
        self->fd = fd;
        green_list_init(&self->interest.link);
        self->interest.events = events;
        self->interest.ref = false; /* the watcher itself is counted */
        self->interest.fire = iowatcher_fire;
    }
    return (PyObject *)self;
}

static PyObject *
iowatcher_get_fd(IOWatcherObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(self->fd);
}

static int
iowatcher_set_fd(IOWatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (green_watcher_check_inactive(&self->base, "fd") < 0) {
        return -1;
    }
    long fd = value == NULL ? -1 : PyLong_AsLong(value);
    if (fd < 0 || fd > INT_MAX) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_ValueError, "fd must be non-negative: %ld", fd);
        }
        return -1;
    }
    self->fd = (int)fd;
    return 0;
}

static PyObject *
iowatcher_get_events(IOWatcherObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(self->interest.events);
}

static int
iowatcher_set_events(IOWatcherObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (green_watcher_check_inactive(&self->base, "events") < 0) {
        return -1;
    }
    long events = value == NULL ? 0 : PyLong_AsLong(value);
    if ((events == -1 && PyErr_Occurred()) || iowatcher_check_events(events) < 0) {
        return -1;
    }
    self->interest.events = (int)events;
    return 0;
}

static PyObject *
iowatcher_get_events_str(IOWatcherObject *self, void *Py_UNUSED(closure))
{
    static const char *const names[] = {"", "READ", "WRITE", "READ|WRITE"};
    return PyUnicode_FromString(names[self->interest.events & 3]);
}

static PyGetSetDef iowatcher_getset[] = {
    {"fd", (getter)iowatcher_get_fd, (setter)iowatcher_set_fd, "The descriptor.", NULL},
    {"events", (getter)iowatcher_get_events, (setter)iowatcher_set_events,
     "What it watches for: 1 to read, 2 to write, 3 for both.", NULL},
    {"events_str", (getter)iowatcher_get_events_str, NULL, "The same in words.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot iowatcher_slots[] = {
    {Py_tp_doc,
     "io(loop, fd, events, ref=True, priority=None)\n--\n\nFires, again and again, while the "
     "descriptor can be read (events 1) or written (2)."},
    {Py_tp_new, iowatcher_new},
    {Py_tp_getset, iowatcher_getset},
    {0, NULL},
};

static PyType_Spec iowatcher_spec = {
    .name = "greencore._core.io",
    .basicsize = sizeof(IOWatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = iowatcher_slots,
};

int
green_watch_io_exec(PyObject *module)
{
    return green_watcher_add_type(module, &iowatcher_spec) == NULL ? -1 : 0;
}
