/* Receives and sends a connection's bytes: by system calls on a plain socket, else by the methods
   of whatever the socket is. */
#include "http/handler.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include "greenlet/error.h"
#include "hub/hub.h"

/* ---- waiting ---- */

/* Take the time since `start`, ns, off `*seconds`. Negative ones stay: for ever. */
static void
seconds_spend(double *seconds, uint64_t start)
{
    if (*seconds > 0) {
        double waited = (double)(green_time_now() - start) / 1e9;
        *seconds = waited < *seconds ? *seconds - waited : 0;
    }
}

/* Give back seconds for bytes that have moved: as many as those take at the least rate, up to
   `most` in all. If there is no rate, the time begins anew. */
static void
seconds_earn(double *seconds, double most, double rate, size_t bytes)
{
    if (most < 0 || rate <= 0) {
        *seconds = most;
    } else if (*seconds >= 0) {
        double sum = *seconds + (double)bytes / rate;
        *seconds = sum < most ? sum : most;
    }
}

void
green_transport_renew(HandlerObject *self)
{
    self->read_credit = self->service->body_timeout;
    self->write_credit = self->service->write_timeout;
}

/* Wait for `events`, at most `*seconds`. Returns 0, or -1 with TimeoutError or what ended the
   wait. */
static int
transport_wait(HandlerObject *self, int events, double *seconds, const char *verb)
{
    int seen = 0;
    if (*seconds != 0) {
        uint64_t start = green_time_now();
        seen = green_file_wait(&self->plain->file, events, *seconds, verb, self->connection);
        seconds_spend(seconds, start);
    }
    if (seen == 0) {
        PyErr_SetString(PyExc_TimeoutError, "timed out");
    }
    return seen > 0 ? 0 : -1;
}

/* Wait after a system call that failed, if it only had to wait. Returns 0 if the call is to be made
   again, else -1 with an exception. */
