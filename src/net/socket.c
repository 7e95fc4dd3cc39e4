#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include "greenlet/error.h"
#include "greenlet/type.h"
#include "hub/hub.h"
#include "net/rawsocket.h"

PyTypeObject *Socket_Type;
Py_ssize_t green_socket_offset;
PyObject *green_socket_base_method[BASE_METHODS];
PyObject *green_socket_class;

static PyTypeObject *base_type;
static PyObject *getdefaulttimeout;

static const char *const base_names[BASE_METHODS] = {
    [BASE_FILENO] = "fileno",
    [BASE_SETBLOCKING] = "setblocking",
    [BASE_CLOSE] = "close",
    [BASE_DETACH] = "detach",
    [BASE_ACCEPT] = "_accept",
    [BASE_CONNECT_EX] = "connect_ex",
    [BASE_SHUTDOWN] = "shutdown",
    [BASE_RECVFROM] = "recvfrom",
    [BASE_RECVFROM_INTO] = "recvfrom_into",
    [BASE_RECVMSG] = "recvmsg",
    [BASE_RECVMSG_INTO] = "recvmsg_into",
    [BASE_SENDTO] = "sendto",
    [BASE_SENDMSG] = "sendmsg",
};

/* ---- waiting ---- */

int
green_socket_wait(green_socket_call *call, int events)
{
    double seconds = -1;
    if (call->timeout >= 0) {
        if (call->deadline == 0) {
            call->deadline = green_time_after(call->timeout);
            seconds = call->timeout;
        } else {
            uint64_t now = green_time_now();
            seconds = now < call->deadline ? (double)(call->deadline - now) / 1e9 : 0;
        }
        if (seconds == 0) {
            PyErr_SetString(PyExc_TimeoutError, "timed out");
            return -1;
        }
    }
    int seen = green_file_wait(&call->socket->file, events, seconds, call->verb, call->self);
    if (seen == 0) {
        PyErr_SetString(PyExc_TimeoutError, "timed out");
        return -1;
    }
    return seen < 0 ? -1 : 0;
}

int
green_socket_again(green_socket_call *call, int events, int flags)
{
    if (errno == EINTR) {
        return PyErr_CheckSignals();
    }
    if ((errno != EAGAIN && errno != EWOULDBLOCK) || call->timeout == 0 || flags & MSG_DONTWAIT) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return green_socket_wait(call, events);
}

/* ---- opening ---- */

PyObject *
green_socket_call_simple(green_socket_base method, PyObject *self)
{
    return PyObject_CallOneArg(green_socket_base_method[method], self);
}

