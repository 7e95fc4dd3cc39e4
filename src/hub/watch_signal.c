/* signal watchers, on uv_signal. libuv installs a handler of its own and, with the last watcher of
   a signal gone, the default action; what was installed before is put back here. */
#include <signal.h>

#include "hub/poll.h"
#include "hub/watcher.h"

typedef struct {
    uv_signal_t handle;            /* outlives the watcher until libuv has closed it */
    struct WatcherObject *watcher; /* borrowed; NULL once it is gone */
} signal_handle;

typedef struct {
    WatcherObject base;
    signal_handle *handle; /* owned; NULL while stopped */
    int signalnum;
} SignalWatcherObject;

static struct {
    unsigned watchers;
    struct sigaction before;
} signal_users[NSIG];

static void
signalwatcher_closed_cb(uv_handle_t *handle)
{
    PyMem_RawFree(handle);
}

static void
signalwatcher_cb(uv_signal_t *handle, int Py_UNUSED(signum))
{
    signal_handle *self = (signal_handle *)handle;
    if (self->watcher != NULL) {
        green_watcher_fire(self->watcher);
    }
}

static int
signalwatcher_start(WatcherObject *watcher)
{
    SignalWatcherObject *self = (SignalWatcherObject *)watcher;
    signal_handle *handle = PyMem_RawCalloc(1, sizeof(*handle));
    if (handle == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int code = uv_signal_init(&watcher->loop->poll->uv, &handle->handle);
    if (code < 0) {
        PyMem_RawFree(handle);
        green_poll_error(code);
        return -1;
    }
    uv_unref((uv_handle_t *)&handle->handle);
    struct sigaction before;
    sigaction(self->signalnum, NULL, &before);
    code = uv_signal_start(&handle->handle, signalwatcher_cb, self->signalnum);
    if (code < 0) {
        uv_close((uv_handle_t *)&handle->handle, signalwatcher_closed_cb);
        green_poll_error(code);
        return -1;
    }
    if (signal_users[self->signalnum].watchers++ == 0) {
        signal_users[self->signalnum].before = before;
    }
    handle->watcher = watcher;
    self->handle = handle;
    return 0;
}

static void
signalwatcher_stop(WatcherObject *watcher)
{
    SignalWatcherObject *self = (SignalWatcherObject *)watcher;
    signal_handle *handle = self->handle;
    if (handle == NULL) {
        return;
    }
    self->handle = NULL;
    handle->watcher = NULL;
    uv_signal_stop(&handle->handle);
    if (--signal_users[self->signalnum].watchers == 0) {
        /* Only where nobody has changed it meanwhile: libuv has just put the default there. */
        struct sigaction now;
        sigaction(self->signalnum, NULL, &now);
        if (now.sa_handler == SIG_DFL) {
            sigaction(self->signalnum, &signal_users[self->signalnum].before, NULL);
        }
    }
    uv_close((uv_handle_t *)&handle->handle, signalwatcher_closed_cb);
}

static const green_watcher_kind signalwatcher_kind = {signalwatcher_start, signalwatcher_stop, NULL,
                                                      true, false};

static PyObject *
signalwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "signalnum", "ref", "priority", NULL};
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
        self->signalnum = signalnum;
    }
    return (PyObject *)self;
}

static PyMemberDef signalwatcher_members[] = {
    {"signalnum", T_INT, offsetof(SignalWatcherObject, signalnum), READONLY, "The signal."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot signalwatcher_slots[] = {
    {Py_tp_doc,
     "signal(loop, signalnum, ref=True, priority=None)\n--\n\nFires when the process gets the "
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