static int
transport_again(HandlerObject *self, int events, double *seconds, const char *verb)
{
    if (errno == EINTR) {
        return PyErr_CheckSignals();
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    return transport_wait(self, events, seconds, verb);
}

/* ---- by methods ---- */

/* End the view that a method was given, which may have kept it: the memory is lent for the call.
   Takes the method's `result`, NULL with an exception; returns it, or NULL with an exception. */
static PyObject *
view_end(PyObject *view, PyObject *result)
{
    if (Py_REFCNT(view) > 1) {
        PyObject *raised = green_error_take();
        PyObject *done = PyObject_CallMethod(view, "release", NULL);
        Py_XDECREF(done);
        if (done == NULL) {
            Py_CLEAR(result);
        }
        if (raised != NULL) {
            PyErr_Clear();
            green_error_raise(raised);
        }
    }
    Py_DECREF(view);
    return result;
}

static PyObject *
transport_call(HandlerObject *self, const char *name, void *bytes, size_t count, int flags,
               double *seconds)
{
    uint64_t start = green_time_now();
    PyObject *timeout =
        *seconds < 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(*seconds > 0 ? *seconds : 1e-3);
    PyObject *done =
        timeout == NULL ? NULL : PyObject_CallMethod(self->socket, "settimeout", "N", timeout);
    if (done == NULL) {
        return NULL;
    }
    Py_DECREF(done);
    PyObject *view = PyMemoryView_FromMemory(bytes, (Py_ssize_t)count, flags);
    if (view == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallMethod(self->socket, name, "O", view);
    seconds_spend(seconds, start);
    return view_end(view, result);
}

static Py_ssize_t
transport_receive_call(HandlerObject *self, char *into, size_t size, double *seconds)
{
    PyObject *got = transport_call(self, "recv_into", into, size, PyBUF_WRITE, seconds);
    Py_ssize_t count = got == NULL ? -1 : PyLong_AsSsize_t(got);
    Py_XDECREF(got);
    if ((count < 0 && !PyErr_Occurred()) || count > (Py_ssize_t)size) {
        PyErr_SetString(PyExc_ValueError, "recv_into() returned no number of bytes received");
        return -1;
    }
    return count;
}

/* Receive from the file that was given in place of the socket. */
static Py_ssize_t
transport_receive_file(HandlerObject *self, char *into, size_t size)
{
    PyObject *data = PyObject_CallMethod(self->given_rfile, "read1", "n", (Py_ssize_t)size);
    Py_buffer view;
    if (data == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(data);
        return -1;
    }
    Py_ssize_t count = view.len;
    if ((size_t)count > size) {
        PyErr_SetString(PyExc_ValueError, "read1() returned more than it was asked for");
        count = -1;
    } else {
        memcpy(into, view.buf, (size_t)count);
    }
    PyBuffer_Release(&view);
    Py_DECREF(data);
    return count;
}

/* ---- receiving ---- */

/* Note whether the next call waits first. After a small part it does, for that was all there was;
   behind a big one there is soon more. */
static void
transport_received(green_socket *plain, size_t got, size_t size)
{
    plain->drained = got > 0 && got < size && got < GREEN_BUFFER_BLOCK;
}

Py_ssize_t
green_transport_try(HandlerObject *self, char *into, size_t size)
{
    green_socket *plain = self->plain;
    if (self->given_rfile != NULL || plain == NULL || plain->drained) {
        return GREEN_NOT_YET;
    }
    ssize_t got = recv(plain->file.fd, into, size, MSG_DONTWAIT);
    if (got >= 0) {
        transport_received(plain, (size_t)got, size);
        return got;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return GREEN_NOT_YET;
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

Py_ssize_t
green_transport_receive(HandlerObject *self, char *into, size_t size, double *seconds)
{
    if (self->given_rfile != NULL) {
        return transport_receive_file(self, into, size);
    }
    green_socket *plain = self->plain;
    if (plain == NULL) {
        return transport_receive_call(self, into, size, seconds);
    }
    if (plain->drained) {
        plain->drained = false;
        if (transport_wait(self, GREEN_READ, seconds, "WSGI request") < 0) {
            return -1;
        }
    }
    for (;;) {
        ssize_t got = recv(plain->file.fd, into, size, 0);
        if (got >= 0) {
            transport_received(plain, (size_t)got, size);
            return got;
        }
        if (transport_again(self, GREEN_READ, seconds, "WSGI request") < 0) {
            return -1;
        }
    }
}

/* Receive a part of a body, and give back time for it. */
static Py_ssize_t
transport_receive_body(HandlerObject *self, char *into, size_t size, double *seconds)
{
    Py_ssize_t got = green_transport_receive(self, into, size, seconds);
    if (got > 0) {
        seconds_earn(seconds, self->service->body_timeout, self->service->min_rate, (size_t)got);
    }
    return got;
}

int
green_transport_fill(HandlerObject *self, green_receiver *receive, double *seconds)
{
    green_buffer *buffer = &self->source.buffer;
    if (buffer->size == buffer->end && green_buffer_reserve(buffer, 1) < 0) {
        return -1;
    }
    green_buffer held = *buffer;
    *buffer = (green_buffer){0};
    Py_ssize_t got = receive(self, held.data + held.end, held.size - held.end, seconds);
    if (got > 0) {
        held.end += (size_t)got;
    }
    if (green_buffer_count(buffer) > 0 &&
        green_buffer_append(&held, green_buffer_start(buffer), green_buffer_count(buffer)) < 0) {
        got = -1;
    }
    green_buffer_drop(buffer);
    *buffer = held;
    return got < 0 ? -1 : got > 0;
}

static int
transport_fill(green_source *source, size_t Py_UNUSED(wanted))
{
    HandlerObject *self = GREEN_CONTAINER(source, HandlerObject, source);
    return green_transport_fill(self, transport_receive_body, &self->read_credit);
}

static Py_ssize_t
transport_read(green_source *source, char *into, size_t size)
{
    HandlerObject *self = GREEN_CONTAINER(source, HandlerObject, source);
    return transport_receive_body(self, into, size, &self->read_credit);
}

void
green_transport_init(HandlerObject *self)
{
    self->source.fill = transport_fill;
    self->source.read = transport_read;
    PyObject *socket = Py_NewRef(self->socket);
    self->connection = socket;
    green_transport_renew(self);
    self->plain =
        Py_IS_TYPE(socket, (PyTypeObject *)green_socket_class) ? green_socket_of(socket) : NULL;
}

/* ---- idle ---- */

/* Whether TLS has decrypted bytes that were not read yet. -1 with an exception. */
static int
transport_pending(HandlerObject *self)
{
    PyObject *pending = PyObject_CallMethod(self->socket, "pending", NULL);
    if (pending == NULL) {
        PyErr_Clear();
        return 0;
    }
    int result = PyObject_IsTrue(pending);
    Py_DECREF(pending);
    return result;
}

int
green_transport_idle(HandlerObject *self, double seconds)
{
    if (self->given_rfile != NULL || self->connection == NULL ||
        !PyObject_TypeCheck(self->connection, Socket_Type)) {
        return 1; /* receiving will wait */
    }
    if (self->plain == NULL) {
        int pending = transport_pending(self);
        if (pending != 0) {
            return pending;
        }
    }
    green_socket *s = green_socket_of(self->connection);
    if (green_service_idle(self->service, &self->idle, &s->file) < 0) {
        return -1;
    }
    if (self->idle.ended) {
        return 0;
    }
    s->drained = false;
    int seen = green_file_wait(&s->file, GREEN_READ, seconds, "WSGI request", self->connection);
    green_service_busy(&self->idle);
    if (seen < 0 && self->idle.ended && PyErr_ExceptionMatches(green_exc_cancel_wait)) {
        PyErr_Clear();
        return 0;
    }
    return seen < 0 ? -1 : seen == 0 ? GREEN_NOT_YET : 1;
}

/* ---- sending ---- */

/* TLS and sockets of other classes are given so many bytes at once to send, each time with a
   time-out. */
enum { SLICE_SIZE = 64 * 1024 };

static void
transport_taken(HandlerObject *self, size_t bytes)
{
    seconds_earn(&self->write_credit, self->service->write_timeout, self->service->min_rate, bytes);
}

static int
transport_send_call(HandlerObject *self, struct iovec *vector, int count)
{
    for (int i = 0; i < count; i++) {
        char *data = vector[i].iov_base;
        size_t left = vector[i].iov_len;
        while (left > 0) {
            size_t size = left < SLICE_SIZE ? left : SLICE_SIZE;
            PyObject *done =
                transport_call(self, "sendall", data, size, PyBUF_READ, &self->write_credit);
            if (done == NULL) {
                return -1;
            }
            Py_DECREF(done);
            transport_taken(self, size);
            data += size;
            left -= size;
        }
    }
    return 0;
}

static int
transport_send_plain(HandlerObject *self, struct iovec *vector, int count)
{
    for (;;) {
        while (count > 0 && vector->iov_len == 0) {
            vector++;
            count--;
        }
        if (count == 0) {
            return 0;
        }
        ssize_t sent = green_socket_sendmsg(self->plain->file.fd, vector, count, MSG_NOSIGNAL);
        if (sent < 0) {
            if (transport_again(self, GREEN_WRITE, &self->write_credit, "WSGI response") < 0) {
                return -1;
            }
            continue;
        }
        size_t left = (size_t)sent;
        transport_taken(self, left);
        while (count > 0 && left >= vector->iov_len) {
            left -= vector->iov_len;
            vector++;
            count--;
        }
        if (count > 0) {
            vector->iov_base = (char *)vector->iov_base + left;
            vector->iov_len -= left;
        }
    }
}

/* Note that nothing more can be sent. If the client has taken nothing in time, the kernel is told
   to drop at the close what it still has for the client. */
static void
transport_abort(HandlerObject *self)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    self->aborted = true;
    if (self->plain != NULL && PyErr_ExceptionMatches(PyExc_TimeoutError)) {
        setsockopt(self->plain->file.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    }
}

int
green_transport_send(HandlerObject *self, struct iovec *vector, int count)
{
    int result = self->plain != NULL ? transport_send_plain(self, vector, count)
                                     : transport_send_call(self, vector, count);
    if (result < 0) {
        transport_abort(self);
    }
    return result;
}

int
green_transport_send_bytes(HandlerObject *self, const void *bytes, size_t count)
{
    struct iovec vector = {.iov_base = (void *)bytes, .iov_len = count};
    return green_transport_send(self, &vector, 1);
}

Py_ssize_t
green_transport_send_file(HandlerObject *self, const green_buffer *head, int file,
                          Py_ssize_t offset, Py_ssize_t count)
{
    int fd = self->plain->file.fd, one = 1, none = 0;
    off_t at = offset;
    Py_ssize_t left = count;
    /* The kernel holds the head back until the file's first bytes come. */
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &one, sizeof(one));
    int result =
        green_transport_send_bytes(self, green_buffer_start(head), green_buffer_count(head));
    while (result == 0 && left > 0) {
        ssize_t sent;
        Py_BEGIN_ALLOW_THREADS;
        sent = sendfile(fd, file, &at, (size_t)left);
        Py_END_ALLOW_THREADS;
        if (sent > 0) {
            left -= sent;
            transport_taken(self, (size_t)sent);
        } else if (sent == 0) {
            break;
        } else {
            result = transport_again(self, GREEN_WRITE, &self->write_credit, "WSGI response");
        }
    }
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &none, sizeof(none));
    if (result < 0) {
        transport_abort(self);
        return -1;
    }
    return count - left;
}

/* ---- the end ---- */

enum { LINGER_BLOCK = 4096 };

bool
green_transport_has_unread(HandlerObject *self)
{
    int count = 0;
    return green_buffer_count(&self->source.buffer) > 0 ||
           (self->plain != NULL && self->plain->file.fd >= 0 &&
            ioctl(self->plain->file.fd, FIONREAD, &count) == 0 && count > 0);
}

void
green_transport_linger(HandlerObject *self)
{
    green_socket *plain = self->plain;
    double seconds = self->service->linger_timeout;
    if (plain == NULL || plain->file.fd < 0 || self->aborted || seconds == 0 ||
        shutdown(plain->file.fd, SHUT_WR) < 0) {
        return;
    }
    uint64_t until = green_time_after(seconds < 0 ? 60 : seconds);
    Py_ssize_t left = self->service->max_discard;
    static char nowhere[LINGER_BLOCK]; /* guarded by the interpreter lock */
    while (left > 0) {
        ssize_t got = recv(plain->file.fd, nowhere, sizeof(nowhere), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return;
        }
        if (got > 0) {
            left -= got;
            continue;
        }
        uint64_t now = green_time_now();
        if (now >= until || green_file_wait(&plain->file, GREEN_READ, (double)(until - now) / 1e9,
                                            "WSGI end", self->connection) <= 0) {
            return; /* an exception stays set, for the caller */
        }
    }
}

void
green_transport_close(HandlerObject *self)
{
    PyObject *raised = green_error_take();
    PyObject *done = PyObject_CallMethod(self->socket, "close", NULL);
    Py_XDECREF(done);
    PyObject *connection = self->connection;
    if (done != NULL && connection != NULL && PyObject_TypeCheck(connection, Socket_Type) &&
        green_socket_of(connection)->file.fd >= 0) {
        /* The descriptor is still open, since files made of the socket are, or a request's input is
           kept. */
        done = PyObject_CallMethod(connection, "_real_close", NULL);
        Py_XDECREF(done);
    }
    if (done == NULL) {
        PyErr_Clear(); /* somebody else has closed the descriptor */
    }
    green_error_raise(raised);
}
