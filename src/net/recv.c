/* Methods of sockets that receive, or accept connections. */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "greenlet/arguments.h"
#include "hub/hub.h"
#include "net/address.h"

/* Data is received in here first, so that a greenlet that waits holds no buffer. The interpreter
   lock guards it. */
enum { SCRATCH_SIZE = 64 * 1024 };
static char scratch[SCRATCH_SIZE];

/* One recv(2). The interpreter lock is given up where copying takes long enough to pay for that. */
static ssize_t
receive(int fd, char *buffer, size_t size, int flags)
{
    if (size <= SCRATCH_SIZE) {
        return recv(fd, buffer, size, flags);
    }
    ssize_t got;
    Py_BEGIN_ALLOW_THREADS;
    got = recv(fd, buffer, size, flags);
    Py_END_ALLOW_THREADS;
    return got;
}

static void
note_drained(green_socket *s, size_t got, size_t asked, int flags)
{
    s->drained = s->type == SOCK_STREAM && flags == 0 && got > 0 && got < asked;
}

/* One wait in TIMED_WAITS is timed. A wait that a single poll ended within PROMPT_WAIT ns did not
   sleep. */
enum { TIMED_WAITS = 8, PROMPT_WAIT = 3000 };

/* Wait before the first try, and note whether that was worth while. A peer that is always ahead has
   sent the next data by now, and then the try would have succeeded at once. */
static int
wait_timed(green_socket_call *call)
{
    const HubObject *hub = green_hub_peek();
    uint64_t begun = green_time_now(), ended = 0;
    unsigned long polls = 0;
    if (hub != NULL && hub->loop != NULL) {
        polls = green_loop_polls(hub->loop, &ended) + 1;
    }
    if (green_socket_wait(call, GREEN_READ) < 0) {
        return -1;
    }
    hub = green_hub_peek();
    call->socket->prompt = hub != NULL && hub->loop != NULL &&
                           green_loop_polls(hub->loop, &ended) == polls &&
                           ended - begun < PROMPT_WAIT;
    return 0;
}

/* Called before the first try: wait where the last receive has already taken all there was. 0, or
   -1 with an exception. */
static int
wait_if_drained(green_socket_call *call, int flags)
{
    green_socket *s = call->socket;
    if (!s->drained || s->prompt || flags != 0 || call->timeout == 0 || s->file.fd < 0) {
        return 0;
    }
    s->drained = false;
    return ++s->waits % TIMED_WAITS == 0 ? wait_timed(call) : green_socket_wait(call, GREEN_READ);
}

/* A receive has failed: wait where there was nothing. From now on the socket waits before the first
   try. 0, or -1 with an exception. */
static int
receive_again(green_socket_call *call, int flags)
{
    call->socket->prompt = false;
    return green_socket_again(call, GREEN_READ, flags);
}

Py_ssize_t
green_socket_receive(green_socket_call *call, char *buffer, size_t size, int flags)
{
    /* A descriptor that doesn't block ignores MSG_WAITALL, so this function does what it asks
       for. */
    bool all = flags & MSG_WAITALL && !(flags & (MSG_PEEK | MSG_DONTWAIT)) && call->timeout != 0;
    size_t total = 0;
    if (wait_if_drained(call, flags) < 0) {
        return -1;
    }
    for (;;) {
        ssize_t got = receive(call->socket->file.fd, buffer + total, size - total, flags);
        if (got >= 0) {
            total += (size_t)got;
            if (all && got > 0 && total < size) {
                continue;
            }
            note_drained(call->socket, total, size, flags);
            return (Py_ssize_t)total;
        }
        if (receive_again(call, flags) < 0) {
            return -1;
        }
    }
}

static int
parse_size(PyObject *const *args, Py_ssize_t nargs, const char *name, Py_ssize_t *size, int *flags)
{
    if (nargs < 1 || nargs > 2) {
        PyErr_Format(PyExc_TypeError, "%s expected 1 or 2 arguments, got %zd", name, nargs);
        return -1;
    }
    *size = PyNumber_AsSsize_t(args[0], PyExc_OverflowError);
    if (*size == -1 && PyErr_Occurred()) {
        return -1;
    }
    *flags = 0;
    if (green_argument_int(nargs == 2 ? args[1] : NULL, flags) < 0) {
        return -1;
    }
    if (*size < 0) {
        PyErr_Format(PyExc_ValueError, "negative buffersize in %s", name);
        return -1;
    }
    return 0;
}

/* ---- recv, recv_into ---- */

