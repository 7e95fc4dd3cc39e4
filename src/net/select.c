#include "net/select.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "greenlet/arguments.h"
#include "greenlet/name.h"
#include "hub/wait.h"
#include "loop/fd.h"
#include "net/pollset.h"
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
    int refused; /* the errno for which the set does not watch it, or 0 */
} selected;

/* A wait for any of several descriptors. */
typedef struct {
    selected *all; /* the one behind the last is the instance's */
    size_t count;
    green_pollset *set; /* NULL: each is polled by itself */
    bool closed;        /* one is not open */
} selection;

/* Up to so many descriptors are polled one by one in the loop's epoll instance, which costs about
   four system calls each and wait. More of them get an instance of their own, which costs one call
   each and some ten for itself. */
enum { FEW = 4 };

static void
selected_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    green_wake(GREEN_CONTAINER(interest, selected, interest)->waiter);
}

/* Starts the interest in one. With `events` 0 only its being closed is told. -1 with an exception.
   A descriptor that isn't open is ready: the system call that follows tells. */
static int
selected_start(selection *any, selected *one, int events)
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
    any->closed = true;
    green_wake(waiter);
    return 0;
}

static void
selection_stop(LoopObject *loop, selection *any)
{
    for (size_t i = 0; i <= any->count; i++) {
        green_fd_stop(loop, &any->all[i].interest);
    }
}

/* Has the set watch all. -1 with an exception: EINVAL where the kernel lets no more instances watch
   a file. */