int
green_socket_parse_timeout(PyObject *value, double *timeout)
{
    if (value == Py_None) {
        *timeout = -1;
        return 0;
    }
    double seconds = PyFloat_AsDouble(value);
    if (seconds == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (isnan(seconds)) {
        PyErr_SetString(PyExc_ValueError, "Invalid value NaN (not a number)");
        return -1;
    }
    if (seconds < 0) {
        PyErr_SetString(PyExc_ValueError, "Timeout value out of range");
        return -1;
    }
    if (seconds >= (double)INT64_MAX / 1e9) {
        PyErr_SetString(PyExc_OverflowError, "timeout doesn't fit into C timeval");
        return -1;
    }
    *timeout = seconds;
    return 0;
}

/* Returns `known`, or what the system says if that is -1. */
static int
socket_option(int fd, int option, int known)
{
    socklen_t size = sizeof(known);
    if (known == -1) {
        getsockopt(fd, SOL_SOCKET, option, &known, &size);
    }
    return known;
}

/* Called before the descriptor is given up: wake the greenlets that wait for this socket, and let
   the raw socket give up the descriptor first. 0, or -1 with an exception. */
static int
socket_leave(PyObject *self)
{
    green_file_leaving(&green_socket_of(self)->file);
    return green_rawsocket_forget(self);
}

/* Returns the time-out of new sockets in `timeout`. 0, or -1 with an exception. */
static int
default_timeout(double *timeout)
{
    PyObject *seconds = PyObject_CallNoArgs(getdefaulttimeout);
    int result = seconds == NULL ? -1 : green_socket_parse_timeout(seconds, timeout);
    Py_XDECREF(seconds);
    return result;
}

/* Let the base's descriptor not block. 0, or -1 with an exception. */
static int
base_set_nonblocking(PyObject *self)
{
    PyObject *call[] = {self, Py_False};
    PyObject *done = PyObject_Vectorcall(green_socket_base_method[BASE_SETBLOCKING], call, 2, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Returns the base's descriptor; -1 with an exception. */
static int
base_number(PyObject *self)
{
    PyObject *number = green_socket_call_simple(BASE_FILENO, self);
    int fd = number == NULL ? -1 : (int)PyLong_AsLong(number);
    Py_XDECREF(number);
    return fd;
}

/* The base has its descriptor, but the socket can't be initialized. Close a descriptor that is new;
   one that was given stays open, and is the giver's again. The current exception is kept. */
static void
socket_give_back(PyObject *self, bool given)
{
    PyObject *raised = green_error_take();
    PyObject *done = green_socket_call_simple(given ? BASE_DETACH : BASE_CLOSE, self);
    if (done == NULL) {
        PyErr_WriteUnraisable(self);
    }
    Py_XDECREF(done);
    green_error_raise(raised);
}

int
green_socket_init(PyObject *self, int family, int type, int proto, PyObject *fileno,
                  bool is_nonblocking)
{
    green_socket *s = green_socket_of(self);
    double timeout;
    if (default_timeout(&timeout) < 0 || socket_leave(self) < 0) {
        return -1;
    }
    if (is_nonblocking) {
        type |= SOCK_NONBLOCK; /* with it the base sets its own time-out to 0 */
    }
    PyObject *args = Py_BuildValue("(iiiO)", family, type, proto, fileno);
    if (args == NULL) {
        return -1;
    }
    int result = base_type->tp_init(self, args, NULL);
    Py_DECREF(args);
    if (result < 0) {
        return -1;
    }
    int fd = -1;
    if ((!is_nonblocking && base_set_nonblocking(self) < 0) || (fd = base_number(self)) < 0) {
        socket_give_back(self, fileno != Py_None);
        return -1;
    }
    s->timeout = timeout;
    s->family = socket_option(fd, SO_DOMAIN, family);
    s->type = socket_option(fd, SO_TYPE, type == -1 ? -1 : type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC));
    s->proto = socket_option(fd, SO_PROTOCOL, proto);
    s->drained = s->prompt = s->closed = false;
    s->io_refs = 0;
    s->file = (green_file){.fd = fd, .owner = green_fd_owner_new(), .ref = true};
    return 0;
}

static int
socket_tp_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"family", "type", "proto", "fileno", NULL};
    int family = -1, type = -1, proto = -1;
    PyObject *fileno = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|iiiO:socket", keywords, &family, &type, &proto,
                                     &fileno)) {
        return -1;
    }
    if (fileno != Py_None) {
        return green_socket_init(self, family, type, proto, fileno, false);
    }
    if (green_socket_init(self, family == -1 ? AF_INET : family, type == -1 ? SOCK_STREAM : type,
                          proto == -1 ? 0 : proto, Py_None, true) < 0) {
        return -1;
    }
    if (type != -1 && type & SOCK_NONBLOCK) {
        green_socket_of(self)->timeout = 0;
    }
    return 0;
}

static PyObject *
socket_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *self = base_type->tp_new(type, args, kwargs);
    if (self != NULL) {
        green_socket *s = green_socket_of(self);
        s->file = (green_file){.fd = -1, .ref = true};
        s->timeout = -1;
    }
    return self;
}

static void
socket_finalize(PyObject *self)
{
    green_socket *s = green_socket_of(self);
    if (s->raw != NULL) { /* the raw socket is going to have the descriptor */
        green_file_leaving(&s->file);
    } else {
        green_file_closing(&s->file);
    }
    if (green_rawsocket_inherit(self)) {
        PyObject *error = green_error_take();
        PyObject *number = green_socket_call_simple(BASE_DETACH, self);
        if (number == NULL) {
            PyErr_WriteUnraisable(self);
        }
        Py_XDECREF(number);
        green_error_raise(error);
    }
    base_type->tp_finalize(self);
}

/* ---- closing ---- */

PyDoc_STRVAR(real_close_doc, "_real_close($self, /)\n--\n\n"
                             "Close the descriptor, whatever still refers to the socket.\n\n"
                             "Greenlets that wait for it get cancel_wait_ex (OSError, EBADF).");

PyObject *
green_socket_real_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    green_file_closing(&green_socket_of(self)->file);
    return socket_leave(self) < 0 ? NULL : green_socket_call_simple(BASE_CLOSE, self);
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "Mark the socket closed; its descriptor is closed with the last file that "
                        "makefile() made.");