static PyObject *
recv_large(green_socket_call *call, Py_ssize_t size, int flags)
{
    if (wait_if_drained(call, flags) < 0) {
        return NULL;
    }
    for (;;) {
        PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
        if (bytes == NULL) {
            return NULL;
        }
        ssize_t got = receive(call->socket->file.fd, PyBytes_AS_STRING(bytes), (size_t)size, flags);
        if (got >= 0) {
            note_drained(call->socket, (size_t)got, (size_t)size, flags);
            if (got < size) {
                _PyBytes_Resize(&bytes, got);
            }
            return bytes;
        }
        int error = errno;
        Py_DECREF(bytes);
        errno = error;
        if (receive_again(call, flags) < 0) {
            return NULL;
        }
    }
}

static PyObject *
recv_all(green_socket_call *call, Py_ssize_t size, int flags)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, size);
    if (bytes == NULL) {
        return NULL;
    }
    Py_ssize_t got = green_socket_receive(call, PyBytes_AS_STRING(bytes), (size_t)size, flags);
    if (got < 0) {
        Py_DECREF(bytes);
        return NULL;
    }
    if (got < size) {
        _PyBytes_Resize(&bytes, got);
    }
    return bytes;
}

PyDoc_STRVAR(recv_doc, "recv($self, bufsize, flags=0, /)\n--\n\n"
                       "Receive up to `bufsize` bytes; empty at the end of the stream.\n\n"
                       "Lets other greenlets run until there is something. Raises TimeoutError, or "
                       "OSError as the system call does.");

static PyObject *
socket_recv(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t size;
    int flags;
    if (parse_size(args, nargs, "recv", &size, &flags) < 0) {
        return NULL;
    }
    if (size == 0) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    green_socket_call call = green_socket_call_begin(self, "socket.recv");
    if (flags & MSG_WAITALL) {
        return recv_all(&call, size, flags);
    }
    if (size > SCRATCH_SIZE) {
        return recv_large(&call, size, flags);
    }
    Py_ssize_t got = green_socket_receive(&call, scratch, (size_t)size, flags);
    return got < 0 ? NULL : PyBytes_FromStringAndSize(scratch, got);
}

PyDoc_STRVAR(recv_into_doc, "recv_into($self, buffer, nbytes=0, flags=0)\n--\n\n"
                            "Receive into `buffer`, `nbytes` at most (0: what fits). Returns the "
                            "number of bytes.");

static PyObject *
socket_recv_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"buffer", "nbytes", "flags"};
    PyObject *values[3];
    Py_buffer buffer;
    Py_ssize_t size = 0;
    int flags = 0;
    if (green_arguments("recv_into", args, nargs, kwnames, names, 3, values) < 0 ||
        green_argument_int(values[2], &flags) < 0) {
        return NULL;
    }
    if (values[1] != NULL) {
        size = PyNumber_AsSsize_t(values[1], PyExc_OverflowError);
        if (size == -1 && PyErr_Occurred()) {
            return NULL;
        }
    }
    if (green_argument_buffer("recv_into", values[0], true, &buffer) < 0) {
        return NULL;
    }
    PyObject *result = NULL;
    if (size < 0) {
        PyErr_SetString(PyExc_ValueError, "negative buffersize in recv_into");
    } else if (size > buffer.len) {
        PyErr_SetString(PyExc_ValueError, "buffer too small for requested bytes");
    } else {
        size = size ? size : buffer.len;
        green_socket_call call = green_socket_call_begin(self, "socket.recv_into");
        Py_ssize_t got = size ? green_socket_receive(&call, buffer.buf, (size_t)size, flags) : 0;
        result = got < 0 ? NULL : PyLong_FromSsize_t(got);
    }
    PyBuffer_Release(&buffer);
    return result;
}

/* ---- with addresses and ancillary data: the base's methods, called again after each wait ---- */

/* Returns the flags that a method of the base is called with, by name or as argument number
   `index`: they may have MSG_DONTWAIT. */
static int
flags_of(PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t index)
{
    PyObject *flags = index < nargs ? args[index] : NULL;
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), "flags") == 0) {
            flags = args[nargs + i];
        }
    }
    if (flags == NULL || !PyLong_Check(flags)) {
        return 0;
    }
    int value = (int)PyLong_AsLong(flags);
    if (value == -1) {
        PyErr_Clear(); /* the base will complain about it */
    }
    return value;
}

