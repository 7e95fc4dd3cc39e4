#include "loop/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "greenlet/error.h"
#include "loop/poll.h"

/* ns between looks at the slot */
#define CLAIM_INTERVAL 20000000

struct green_interrupt {
    int read_fd;
    int write_fd;
    uint64_t claimed; /* when the slot was looked at last, ns */
    int forward;      /* the program's own, which gets each byte, too; -1: none */
    dev_t device;     /* what that is, for its number may become another file's */
    ino_t inode;
    uv_poll_t handle;
};

static void
interrupt_closed_cb(uv_handle_t *handle)
{
    free(handle->data);
}

/* The program's descriptor, if it is still the file that it was. */
static bool
interrupt_forwards(const green_interrupt *interrupt, struct stat *status)
{
    return interrupt->forward >= 0 && fstat(interrupt->forward, status) == 0;
}

static void
interrupt_forward(const green_interrupt *interrupt, const char *bytes, size_t count)
{
    struct stat now;
    if (interrupt_forwards(interrupt, &now) && now.st_dev == interrupt->device &&
        now.st_ino == interrupt->inode && write(interrupt->forward, bytes, count) < 0) {
        /* Full: its reader has enough to wake up for. */
    }
}

static void
interrupt_cb(uv_poll_t *handle, int Py_UNUSED(status), int Py_UNUSED(events))
{
    green_interrupt *interrupt = handle->data;
    char bytes[256];
    ssize_t count;
    do {
        count = read(interrupt->read_fd, bytes, sizeof(bytes));
        if (count > 0) {
            interrupt_forward(interrupt, bytes, (size_t)count);
        }
    } while (count == (ssize_t)sizeof(bytes));
}

/* signal.set_wakeup_fd(fd): the descriptor before it, or -2 with an exception. The C module's,
   which is never patched. `warn`: when its buffer is full. */
static int
interrupt_set_slot(int fd, bool warn)
{
    static PyObject *set; /* kept for good */
    if (set == NULL) {
        PyObject *module = PyImport_ImportModule("_signal");
        set = module ? PyObject_GetAttrString(module, "set_wakeup_fd") : NULL;
        Py_XDECREF(module);
    }
    PyObject *kwargs = Py_BuildValue("{sO}", "warn_on_full_buffer", warn ? Py_True : Py_False);
    int before = -2;
    PyObject *args = Py_BuildValue("(i)", fd);
    PyObject *result = set && args && kwargs ? PyObject_Call(set, args, kwargs) : NULL;
    if (result != NULL) {
        before = (int)PyLong_AsLong(result);
    }
    Py_XDECREF(result);
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    return before;
}

/* Whose was in the slot gets the bytes from now on. 1 if it was not ours, 0 if it was; -1 with an
   exception: ValueError in any thread but the main one. */
static int
interrupt_claim(green_interrupt *interrupt)
{
    int before = interrupt_set_slot(interrupt->write_fd, false);
    if (before == -2 || before == interrupt->write_fd) {
        return before == -2 ? -1 : 0;
    }
    struct stat status;
    interrupt->forward = before;
    if (interrupt_forwards(interrupt, &status)) {
        interrupt->device = status.st_dev;
        interrupt->inode = status.st_ino;
    }
    return 1;
}

static void
interrupt_close(green_interrupt *interrupt, bool released)
{
    uv_poll_stop(&interrupt->handle);
    close(interrupt->read_fd);
    if (released) {
        close(interrupt->write_fd);
    } /* else, at exit or in another thread, a signal may still be written to it */
    uv_close((uv_handle_t *)&interrupt->handle, interrupt_closed_cb);
}

/* Whether the slot is free of it for certain. */
static bool
interrupt_release(green_interrupt *interrupt)
{
    PyObject *error = green_error_take();
    int before = interrupt_set_slot(-1, true);
    bool released = before != -2;
    if (before == interrupt->write_fd) {
        before = interrupt->forward;
    }
    if (before >= 0) {
        before = interrupt_set_slot(before, true);
    }
    if (before == -2) {
        PyErr_Clear(); /* the program has closed its own, or this is no main thread */
    }
    green_error_raise(error);
    return released;
}