static PyObject *
socket_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    static PyObject *name;
    green_socket *s = green_socket_of(self);
    s->closed = true;
    if (s->io_refs > 0) {
        Py_RETURN_NONE;
    }
    if (name == NULL && (name = PyUnicode_InternFromString("_real_close")) == NULL) {
        return NULL;
    }
    PyObject *done = PyObject_CallMethodNoArgs(self, name);
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(decref_doc, "_decref_socketios($self, /)\n--\n\n"
                         "A file that makefile() made was closed.");

static PyObject *
socket_decref_socketios(PyObject *self, PyObject *Py_UNUSED(unused))
{
    static PyObject *name;
    green_socket *s = green_socket_of(self);
    if (s->io_refs > 0) {
        s->io_refs--;
    }
    if (!s->closed) {
        Py_RETURN_NONE;
    }
    if (name == NULL && (name = PyUnicode_InternFromString("close")) == NULL) {
        return NULL;
    }
    return PyObject_CallMethodNoArgs(self, name);
}

PyDoc_STRVAR(detach_doc, "detach($self, /)\n--\n\n"
                         "Give the descriptor up without closing it, and return its number.\n\n"
                         "Greenlets that wait for it get cancel_wait_ex (OSError, EBADF).");

PyObject *
green_socket_detach(PyObject *self, PyObject *Py_UNUSED(unused))
{
    green_socket_of(self)->closed = true;
    return socket_leave(self) < 0 ? NULL : green_socket_call_simple(BASE_DETACH, self);
}

PyDoc_STRVAR(shutdown_doc, "shutdown($self, how, /)\n--\n\n"
                           "Shut down one or both halves of the connection (SHUT_RD, SHUT_WR, "
                           "SHUT_RDWR).\n\n"
                           "Greenlets that wait for such a half get cancel_wait_ex.");

static PyObject *
socket_shutdown(PyObject *self, PyObject *how)
{
    int half = PyLong_Check(how) ? (int)PyLong_AsLong(how) : -1;
    if (half == -1 && PyErr_Occurred()) {
        return NULL;
    }
    green_file_cancel(&green_socket_of(self)->file,
                      half == SHUT_RD   ? GREEN_READ
                      : half == SHUT_WR ? GREEN_WRITE
                                        : GREEN_READ | GREEN_WRITE,
                      green_exc_cancel_wait);
    PyObject *call[] = {self, how};
    return PyObject_Vectorcall(green_socket_base_method[BASE_SHUTDOWN], call, 2, NULL);
}

/* ---- time-outs ---- */

/* Set the time-out. On a socket that is not open this is an error, as in the standard module, which
   makes a system call for it. 0, or -1 with an exception. */