PyObject *
green_socket_call_base(PyObject *self, green_socket_base method, PyObject *const *args,
                       Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t flags_index, int events,
                       const char *verb)
{
    green_socket_call call = green_socket_call_begin(self, verb);
    int flags = flags_of(args, nargs, kwnames, flags_index);
    Py_ssize_t count = nargs + (kwnames == NULL ? 0 : PyTuple_GET_SIZE(kwnames));
    PyObject *small[8];
    PyObject **full = count < 8 ? small : PyMem_New(PyObject *, (size_t)count + 1);
    if (full == NULL) {
        return PyErr_NoMemory();
    }
    full[0] = self;
    for (Py_ssize_t i = 0; i < count; i++) {
        full[i + 1] = args[i];
    }
    PyObject *result;
    for (;;) {
        result =
            PyObject_Vectorcall(green_socket_base_method[method], full, (size_t)nargs + 1, kwnames);
        if (result != NULL || call.timeout == 0 || flags & MSG_DONTWAIT ||
            !PyErr_ExceptionMatches(PyExc_BlockingIOError)) {
            break;
        }
        PyErr_Clear();
        if (green_socket_wait(&call, events) < 0) {
            break;
        }
    }
    if (full != small) {
        PyMem_Free(full);
    }
    return result;
}

PyDoc_STRVAR(recvfrom_doc, "recvfrom($self, bufsize, flags=0, /)\n--\n\n"
                           "Receive as recv does; returns (bytes, address of the sender).");

static PyObject *
socket_recvfrom(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t size;
    int flags;
    if (parse_size(args, nargs, "recvfrom", &size, &flags) < 0) {
        return NULL;
    }
    if (size > SCRATCH_SIZE || !green_address_known(green_socket_of(self)->family)) {
        return green_socket_call_base(self, BASE_RECVFROM, args, nargs, NULL, 1, GREEN_READ,
                                      "socket.recvfrom");
    }
    green_socket_call call = green_socket_call_begin(self, "socket.recvfrom");
    struct sockaddr_storage address;
    socklen_t length;
    ssize_t got;
    do {
        length = sizeof(address);
        got = recvfrom(call.socket->file.fd, scratch, (size_t)size, flags,
                       (struct sockaddr *)&address, &length);
        if (got < 0 && receive_again(&call, flags) < 0) {
            return NULL;
        }
    } while (got < 0);
    PyObject *bytes = PyBytes_FromStringAndSize(scratch, got);
    PyObject *from = bytes ? green_address_new((struct sockaddr *)&address, length) : NULL;
    if (from == NULL) {
        Py_XDECREF(bytes);
        return NULL;
    }
    return Py_BuildValue("(NN)", bytes, from);
}

PyDoc_STRVAR(recvfrom_into_doc,
             "recvfrom_into($self, buffer, nbytes=0, flags=0)\n--\n\n"
             "Receive as recv_into does; returns (count, address of the sender).");

static PyObject *
socket_recvfrom_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return green_socket_call_base(self, BASE_RECVFROM_INTO, args, nargs, kwnames, 2, GREEN_READ,
                                  "socket.recvfrom_into");
}

PyDoc_STRVAR(recvmsg_doc,
             "recvmsg($self, bufsize, ancbufsize=0, flags=0, /)\n--\n\n"
             "Receive data and ancillary data; returns (bytes, ancillary data, message "
             "flags, address).");

static PyObject *
socket_recvmsg(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return green_socket_call_base(self, BASE_RECVMSG, args, nargs, NULL, 2, GREEN_READ,
                                  "socket.recvmsg");
}

PyDoc_STRVAR(recvmsg_into_doc,
             "recvmsg_into($self, buffers, ancbufsize=0, flags=0, /)\n--\n\n"
             "Receive as recvmsg does, scattered into `buffers`; returns the count "
             "in place of the bytes.");

static PyObject *
socket_recvmsg_into(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return green_socket_call_base(self, BASE_RECVMSG_INTO, args, nargs, NULL, 2, GREEN_READ,
                                  "socket.recvmsg_into");
}

/* ---- accept ---- */

/* Returns the socket object of a connection, a new reference; NULL with an exception. Steals fd. */
static PyObject *
accept_wrap(PyObject *listener, int fd)
{
    PyTypeObject *cls = (PyTypeObject *)green_socket_class;
    static PyObject *empty;
    PyObject *number = PyLong_FromLong(fd);
    if (number == NULL || (empty == NULL && (empty = PyTuple_New(0)) == NULL)) {
        Py_XDECREF(number);
        close(fd);
        return NULL;
    }
    green_socket *s = green_socket_of(listener);
    PyObject *connection = cls->tp_new(cls, empty, NULL);
    if (connection == NULL ||
        green_socket_init(connection, s->family, s->type, s->proto, number, true) < 0) {
        Py_XDECREF(connection);
        Py_DECREF(number);
        close(fd);
        return NULL;
    }
    Py_DECREF(number);
    return connection;
}