static int
watch_all(selection *any)
{
    if (green_pollset_begin(any->set) < 0) {
        return -1;
    }
    for (size_t i = 0; i < any->count; i++) {
        selected *one = &any->all[i];
        one->refused = one->fd == any->set->fd
                           ? EBADF /* the instance has got the number of a closed descriptor */
                           : green_pollset_watch(any->set, one->fd, one->events, (uint32_t)i);
        if (one->refused != 0 && one->refused != EPERM && one->refused != EBADF) {
            errno = one->refused;
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    }
    return 0;
}

/* -1 with an exception. */
static int
start_by_set(selection *any)
{
    if (watch_all(any) < 0 || (any->set->stale && watch_all(any) < 0)) {
        return -1;
    }
    for (size_t i = 0; i < any->count; i++) {
        selected *one = &any->all[i];
        if (selected_start(any, one, 0) < 0) {
            return -1;
        }
        if (one->refused != 0) {
            any->closed = any->closed || one->refused == EBADF;
            one->interest.revents = one->refused == EPERM ? one->events : 0; /* always ready */
            green_wake(one->waiter);
        }
    }
    any->all[any->count].fd = any->set->fd;
    return selected_start(any, &any->all[any->count], GREEN_READ);
}

/* -1 with an exception. */
static int
start_each(selection *any)
{
    for (size_t i = 0; i < any->count; i++) {
        if (selected_start(any, &any->all[i], any->all[i].events) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Starts all. Where the kernel refuses the instance (some 500 of them may watch one file, and a
   process has only so many descriptors), they are polled one by one. -1 with an exception. */
static int
selection_start(selection *any, green_waiter *waiter)
{
    for (size_t i = 0; i <= any->count; i++) {
        any->all[i].interest = (green_fd_interest){.events = 0};
        any->all[i].waiter = waiter;
        green_list_init(&any->all[i].interest.link);
    }
    if (any->set == NULL) {
        return start_each(any);
    }
    errno = 0;
    if (start_by_set(any) == 0) {
        return 0;
    }
    bool refused = errno == EINVAL || errno == EMFILE || errno == ENFILE;
    if (!refused || !PyErr_ExceptionMatches(PyExc_OSError)) {
        return -1;
    }
    PyErr_Clear();
    selection_stop(waiter->loop, any);
    green_pollset_close(any->set);
    any->set = NULL;
    return start_each(any);
}

static bool
selection_tell(uint32_t index, int fd, int events, void *data)
{
    selection *any = data;
    if (index >= any->count || any->all[index].fd != fd) {
        return false;
    }
    any->all[index].interest.revents |= events & any->all[index].events;
    return true;
}

/* Whether there is news of one. */
static bool
selection_seen(const selection *any)
{
    bool seen = any->closed;
    for (size_t i = 0; i < any->count && !seen; i++) {
        seen = any->all[i].interest.revents != 0;
    }
    return seen;
}

/* As green_wait. */
static int
selection_wait(selection *any, double seconds)
{
    green_waiter waiter;
    if (green_waiter_init(&waiter, "select", NULL) < 0) {
        return -1;
    }
    LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)waiter.loop);
    int status = -1;
    if (selection_start(any, &waiter) < 0) {
        green_waiter_cancel(&waiter);
    } else {
        status = green_wait(&waiter, seconds);
    }
    if (status == GREEN_WOKEN && any->set != NULL &&
        green_pollset_read(any->set, any->count, selection_tell, any) < 0) {
        status = -1;
    }
    selection_stop(loop, any);
    Py_DECREF(loop);
    return status;
}

/* {descriptor: what was seen} of those of which something was. */
static PyObject *
selection_collect(const selection *any)
{
    PyObject *seen = PyDict_New();
    for (size_t i = 0; seen != NULL && i < any->count; i++) {
        const selected *one = &any->all[i];
        if (one->interest.revents != 0) {
            PyObject *fd = PyLong_FromLong(one->fd);
            PyObject *events = fd == NULL ? NULL : PyLong_FromLong(one->interest.revents);
            if (events == NULL || PyDict_SetItem(seen, fd, events) < 0) {
                Py_CLEAR(seen);
            }
            Py_XDECREF(events);
            Py_XDECREF(fd);
        }
    }
    return seen;
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
        int status = -1;
        if (!PyLong_CheckExact(key) || !PyLong_CheckExact(value)) {
            PyErr_SetString(PyExc_TypeError, "descriptors and events are needed as ints");
        } else if ((status = green_argument_int(key, &all[i].fd)) == 0) {
            status = green_argument_int(value, &all[i].events);
        }
        if (status < 0) {
            PyMem_Free(all);
            return NULL;
        }
    }
    return all;
}

PyDoc_STRVAR(
    wait_any_doc,
    "wait_any(wanted, timeout, kept=None, /)\n--\n\n"
    "Wait until one of the descriptors is ready: `wanted` is a dict {descriptor: events}, "
    "events a sum of 1 (read), 2 (write) and 4 (out-of-band data). Returns such a dict of what was "
    "seen, empty if one is not open; 8: another greenlet has closed the descriptor. None if "
    "`timeout` seconds (None: for ever) passed before.\n\n"
    "kept: a PollSet that makes many waits for the same descriptors quick. Raises OSError, "
    "TypeError.");

static PyObject *
wait_any(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *wanted, *timeout, *kept = Py_None;
    double seconds;
    if (!PyArg_ParseTuple(args, "O!O|O:wait_any", &PyDict_Type, &wanted, &timeout, &kept) ||
        green_wait_seconds(timeout, &seconds) < 0) {
        return NULL;
    }
    if (kept != Py_None && !PyObject_TypeCheck(kept, PollSet_Type)) {
        return PyErr_Format(PyExc_TypeError, "a PollSet is needed, not %.200s",
                            Py_TYPE(kept)->tp_name);
    }
    selection any = {.count = 0};
    any.all = selected_new(wanted, &any.count);
    if (any.all == NULL) {
        return NULL;
    }
    PollSetObject *keeper = kept == Py_None ? NULL : (PollSetObject *)kept;
    green_pollset own = GREEN_POLLSET_NEW;
    any.set = any.count <= FEW ? NULL : keeper == NULL || keeper->busy ? &own : &keeper->set;
    bool keeps = keeper != NULL && any.set == &keeper->set;
    if (keeps) {
        keeper->busy = true;
    }
    uint64_t begun = any.set == NULL ? 0 : green_time_now();
    int status = selection_wait(&any, seconds);
    if (status == GREEN_WOKEN && any.set != NULL && !selection_seen(&any)) {
        /* The kernel may have refused the instance as the loop slept. */
        any.set = NULL;
        double rest = seconds - (double)(green_time_now() - begun) / 1e9;
        status = selection_wait(&any, seconds < 0 ? seconds : rest < 0 ? 0 : rest);
    }
    if (keeps) {
        keeper->busy = false;
    }
    green_pollset_close(&own);
    PyObject *result = status < 0              ? NULL
                       : status == GREEN_WOKEN ? selection_collect(&any)
                                               : Py_NewRef(Py_None);
    PyMem_Free(any.all);
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
