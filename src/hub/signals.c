#include "hub/signals.h"

#include <signal.h>

#include "hub/poll.h"

struct green_signal {
    uv_signal_t handle;
    WatcherObject *watcher; /* borrowed; NULL: libuv has not closed the handle yet */
};

static struct {
    unsigned handles;
    struct sigaction before;
} users[NSIG];

static void
signal_closed_cb(uv_handle_t *handle)
{
    PyMem_RawFree(handle);
}

static void
signal_cb(uv_signal_t *handle, int Py_UNUSED(signum))
{
    WatcherObject *watcher = ((green_signal *)handle)->watcher;
    if (watcher != NULL) {
        green_watcher_fire(watcher);
    }
}

green_signal *
green_signal_new(WatcherObject *watcher, int signalnum)
{
    green_signal *self = PyMem_RawCalloc(1, sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    int code = uv_signal_init(&watcher->loop->poll->uv, &self->handle);
    if (code < 0) {
        PyMem_RawFree(self);
        green_poll_error(code);
        return NULL;
    }
    uv_unref((uv_handle_t *)&self->handle);
    struct sigaction before;
    sigaction(signalnum, NULL, &before);
    code = uv_signal_start(&self->handle, signal_cb, signalnum);
    if (code < 0) {
        uv_close((uv_handle_t *)&self->handle, signal_closed_cb);
        green_poll_error(code);
        return NULL;
    }
    if (users[signalnum].handles++ == 0) {
        users[signalnum].before = before;
    }
    self->watcher = watcher;
    return self;
}

void
green_signal_free(green_signal *self)
{
    int signalnum = self->handle.signum;
    self->watcher = NULL;
    uv_signal_stop(&self->handle);
    if (--users[signalnum].handles == 0) {
        /* Only where nobody has changed it meanwhile: libuv has just put the default there. */
        struct sigaction now;
        sigaction(signalnum, NULL, &now);
        if (now.sa_handler == SIG_DFL) {
            sigaction(signalnum, &users[signalnum].before, NULL);
        }
    }
    uv_close((uv_handle_t *)&self->handle, signal_closed_cb);
}