/* Accept by the base's method: only the base can write addresses of this family. */
static PyObject *
accept_base(PyObject *self)
{
    PyObject *pair =
        green_socket_call_base(self, BASE_ACCEPT, NULL, 0, NULL, 0, GREEN_READ, "socket.accept");
    if (pair == NULL) {
        return NULL;
    }
    int fd = (int)PyLong_AsLong(PyTuple_GET_ITEM(pair, 0));
    PyObject *address = PyTuple_GET_ITEM(pair, 1); /* borrowed */
    PyObject *result = NULL;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        close(fd);
    } else {
        PyObject *connection = accept_wrap(self, fd);
        result = connection == NULL ? NULL : Py_BuildValue("(NO)", connection, address);
    }
    Py_DECREF(pair);
    return result;
}

/* Accept a connection. Returns its descriptor; -1 with errno where there is none. */
static int
accept_try(green_socket *s, struct sockaddr_storage *address, socklen_t *length)
{
    *length = sizeof(*address);
    return accept4(s->file.fd, (struct sockaddr *)address, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Returns (socket, address), or NULL with an exception. Steals fd. */
static PyObject *
accept_finish(PyObject *self, int fd, struct sockaddr_storage *address, socklen_t length)
{
    PyObject *connection = accept_wrap(self, fd);
    PyObject *from = connection ? green_address_new((struct sockaddr *)address, length) : NULL;
    if (from == NULL) {
        Py_XDECREF(connection);
        return NULL;
    }
    return Py_BuildValue("(NN)", connection, from);
}

PyDoc_STRVAR(accept_doc, "accept($self, /)\n--\n\n"
                         "Wait for a connection; returns (socket, address of the peer).");

static PyObject *
socket_accept(PyObject *self, PyObject *Py_UNUSED(unused))
{
    green_socket *s = green_socket_of(self);
    if (s->file.fd >= 0 && !green_address_known(s->family)) {
        return accept_base(self);
    }
    green_socket_call call = green_socket_call_begin(self, "socket.accept");
    struct sockaddr_storage address;
    socklen_t length;
    int fd;
    while ((fd = accept_try(s, &address, &length)) < 0) {
        if (green_socket_again(&call, GREEN_READ, 0) < 0) {
            return NULL;
        }
    }
    return accept_finish(self, fd, &address, length);
}

PyDoc_STRVAR(accept_now_doc, "_accept_now($self, /)\n--\n\n"
                             "As accept(), but returns None where it would wait.");

static PyObject *
socket_accept_now(PyObject *self, PyObject *Py_UNUSED(unused))
{
    green_socket *s = green_socket_of(self);
    struct sockaddr_storage address;
    socklen_t length;
    if (s->file.fd >= 0 && !green_address_known(s->family)) {
        double timeout = s->timeout;
        s->timeout = 0;
        PyObject *pair = accept_base(self);
        s->timeout = timeout;
        if (pair != NULL || !PyErr_ExceptionMatches(PyExc_BlockingIOError)) {
            return pair;
        }
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    int fd = accept_try(s, &address, &length);
    if (fd >= 0) {
        return accept_finish(self, fd, &address, length);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) {
        Py_RETURN_NONE;
    }
    return PyErr_SetFromErrno(PyExc_OSError);
}

#define FASTCALL(f) ((PyCFunction)(void (*)(void))(f))

PyMethodDef green_socket_recv_methods[] = {
    {"recv", FASTCALL(socket_recv), METH_FASTCALL, recv_doc},
    {"recv_into", FASTCALL(socket_recv_into), METH_FASTCALL | METH_KEYWORDS, recv_into_doc},
    {"recvfrom", FASTCALL(socket_recvfrom), METH_FASTCALL, recvfrom_doc},
    {"recvfrom_into", FASTCALL(socket_recvfrom_into), METH_FASTCALL | METH_KEYWORDS,
     recvfrom_into_doc},
    {"recvmsg", FASTCALL(socket_recvmsg), METH_FASTCALL, recvmsg_doc},
    {"recvmsg_into", FASTCALL(socket_recvmsg_into), METH_FASTCALL, recvmsg_into_doc},
    {"accept", socket_accept, METH_NOARGS, accept_doc},
    {"_accept_now", socket_accept_now, METH_NOARGS, accept_now_doc},
    {NULL, NULL, 0, NULL},
};