int
green_interrupt_install(LoopObject *loop)
{
    int fds[2];
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    green_interrupt *interrupt = calloc(1, sizeof(*interrupt));
    int code =
        interrupt == NULL ? UV_ENOMEM : uv_poll_init(&loop->poll->uv, &interrupt->handle, fds[0]);
    if (code < 0) {
        free(interrupt);
        close(fds[0]);
        close(fds[1]);
        green_poll_error(code);
        return -1;
    }
    interrupt->read_fd = fds[0];
    interrupt->write_fd = fds[1];
    interrupt->forward = -1;
    interrupt->handle.data = interrupt;
    if (interrupt_claim(interrupt) < 0) {
        interrupt_close(interrupt, true);
        if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
            return -1;
        }
        PyErr_Clear(); /* not the main thread: Python's handlers never run here */
        return 0;
    }
    uv_poll_start(&interrupt->handle, UV_READABLE, interrupt_cb);
    uv_unref((uv_handle_t *)&interrupt->handle);
    loop->poll->interrupt = interrupt;
    return 0;
}

bool
green_interrupt_installed(const LoopObject *loop)
{
    return loop->poll->interrupt != NULL;
}

void
green_interrupt_claim(LoopObject *loop)
{
    green_interrupt *interrupt = loop->poll->interrupt;
    if (interrupt == NULL || loop->polled - interrupt->claimed < CLAIM_INTERVAL) {
        return;
    }
    interrupt->claimed = loop->polled;
    int claimed = interrupt_claim(interrupt);
    if (claimed > 0) {
        claimed = green_interrupt_check(loop); /* of what came before */
        if (claimed < 0) {
            green_loop_handle_error(loop, NULL);
        }
    } else if (claimed < 0) {
        if (PyErr_ExceptionMatches(PyExc_OSError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear(); /* the pipe is closed, or its number another's: the poll tells */
            loop->poll->suspect = loop->poll->lost = true;
        } else {
            green_loop_handle_error(loop, NULL);
        }
    }
}

int
green_interrupt_slot_set(LoopObject *loop, int before)
{
    green_interrupt *interrupt = loop->poll->interrupt;
    if (interrupt == NULL) {
        return before;
    }
    interrupt->claimed = 0;
    return before == interrupt->write_fd ? interrupt->forward : before;
}

uint64_t
green_interrupt_deadline(const LoopObject *loop)
{
    const green_interrupt *interrupt = loop->poll->interrupt;
    return interrupt == NULL || interrupt->claimed == loop->polled
               ? UINT64_MAX
               : interrupt->claimed + CLAIM_INTERVAL;
}

void
green_interrupt_uninstall(LoopObject *loop)
{
    green_interrupt *interrupt = loop->poll->interrupt;
    if (interrupt == NULL) {
        return;
    }
    loop->poll->interrupt = NULL;
    bool released = interrupt_release(interrupt);
    if (!loop->poll->lost) { /* else its numbers may be somebody else's by now */
        interrupt_close(interrupt, released);
    }
}

void
green_interrupt_abandon(LoopObject *loop)
{
    green_interrupt *interrupt = loop->poll->interrupt;
    if (interrupt != NULL && interrupt_release(interrupt)) {
        close(interrupt->read_fd);
        close(interrupt->write_fd);
    }
}

int
green_interrupt_forked(LoopObject *loop)
{
    if (loop->poll->interrupt == NULL) {
        return 0;
    }
    green_interrupt_uninstall(loop);
    return green_interrupt_install(loop);
}

bool
green_interrupt_owns_fd(LoopObject *loop, int fd)
{
    const green_interrupt *interrupt = loop->poll->interrupt;
    return interrupt != NULL && (fd == interrupt->read_fd || fd == interrupt->write_fd);
}

int
green_interrupt_check(LoopObject *loop)
{
    return loop->poll->interrupt == NULL ? 0 : PyErr_CheckSignals();
}
