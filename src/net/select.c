#include "net/select.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "greenlet/name.h"
#include "hub/wait.h"
#include "loop/fd.h"
#include "net/socket.h"

/* ---- one descriptor ---- */

/* A wait of its own for what is given: a number, or an object with fileno(). -1 with an exception.
 */
static int
file_of(PyObject *object, green_file *file)
{
    *file = (green_file){.fd = PyObject_AsFileDescriptor(object), .ref = true};
    if (file->fd >= 0 && PyObject_TypeCheck(object, Socket_Type)) {
        file->owner = green_socket_of(object)->file.owner;
    }
    return file->fd < 0 ? -1 : 0;
}

/* Timeout(seconds, value), the exception of a time-out that is not raised as it is. */
static PyObject *
timeout_new(PyObject *seconds, PyObject *value)
{
    PyObject *class = green_name_get("greencore.timeout", "Timeout");
    PyObject *timeout =
        class == NULL ? NULL : PyObject_CallFunctionObjArgs(class, seconds, value, NULL);
    Py_XDECREF(class);
    return timeout;
}

/* As Timeout does: raise an exception given, be silent on False, else raise a Timeout. */
static PyObject *
raise_timeout(PyObject *seconds, PyObject *exception)
{
    if (exception == NULL) {
        PyErr_SetString(PyExc_TimeoutError, "timed out");
    } else if (exception == Py_False) {
        Py_RETURN_NONE;
    } else if (PyExceptionClass_Check(exception)) {
        PyErr_SetNone(exception);
    } else if (PyExceptionInstance_Check(exception)) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    } else {
        PyObject *timeout = timeout_new(seconds, exception);
        if (timeout != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(timeout), timeout);
            Py_DECREF(timeout);
        }
    }
    return NULL;
}

static PyObject *
wait_for(PyObject *args, PyObject *kwargs, const char *format, int events, const char *verb)
{
    static char *keywords[] = {"fileno", "timeout", "timeout_exc", "event", NULL};
    PyObject *fileno, *timeout = Py_None, *exception = NULL, *ignored;
    green_file file;
    double seconds;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, keywords, &fileno, &timeout, &exception,
                                     &ignored) ||
        green_wait_seconds(timeout, &seconds) < 0 || file_of(fileno, &file) < 0) {
        return NULL;
    }
    int seen = green_file_wait(&file, events, seconds, verb, fileno);
    if (seen == 0) {
        return raise_timeout(timeout, exception);
    }
    if (seen < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

#define WAIT_DOC(what)                                                                             \
    "Wait until `fileno`, a descriptor or an object with fileno(), " what ".\n\n"                  \
    "timeout: in seconds; None: for ever. timeout_exc: raised when it has passed, as by Timeout; " \
    "TimeoutError unless given."

PyDoc_STRVAR(wait_read_doc,
             "wait_read(fileno, timeout=None, timeout_exc=...)\n--\n\n" WAIT_DOC("can be read"));

static PyObject *
wait_read(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return wait_for(args, kwargs, "O|OOO:wait_read", GREEN_READ, "wait_read");
}

PyDoc_STRVAR(wait_write_doc,
             "wait_write(fileno, timeout=None, timeout_exc=..., event=None)\n--\n\n" WAIT_DOC(
                 "can be written to") " `event` is ignored.");

static PyObject *
wait_write(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return wait_for(args, kwargs, "O|OOO:wait_write", GREEN_WRITE, "wait_write");
}

PyDoc_STRVAR(wait_readwrite_doc,
             "wait_readwrite(fileno, timeout=None, timeout_exc=..., event=None)\n--\n\n" WAIT_DOC(
                 "can be read or written to") " `event` is ignored.");

static PyObject *
wait_readwrite(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    return wait_for(args, kwargs, "O|OOO:wait_readwrite", GREEN_READ | GREEN_WRITE,
                    "wait_readwrite");
}

/* ---- any of several ---- */

typedef struct {
    green_fd_interest interest;
    green_waiter *waiter;
    int fd;
    int events;
} selected;

/* Up to so many descriptors are polled one by one in the loop's epoll instance, which costs about
   four system calls each and wait. More of them get an instance of their own for the wait, which
   costs one call each and some ten for itself. */
enum { FEW = 4 };

static void
selected_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    green_wake(GREEN_CONTAINER(interest, selected, interest)->waiter);
}

