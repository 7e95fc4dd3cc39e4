/* Methods of sockets that connect, and the look-up of host names before that. */
#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "greenlet/error.h"
#include "greenlet/name.h"
#include "hub/wait.h"

/* Linux has no event for room in the queue of a Unix socket that listens, so connecting is tried
   again after this time, in seconds. */
#define BACKLOG_RETRY 0.001

/* Returns the host of an Internet address, borrowed; NULL where the address is of another kind. */
static PyObject *
address_host(PyObject *self, PyObject *address)
{
    int family = green_socket_of(self)->family;
    bool has_host = (family == AF_INET || family == AF_INET6) && PyTuple_Check(address) &&
                    PyTuple_GET_SIZE(address) >= 1;
    return has_host ? PyTuple_GET_ITEM(address, 0) : NULL;
}

static bool
host_has_null(PyObject *host)
{
    return host != NULL && PyUnicode_Check(host) &&
           PyUnicode_FindChar(host, 0, 0, PyUnicode_GET_LENGTH(host), 1) >= 0;
}

PyObject *
green_socket_resolve(PyObject *self, PyObject *address)
{
    int family = green_socket_of(self)->family;
    PyObject *host = address_host(self, address);
    if (host == NULL) {
        return Py_NewRef(address);
    }
    if (PyUnicode_Check(host)) {
        /* The base parses numeric hosts, the names of wildcards, and wrong names. */
        const char *name = PyUnicode_AsUTF8(host);
        unsigned char number[sizeof(struct in6_addr)];
        if (name == NULL) {
            return NULL;
        }
        if (name[0] == '\0' || host_has_null(host) || strcmp(name, "<broadcast>") == 0 ||
            inet_pton(family, name, number) == 1) {
            return Py_NewRef(address);
        }
    }
    PyObject *resolve = green_name_get("greencore.socket", "_resolve_addr");
    PyObject *resolved =
        resolve == NULL ? NULL : PyObject_CallFunctionObjArgs(resolve, self, address, NULL);
    Py_XDECREF(resolve);
    return resolved;
}

/* Try once to connect. Returns 0 or an errno value; -1 with an exception where the address is
   wrong. */
static int
connect_try(PyObject *self, PyObject *address)
{
    PyObject *call[] = {self, address};
    PyObject *code = PyObject_Vectorcall(green_socket_base_method[BASE_CONNECT_EX], call, 2, NULL);
    if (code == NULL) {
        return -1;
    }
    int value = (int)PyLong_AsLong(code);
    Py_DECREF(code);
    return value;
}

/* Wait until the peer's queue may have room. 0; -1 with an exception, which is TimeoutError where
   the socket's time-out has passed. */
static int
connect_pause(green_socket_call *call)
{
    if (call->timeout > 0) {
        uint64_t now = green_time_now();
        if (call->deadline == 0) {
            call->deadline = green_time_after(call->timeout);
        } else if (now >= call->deadline) {
            PyErr_SetString(PyExc_TimeoutError, "timed out");
            return -1;
        }
    }
    return green_wait_sleep(BACKLOG_RETRY, true);
}

/* Connect, and wait for that. Returns 0 or an errno value; -1 with an exception. */
static int
connect_run(PyObject *self, PyObject *unresolved)
{
    if (host_has_null(address_host(self, unresolved))) { /* gevent raises this, too */
        PyErr_SetString(PyExc_ValueError, "embedded null character");
        return -1;
    }
    PyObject *address = green_socket_resolve(self, unresolved);
    if (address == NULL) {
        return -1;
    }
    green_socket_call call = green_socket_call_begin(self, "socket.connect");
    bool waited = false;
    int code;
    for (;;) {
        code = connect_try(self, address);
        if (code <= 0 || call.timeout == 0) {
            break;
        }
        if (code == EINPROGRESS || code == EALREADY || code == EINTR) {
            /* The next try tells what became of this one. */
            waited = true;
            if (green_socket_wait(&call, GREEN_WRITE) < 0) {
                code = -1;
                break;
            }
        } else if (code == EAGAIN && call.socket->family == AF_UNIX) {
            if (connect_pause(&call) < 0) {
                code = -1;
                break;
            }
        } else {
            if (waited && code == EISCONN) {
                code = 0;
            }
            break;
        }
    }
    Py_DECREF(address);
    return code;
}

PyDoc_STRVAR(connect_doc, "connect($self, address, /)\n--\n\n"
                          "Connect to `address`; a host name is looked up first. The time-out does "
                          "not cover the look-up.");

static PyObject *
socket_connect(PyObject *self, PyObject *address)
{
    int code = connect_run(self, address);
    if (code > 0) {
        errno = code;
        PyErr_SetFromErrno(PyExc_OSError);
    }
    if (code != 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(connect_ex_doc, "connect_ex($self, address, /)\n--\n\n"
                             "Connect as connect() does; returns 0 or the number of the error. A "
                             "host that cannot be found still raises gaierror.");

/* Clear the OSError that is set and return its number, EAGAIN where it has none. -1 with an
   exception, which is to be raised. */
static int
connect_error(void)
{
    static PyObject *gaierror;
    PyObject *error = green_error_take();
    if (gaierror == NULL && (gaierror = green_name_get("_socket", "gaierror")) == NULL) {
        Py_DECREF(error);
        return -1;
    }
    if (!PyErr_GivenExceptionMatches(error, PyExc_OSError) ||
        PyErr_GivenExceptionMatches(error, gaierror)) {
        green_error_raise(error);
        return -1;
    }
    PyObject *number = PyObject_GetAttrString(error, "errno");
    int code = number == NULL ? -1 : number == Py_None ? EAGAIN : (int)PyLong_AsLong(number);
    Py_XDECREF(number);
    Py_DECREF(error);
    return code;
}

static PyObject *
socket_connect_ex(PyObject *self, PyObject *address)
{
    int code = connect_run(self, address);
    if (code < 0 && (code = connect_error()) < 0) {
        return NULL;
    }
    return PyLong_FromLong(code);
}

PyMethodDef green_socket_connect_methods[] = {
    {"connect", socket_connect, METH_O, connect_doc},
    {"connect_ex", socket_connect_ex, METH_O, connect_ex_doc},
    {NULL, NULL, 0, NULL},
};
