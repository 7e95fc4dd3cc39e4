/* Methods of sockets that send. */
#include "net/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include "greenlet/arguments.h"

enum { LOCK_KEPT_SIZE = 64 * 1024 };

/* One send(2). The interpreter lock is given up where copying takes long enough to pay for that. */
static ssize_t
transmit(int fd, const char *data, size_t size, int flags)
{
    if (size <= LOCK_KEPT_SIZE) {
        return send(fd, data, size, flags);
    }
    ssize_t sent;
    Py_BEGIN_ALLOW_THREADS;
    sent = send(fd, data, size, flags);
    Py_END_ALLOW_THREADS;
    return sent;
}

PyDoc_STRVAR(send_doc, "send($self, data, flags=0, timeout=...)\n--\n\n"
                       "Send what fits of `data`; returns the number of bytes.\n\n"
                       "`timeout`: in seconds, in place of the socket's own.");

static PyObject *
socket_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"data", "flags", "timeout"};
    PyObject *values[3];
    Py_buffer data;
    int flags = 0;
    if (green_arguments("send", args, nargs, kwnames, names, 3, values) < 0 ||
        green_argument_int(values[1], &flags) < 0 ||
        green_argument_buffer("send", values[0], false, &data) < 0) {
        return NULL;
    }
    green_socket_call call = green_socket_call_begin(self, "socket.send");
    ssize_t sent = -1;
    if (values[2] == NULL || green_socket_parse_timeout(values[2], &call.timeout) == 0) {
        do {
            sent = transmit(call.socket->file.fd, data.buf, (size_t)data.len, flags);
        } while (sent < 0 && green_socket_again(&call, GREEN_WRITE, flags) == 0);
    }
    PyBuffer_Release(&data);
    return sent < 0 ? NULL : PyLong_FromSsize_t(sent);
}

int
green_socket_send_whole(green_socket_call *call, const char *data, size_t size, int flags)
{
    while (size > 0) {
        ssize_t sent = transmit(call->socket->file.fd, data, size, flags);
        if (sent >= 0) {
            data += sent;
            size -= (size_t)sent;
            if (size > 0 && PyErr_CheckSignals() < 0) {
                return -1;
            }
        } else if (green_socket_again(call, GREEN_WRITE, flags) < 0) {
            return -1;
        }
    }
    return 0;
}

ssize_t
green_socket_sendmsg(int fd, struct iovec *pieces, int count, int flags)
{
    if (count == 1) {
        return transmit(fd, pieces->iov_base, pieces->iov_len, flags);
    }
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        total += pieces[i].iov_len;
    }
    if (total <= LOCK_KEPT_SIZE) {
        return sendmsg(fd, &message, flags);
    }
    ssize_t sent;
    Py_BEGIN_ALLOW_THREADS;
    sent = sendmsg(fd, &message, flags);
    Py_END_ALLOW_THREADS;
    return sent;
}

int
green_socket_send_two(green_socket_call *call, const char *first, size_t first_size,
                      const char *second, size_t second_size)
{
    struct iovec pieces[2] = {{(char *)first, first_size}, {(char *)second, second_size}};
    ssize_t sent;
    do {
        sent = green_socket_sendmsg(call->socket->file.fd, pieces, 2, 0);
    } while (sent < 0 && green_socket_again(call, GREEN_WRITE, 0) == 0);
    if (sent < 0) {
        return -1;
    }
    size_t done = (size_t)sent;
    if (done < first_size) {
        if (green_socket_send_whole(call, first + done, first_size - done, 0) < 0) {
            return -1;
        }
        done = first_size;
    }
    done -= first_size;
    return green_socket_send_whole(call, second + done, second_size - done, 0);
}

PyDoc_STRVAR(sendall_doc, "sendall($self, data, flags=0, /)\n--\n\n"
                          "Send all of `data`. The time-out is for the whole; how much was sent "
                          "before an exception cannot be known.");

static PyObject *
socket_sendall(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 1 || nargs > 2) {
        PyErr_Format(PyExc_TypeError, "sendall expected 1 or 2 arguments, got %zd", nargs);
        return NULL;
    }
    int flags = 0;
    Py_buffer data;
    if (green_argument_int(nargs == 2 ? args[1] : NULL, &flags) < 0 ||
        green_argument_buffer("sendall", args[0], false, &data) < 0) {
        return NULL;
    }
    green_socket_call call = green_socket_call_begin(self, "socket.sendall");
    int result = green_socket_send_whole(&call, data.buf, (size_t)data.len, flags);
    PyBuffer_Release(&data);
    if (result < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(sendto_doc, "sendto($self, data, flags, address, /)\n--\n\n"
                         "sendto(data[, flags], address): send to `address`; returns the number of "
                         "bytes. A host name is looked up first.");

static PyObject *
socket_sendto(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 2 || nargs > 3) {
        PyErr_Format(PyExc_TypeError, "sendto() takes 2 or 3 arguments (%zd given)", nargs);
        return NULL;
    }
    PyObject *address = green_socket_resolve(self, args[nargs - 1]);
    if (address == NULL) {
        return NULL;
    }
    PyObject *call[3] = {args[0], args[1], address};
    call[nargs - 1] = address;
    PyObject *result = green_socket_call_base(self, BASE_SENDTO, call, nargs, NULL,
                                              nargs == 3 ? 1 : nargs, GREEN_WRITE, "socket.sendto");
    Py_DECREF(address);
    return result;
}

PyDoc_STRVAR(sendmsg_doc,
             "sendmsg($self, buffers, ancdata=(), flags=0, address=None, /)\n--\n\n"
             "Send data gathered from `buffers`, with ancillary data; returns the number "
             "of bytes.");

static PyObject *
socket_sendmsg(PyObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || args[3] == Py_None) {
        return green_socket_call_base(self, BASE_SENDMSG, args, nargs, NULL, 2, GREEN_WRITE,
                                      "socket.sendmsg");
    }
    PyObject *address = green_socket_resolve(self, args[3]);
    if (address == NULL) {
        return NULL;
    }
    PyObject *call[4] = {args[0], args[1], args[2], address};
    PyObject *result =
        green_socket_call_base(self, BASE_SENDMSG, call, 4, NULL, 2, GREEN_WRITE, "socket.sendmsg");
    Py_DECREF(address);
    return result;
}

#define FASTCALL(f) ((PyCFunction)(void (*)(void))(f))

PyMethodDef green_socket_send_methods[] = {
    {"send", FASTCALL(socket_send), METH_FASTCALL | METH_KEYWORDS, send_doc},
    {"sendall", FASTCALL(socket_sendall), METH_FASTCALL, sendall_doc},
    {"sendto", FASTCALL(socket_sendto), METH_FASTCALL, sendto_doc},
    {"sendmsg", FASTCALL(socket_sendmsg), METH_FASTCALL, sendmsg_doc},
    {NULL, NULL, 0, NULL},
};
