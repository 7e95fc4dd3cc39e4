#include "loop/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "greenlet/error.h"
#include "greenlet/name.h"
#include "switch/list.h"

/* The time between two looks at the slot, ns. */
#define CLAIM_INTERVAL 20000000

typedef struct green_interrupt {
    green_part part;
    int read_fd;
    int write_fd;
    uint64_t claimed; /* when the slot was looked at last, ns */
    int forward;      /* the program's descriptor, which gets each byte, too; -1: none */
    dev_t device;     /* the file that `forward` was, since its number may become another file's */
    ino_t inode;
    uv_poll_t handle;
} green_interrupt;

static const green_part_kind interrupt_kind;

/* Returns the poll's interrupt. NULL: it has none. */
static green_interrupt *
interrupt_peek(const green_poll *poll)
{
    green_part *part = poll->parts[GREEN_INTERRUPT];
    return part == NULL ? NULL : GREEN_CONTAINER(part, green_interrupt, part);
}

static void
interrupt_closed_cb(uv_handle_t *handle)
{
    free(handle->data);
}

/* Looks at the program's descriptor: *status tells which file it is now. False: there is none, or
   it is closed. */
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
        /* The descriptor is full: its reader has enough to wake up for. */
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

/* Calls signal.set_wakeup_fd(fd) of the C module, which is never patched. Returns the descriptor
   that was set before, or -2 with an exception. `warn`: Python warns when the descriptor's buffer
   is full. */
static int
interrupt_set_slot(int fd, bool warn)
{
    static PyObject *set; /* owned, kept for good */
    if (set == NULL) {
        set = green_name_get("_signal", "set_wakeup_fd");
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

/* Claims the slot. What was in it gets the bytes from now on. Returns 1 if that was not ours, 0 if
   it was; -1 with an exception, which is ValueError in any thread but the main one. */
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

/* Gives the slot back to the program. Returns whether the pipe is out of it for certain. */
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
        PyErr_Clear(); /* the program has closed its own, or this is not the main thread */
    }
    green_error_raise(error);
    return released;
}

int
green_interrupt_install(green_poll *poll)
{
    int fds[2];
    if (interrupt_peek(poll) != NULL) {
        return 0;
    }
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    green_interrupt *interrupt = calloc(1, sizeof(*interrupt));
    int code = interrupt == NULL ? UV_ENOMEM : uv_poll_init(&poll->uv, &interrupt->handle, fds[0]);
    if (code < 0) {
        free(interrupt);
        close(fds[0]);
        close(fds[1]);
        green_poll_error(code);
        return -1;
    }
    interrupt->part.kind = &interrupt_kind;
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
    poll->parts[GREEN_INTERRUPT] = &interrupt->part;
    return 0;
}

int
green_interrupt_claim(green_poll *poll, uint64_t now)
{
    green_interrupt *interrupt = interrupt_peek(poll);
    if (interrupt == NULL || now - interrupt->claimed < CLAIM_INTERVAL) {
        return 0;
    }
    interrupt->claimed = now;
    int claimed = interrupt_claim(interrupt);
    if (claimed >= 0) {
        /* Signals may have come while the slot was not ours. */
        return claimed > 0 ? PyErr_CheckSignals() : 0;
    }
    if (PyErr_ExceptionMatches(PyExc_OSError) || PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear(); /* it was closed, or its number is another file's */
        return 1;
    }
    return -1;
}

int
green_interrupt_slot_set(green_poll *poll, int before)
{
    green_interrupt *interrupt = interrupt_peek(poll);
    if (interrupt == NULL) {
        return before;
    }
    interrupt->claimed = 0;
    return before == interrupt->write_fd ? interrupt->forward : before;
}

uint64_t
green_interrupt_deadline(const green_poll *poll, uint64_t now)
{
    const green_interrupt *interrupt = interrupt_peek(poll);
    return interrupt == NULL || interrupt->claimed == now ? UINT64_MAX
                                                          : interrupt->claimed + CLAIM_INTERVAL;
}

int
green_interrupt_check(const green_poll *poll)
{
    return interrupt_peek(poll) == NULL ? 0 : PyErr_CheckSignals();
}

/* ---- what befalls the poll ---- */

static int
interrupt_forked(green_part *part)
{
    green_interrupt *interrupt = GREEN_CONTAINER(part, green_interrupt, part);
    green_poll *poll = GREEN_CONTAINER(interrupt->handle.loop, green_poll, uv);
    poll->parts[GREEN_INTERRUPT] = NULL;
    interrupt_close(interrupt, interrupt_release(interrupt));
    return green_interrupt_install(poll);
}

static void
interrupt_closed(green_part *part, bool lost)
{
    green_interrupt *interrupt = GREEN_CONTAINER(part, green_interrupt, part);
    bool released = interrupt_release(interrupt);
    if (!lost) {
        interrupt_close(interrupt, released);
    }
}

static bool
interrupt_owns(const green_part *part, int fd)
{
    const green_interrupt *interrupt = GREEN_CONTAINER(part, green_interrupt, part);
    return fd == interrupt->read_fd || fd == interrupt->write_fd;
}

static const green_part_kind interrupt_kind = {
    .forked = interrupt_forked, .closed = interrupt_closed, .owns = interrupt_owns};
