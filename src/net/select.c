#include "net/select.h"

#include <fcntl.h>
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
} selected;

static void
selected_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    green_wake(GREEN_CONTAINER(interest, selected, interest)->waiter);
}

/* Start an interest for each (descriptor, events) of `pairs`. A descriptor that isn't open is
   ready: the system call that follows tells. -1 with an exception. */
static int
start_all(PyObject *pairs, selected *all, green_waiter *waiter)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pairs); i++) {
        int fd, events;
        PyObject *pair = PyList_GET_ITEM(pairs, i);
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "pairs of descriptor and events are needed");
            return -1;
        }
        if (!PyArg_ParseTuple(pair, "ii;pairs of descriptor and events are needed", &fd, &events)) {
            return -1;
        }
        all[i].waiter = waiter;
        all[i].fd = fd;
        all[i].interest = (green_fd_interest){
            .events = events, .ref = true, .fire = selected_fire, .greenlet = waiter->greenlet};
        green_list_init(&all[i].interest.link);
        if (fcntl(fd, F_GETFD) < 0) {
            green_wake(waiter);
        } else if (green_fd_start(waiter->loop, &all[i].interest, fd, 0) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What was seen of those of which something was: a list of (descriptor, events). */
static PyObject *
list_seen(const selected *all, size_t count)
{
    PyObject *seen = PyList_New(0);
    for (size_t i = 0; seen != NULL && i < count; i++) {
        if (all[i].interest.revents != 0) {
            PyObject *pair = Py_BuildValue("ii", all[i].fd, all[i].interest.revents);
            if (pair == NULL || PyList_Append(seen, pair) < 0) {
                Py_CLEAR(seen);
            }
            Py_XDECREF(pair);
        }
    }
    return seen;
}

PyDoc_STRVAR(
    wait_any_doc,
    "wait_any(pairs, timeout, /)\n--\n\n"
    "Wait until one of the descriptors is ready: `pairs` is a list of (descriptor, events), "
    "events a sum of 1 (read), 2 (write) and 4 (out-of-band data). Returns None if "
    "`timeout` seconds (None: for ever) passed before, else such a list of what was seen; "
    "8: another greenlet has closed the descriptor. It is empty if one is not open.");

static PyObject *
wait_any(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *pairs, *timeout;
    double seconds;
    if (!PyArg_ParseTuple(args, "O!O:wait_any", &PyList_Type, &pairs, &timeout) ||
        green_wait_seconds(timeout, &seconds) < 0) {
        return NULL;
    }
    size_t count = (size_t)PyList_GET_SIZE(pairs);
    selected *all = PyMem_Calloc(count + 1, sizeof(*all));
    if (all == NULL) {
        return PyErr_NoMemory();
    }
    int status = -1;
    green_waiter waiter;
    if (green_waiter_init(&waiter, "select", NULL) == 0) {
        LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)waiter.loop);
        if (start_all(pairs, all, &waiter) < 0) {
            green_waiter_cancel(&waiter);
        } else {
            status = green_wait(&waiter, seconds);
        }
        for (size_t i = 0; i < count; i++) {
            green_fd_stop(loop, &all[i].interest);
        }
        Py_DECREF(loop);
    }
    PyObject *result = NULL;
    if (status >= 0) {
        result = status == GREEN_WOKEN ? list_seen(all, count) : Py_NewRef(Py_None);
    }
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