static int
socket_change_timeout(PyObject *self, double timeout)
{
    green_socket *s = green_socket_of(self);
    if (fcntl(s->file.fd, F_GETFD) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    s->timeout = timeout;
    return 0;
}

PyDoc_STRVAR(
    settimeout_doc,
    "settimeout($self, timeout, /)\n--\n\n"
    "Let blocking calls wait for `timeout` seconds at most; None: for ever; 0: not at all.\n"
    "Raises ValueError for a negative number.");

static PyObject *
socket_settimeout(PyObject *self, PyObject *value)
{
    double timeout;
    if (green_socket_parse_timeout(value, &timeout) < 0 ||
        socket_change_timeout(self, timeout) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(gettimeout_doc,
             "gettimeout($self, /)\n--\n\n"
             "Return the seconds that blocking calls wait at most, or None for ever.");

static PyObject *
socket_gettimeout(PyObject *self, PyObject *Py_UNUSED(unused))
{
    double timeout = green_socket_of(self)->timeout;
    if (timeout < 0) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(timeout);
}

PyDoc_STRVAR(setblocking_doc, "setblocking($self, flag, /)\n--\n\n"
                              "settimeout(None) if `flag` is true, else settimeout(0).");

static PyObject *
socket_setblocking(PyObject *self, PyObject *flag)
{
    int blocking = PyObject_IsTrue(flag);
    if (blocking < 0 || socket_change_timeout(self, blocking ? -1 : 0) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(getblocking_doc, "getblocking($self, /)\n--\n\n"
                              "Return whether calls wait: False when the time-out is 0.");

static PyObject *
socket_getblocking(PyObject *self, PyObject *Py_UNUSED(unused))
{
    return PyBool_FromLong(green_socket_of(self)->timeout != 0);
}

/* ---- waiting, for Python ---- */

static PyObject *
socket_wait_for(PyObject *self, PyObject *const *args, Py_ssize_t nargs, int events,
                const char *verb)
{
    if (nargs > 2) {
        PyErr_SetString(PyExc_TypeError, "expected at most 2 arguments");
        return NULL;
    }
    green_socket_call call = green_socket_call_begin(self, verb);
    if (nargs == 2 && green_socket_parse_timeout(args[1], &call.timeout) < 0) {
        return NULL;
    }
    if (call.socket->file.fd < 0) {
        PyErr_SetString(green_exc_ConcurrentObjectUseError,
                        "The socket has already been closed by another greenlet");
        return NULL;
    }
    if (green_socket_wait(&call, events) < 0) {
        if (nargs >= 1 && args[0] != Py_None && PyErr_ExceptionMatches(PyExc_TimeoutError)) {
            PyErr_Clear();
            PyErr_SetObject(PyExceptionClass_Check(args[0]) ? args[0]
                                                            : (PyObject *)Py_TYPE(args[0]),
                            PyExceptionClass_Check(args[0]) ? NULL : args[0]);
        }
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(wait_read_doc,
             "_wait_read($self, timeout_exc=None, timeout=..., /)\n--\n\n"
             "Wait until there is something to read, or for the time-out: then raise "
             "`timeout_exc`, TimeoutError if None.");

static PyObject *
socket_wait_read(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return socket_wait_for(self, args, nargs, GREEN_READ, "socket read");
}

PyDoc_STRVAR(wait_write_doc, "_wait_write($self, timeout_exc=None, timeout=..., /)\n--\n\n"
                             "Wait until it can be written to; otherwise as _wait_read.");

static PyObject *
socket_wait_write(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    return socket_wait_for(self, args, nargs, GREEN_WRITE, "socket write");
}

PyDoc_STRVAR(cancel_wait_doc, "_cancel_wait($self, events, error, /)\n--\n\n"
                              "Raise `error` in the greenlets that wait to read (1) or write (2).");

static PyObject *
socket_cancel_wait(PyObject *self, PyObject *args)
{
    int events;
    PyObject *error;
    if (!PyArg_ParseTuple(args, "iO:_cancel_wait", &events, &error)) {
        return NULL;
    }
    if (!PyExceptionClass_Check(error) && !PyExceptionInstance_Check(error)) {
        PyErr_SetString(PyExc_TypeError, "error must be an exception");
        return NULL;
    }
    green_file_cancel(&green_socket_of(self)->file, events, error);
    Py_RETURN_NONE;
}

/* ---- attributes ---- */

static PyObject *
socket_get_timeout(PyObject *self, void *Py_UNUSED(closure))
{
    return socket_gettimeout(self, NULL);
}

static int
socket_set_timeout(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "timeout can't be deleted");
        return -1;
    }
    return green_socket_parse_timeout(value, &green_socket_of(self)->timeout);
}

static PyObject *
socket_get_ref(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(green_socket_of(self)->file.ref);
}

static int
socket_set_ref(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    int ref = value == NULL ? -1 : PyObject_IsTrue(value);
    if (ref < 0) {
        if (value == NULL) {
            PyErr_SetString(PyExc_AttributeError, "ref can't be deleted");
        }
        return -1;
    }
    green_socket_of(self)->file.ref = ref;
    return 0;
}

static PyObject *
socket_get_closed(PyObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(green_socket_of(self)->closed);
}

static int
socket_set_closed(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    int closed = value == NULL ? 0 : PyObject_IsTrue(value);
    if (closed < 0) {
        return -1;
    }
    green_socket_of(self)->closed = closed;
    return 0;
}

static PyObject *
socket_get_io_refs(PyObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(green_socket_of(self)->io_refs);
}

static int
socket_set_io_refs(PyObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t refs = value == NULL ? 0 : PyLong_AsSsize_t(value);
    if (refs == -1 && PyErr_Occurred()) {
        return -1;
    }
    green_socket_of(self)->io_refs = refs;
    return 0;
}

static PyGetSetDef socket_getset[] = {
    {"timeout", socket_get_timeout, socket_set_timeout, "Seconds, or None.", NULL},
    {"ref", socket_get_ref, socket_set_ref, "Whether its waits keep the loop running.", NULL},
    {"closed", socket_get_closed, NULL, "Whether close() or detach() was called.", NULL},
    {"_closed", socket_get_closed, socket_set_closed, NULL, NULL},
    {"_io_refs", socket_get_io_refs, socket_set_io_refs, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the type ---- */

PyDoc_STRVAR(raw_doc,
             "_raw($self, /)\n--\n\n"
             "Return the interpreter's own socket on the same descriptor; None once closed.");

static PyMethodDef socket_methods[] = {
    {"close", socket_close, METH_NOARGS, close_doc},
    {"_real_close", green_socket_real_close, METH_NOARGS, real_close_doc},
    {"_decref_socketios", socket_decref_socketios, METH_NOARGS, decref_doc},
    {"detach", green_socket_detach, METH_NOARGS, detach_doc},
    {"shutdown", socket_shutdown, METH_O, shutdown_doc},
    {"settimeout", socket_settimeout, METH_O, settimeout_doc},
    {"gettimeout", socket_gettimeout, METH_NOARGS, gettimeout_doc},
    {"setblocking", socket_setblocking, METH_O, setblocking_doc},
    {"getblocking", socket_getblocking, METH_NOARGS, getblocking_doc},
    {"_wait_read", (PyCFunction)(void (*)(void))socket_wait_read, METH_FASTCALL, wait_read_doc},
    {"_wait_write", (PyCFunction)(void (*)(void))socket_wait_write, METH_FASTCALL, wait_write_doc},
    {"_cancel_wait", socket_cancel_wait, METH_VARARGS, cancel_wait_doc},
    {"_raw", green_rawsocket_get, METH_NOARGS, raw_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(socket_doc, "Socket(family=-1, type=-1, proto=-1, fileno=None)\n--\n\n"
                         "The standard socket, whose blocking calls let other greenlets run.");

static PyType_Slot socket_slots[] = {
    {Py_tp_new, socket_tp_new},
    {Py_tp_init, socket_tp_init},
    {Py_tp_finalize, socket_finalize},
    {Py_tp_methods, socket_methods},
    {Py_tp_getset, socket_getset},
    {Py_tp_doc, (char *)socket_doc},
    {0, NULL},
};

static PyType_Spec socket_spec = {
    .name = "greencore._core.Socket",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = socket_slots,
};

static int
socket_add_methods(PyMethodDef *method)
{
    for (; method->ml_name != NULL; method++) {
        PyObject *descr = PyDescr_NewMethod(Socket_Type, method);
        if (descr == NULL ||
            PyObject_SetAttrString((PyObject *)Socket_Type, method->ml_name, descr) < 0) {
            Py_XDECREF(descr);
            return -1;
        }
        Py_DECREF(descr);
    }
    return 0;
}

PyDoc_STRVAR(set_socket_class_doc, "set_socket_class($module, cls, /)\n--\n\n"
                                   "Name the class of the sockets that accept() makes.");

static PyObject *
set_socket_class(PyObject *Py_UNUSED(module), PyObject *cls)
{
    if (!PyType_Check(cls) || !PyType_IsSubtype((PyTypeObject *)cls, Socket_Type)) {
        PyErr_SetString(PyExc_TypeError, "a subclass of Socket is required");
        return NULL;
    }
    Py_INCREF(cls);
    Py_XSETREF(green_socket_class, cls);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_socket_class", set_socket_class, METH_O, set_socket_class_doc},
    {NULL, NULL, 0, NULL},
};

static int
base_load(void)
{
    PyObject *module = PyImport_ImportModule("_socket");
    if (module == NULL) {
        return -1;
    }
    base_type = (PyTypeObject *)PyObject_GetAttrString(module, "socket");
    getdefaulttimeout =
        base_type == NULL ? NULL : PyObject_GetAttrString(module, "getdefaulttimeout");
    Py_DECREF(module);
    if (getdefaulttimeout == NULL) {
        return -1;
    }
    for (int i = 0; i < BASE_METHODS; i++) {
        green_socket_base_method[i] = PyObject_GetAttrString((PyObject *)base_type, base_names[i]);
        if (green_socket_base_method[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

int
green_socket_exec(PyObject *module)
{
    if (base_load() < 0) {
        return -1;
    }
    size_t align = _Alignof(green_socket);
    green_socket_offset =
        (Py_ssize_t)(((size_t)base_type->tp_basicsize + align - 1) / align * align);
    socket_spec.basicsize = (int)(green_socket_offset + (Py_ssize_t)sizeof(green_socket));
    Socket_Type = (PyTypeObject *)green_type_new(NULL, &socket_spec, (PyObject *)base_type);
    if (Socket_Type == NULL || socket_add_methods(green_socket_recv_methods) < 0 ||
        socket_add_methods(green_socket_send_methods) < 0 ||
        socket_add_methods(green_socket_connect_methods) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, functions) < 0
               ? -1
               : PyModule_AddObjectRef(module, "Socket", (PyObject *)Socket_Type);
}