/* `events` 0: only its being closed is told. -1 with an exception. A descriptor that isn't open is
   ready: the system call that follows tells. */
static int
selected_start(selected *one, int events)
{
    green_waiter *waiter = one->waiter;
    one->interest = (green_fd_interest){
        .events = events, .ref = true, .fire = selected_fire, .greenlet = waiter->greenlet};
    green_list_init(&one->interest.link);
    if (green_fd_start(waiter->loop, &one->interest, one->fd, 0) == 0) {
        return 0;
    }
    if (fcntl(one->fd, F_GETFD) >= 0 || !PyErr_ExceptionMatches(PyExc_OSError)) {
        return -1;
    }
    PyErr_Clear();
    green_wake(waiter);
    return 0;
}

/* Have the instance `set` watch one for what it waits for. -1 with an exception. */
static int
selected_add(selected *one, int set)
{
    struct epoll_event event = {.data.ptr = one};
    event.events = (one->events & GREEN_READ ? EPOLLIN | EPOLLRDHUP : 0) |
                   (one->events & GREEN_WRITE ? EPOLLOUT : 0) |
                   (one->events & GREEN_PRIORITY ? EPOLLPRI : 0);
    if (epoll_ctl(set, EPOLL_CTL_ADD, one->fd, &event) == 0) {
        return selected_start(one, 0);
    }
    if (errno == EPERM) {
        one->interest.revents = one->events; /* what cannot be polled is always ready */
    } else if (errno != EBADF &&
               one->fd != set) { /* `set` may have got the number of a closed one */
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    green_wake(one->waiter);
    return 0;
}

/* Start all of them; the one behind the last is that of their instance. -1 with an exception. */
static int
start_all(selected *all, size_t count, green_waiter *waiter)
{
    selected *set = &all[count];
    for (size_t i = 0; i <= count; i++) {
        all[i].waiter = waiter;
        green_list_init(&all[i].interest.link);
    }
    set->fd = count > FEW ? epoll_create1(EPOLL_CLOEXEC) : -1;
    for (size_t i = 0; i < count; i++) {
        int status =
            set->fd < 0 ? selected_start(&all[i], all[i].events) : selected_add(&all[i], set->fd);
        if (status < 0) {
            return -1;
        }
    }
    return set->fd < 0 ? 0 : selected_start(set, GREEN_READ);
}

/* What the instance has seen, of each. -1 with an exception. */
static int
ask_set(selected *all, size_t count)
{
    int room = count > INT_MAX / 16 ? INT_MAX / 16 : (int)count;
    struct epoll_event *events = PyMem_New(struct epoll_event, (size_t)room);
    if (events == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int found = epoll_wait(all[count].fd, events, room, 0);
    for (int i = 0; i < found; i++) {
        selected *one = events[i].data.ptr;
        uint32_t seen = events[i].events;
        int revents = (seen & (EPOLLIN | EPOLLRDHUP) ? GREEN_READ : 0) |
                      (seen & EPOLLOUT ? GREEN_WRITE : 0) | (seen & EPOLLPRI ? GREEN_PRIORITY : 0);
        if (seen & (EPOLLERR | EPOLLHUP)) {
            revents = GREEN_READ | GREEN_WRITE | GREEN_PRIORITY;
        }
        one->interest.revents |= revents & one->events;
    }
    PyMem_Free(events);
    return 0;
}

static void
stop_all(LoopObject *loop, selected *all, size_t count)
{
    for (size_t i = 0; i <= count; i++) {
        green_fd_stop(loop, &all[i].interest);
    }
    if (all[count].fd >= 0) {
        close(all[count].fd);
    }
}

/* {descriptor: what was seen} of those of which something was. */
static PyObject *
collect_seen(const selected *all, size_t count)
{
    PyObject *seen = PyDict_New();
    for (size_t i = 0; seen != NULL && i < count; i++) {
        if (all[i].interest.revents != 0) {
            PyObject *fd = PyLong_FromLong(all[i].fd);
            PyObject *events = fd == NULL ? NULL : PyLong_FromLong(all[i].interest.revents);
            if (events == NULL || PyDict_SetItem(seen, fd, events) < 0) {
                Py_CLEAR(seen);
            }
            Py_XDECREF(events);
            Py_XDECREF(fd);
        }
    }
    return seen;
}

/* -1 with an exception, or without. */
static int
int_of(PyObject *number)
{
    long value = PyLong_AsLong(number);
    if ((value < INT_MIN || value > INT_MAX) && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_OverflowError, "the number is too large");
    }
    return (int)value;
}

/* A new array of what `wanted` has, with one more; NULL with an exception. */
static selected *
selected_new(PyObject *wanted, size_t *count)
{
    *count = (size_t)PyDict_GET_SIZE(wanted);
    selected *all = PyMem_Calloc(*count + 1, sizeof(*all));
    if (all == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    PyObject *key, *value; /* borrowed */
    Py_ssize_t position = 0;
    for (size_t i = 0; i < *count && PyDict_Next(wanted, &position, &key, &value); i++) {
        if (!PyLong_CheckExact(key) || !PyLong_CheckExact(value)) {
            PyErr_SetString(PyExc_TypeError, "descriptors and events are needed as ints");
        } else {
            all[i].fd = int_of(key);
            all[i].events = int_of(value);
        }
        if (PyErr_Occurred()) {
            PyMem_Free(all);
            return NULL;
        }
    }
    return all;
}

PyDoc_STRVAR(
    wait_any_doc,
    "wait_any(wanted, timeout, /)\n--\n\n"
    "Wait until one of the descriptors is ready: `wanted` is a dict {descriptor: events}, "
    "events a sum of 1 (read), 2 (write) and 4 (out-of-band data). Returns such a dict of what was "
    "seen, empty if one is not open; 8: another greenlet has closed the descriptor. None if "
    "`timeout` seconds (None: for ever) passed before. Raises OSError, TypeError.");

static PyObject *
wait_any(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *wanted, *timeout;
    double seconds;
    size_t count;
    if (!PyArg_ParseTuple(args, "O!O:wait_any", &PyDict_Type, &wanted, &timeout) ||
        green_wait_seconds(timeout, &seconds) < 0) {
        return NULL;
    }
    selected *all = selected_new(wanted, &count);
    if (all == NULL) {
        return NULL;
    }
    int status = -1;
    green_waiter waiter;
    if (green_waiter_init(&waiter, "select", NULL) == 0) {
        LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)waiter.loop);
        if (start_all(all, count, &waiter) < 0) {
            green_waiter_cancel(&waiter);
        } else {
            status = green_wait(&waiter, seconds);
        }
        if (status == GREEN_WOKEN && all[count].fd >= 0 && ask_set(all, count) < 0) {
            status = -1;
        }
        stop_all(loop, all, count);
        Py_DECREF(loop);
    }
    PyObject *result = status < 0              ? NULL
                       : status == GREEN_WOKEN ? collect_seen(all, count)
                                               : Py_NewRef(Py_None);
    PyMem_Free(all);
    return result;
}

static PyMethodDef functions[] = {
    {"wait_read", (PyCFunction)(void (*)(void))wait_read, METH_VARARGS | METH_KEYWORDS,
     wait_read_doc},
    {"wait_write", (PyCFunction)(void (*)(void))wait_write, METH_VARARGS | METH_KEYWORDS,
     wait_write_doc},
    {"wait_readwrite", (PyCFunction)(void (*)(void))wait_readwrite, METH_VARARGS | METH_KEYWORDS,
     wait_readwrite_doc},
    {"wait_any", wait_any, METH_VARARGS, wait_any_doc},
    {NULL, NULL, 0, NULL},
};

int
green_select_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
