/* A request up to its environ: waits for it and reads its head. */
#include "http/request.h"

#include "http/environ.h"
#include "hub/wait.h"

PyObject *green_exc_InvalidClientRequest;

/* ---- the pool's place ---- */

/* Leave the connection's place in the pool to others, for it is idle. With the next request it
   waits for a place again. Returns 0, or -1 with an exception. */
static int
slot_release(HandlerObject *self)
{
    if (self->slot == NULL || self->slot_released) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod(self->slot, "release", NULL);
    self->slot_released = done != NULL;
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
green_request_take_slot(HandlerObject *self)
{
    if (!self->slot_released) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod(self->slot, "acquire", NULL);
    self->slot_released = done == NULL;
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

void
green_request_raise(green_refusal refusal, PyObject *line)
{
    PyObject *text = PyUnicode_FromFormat(line == NULL ? "%s" : "%s: %R", refusal.why, line);
    PyObject *error =
        text == NULL ? NULL : PyObject_CallOneArg(green_exc_InvalidClientRequest, text);
    PyObject *status = error == NULL ? NULL : PyLong_FromLong(refusal.status);
    if (status != NULL && PyObject_SetAttrString(error, "status", status) == 0) {
        PyErr_SetObject(green_exc_InvalidClientRequest, error);
    }
    Py_XDECREF(text);
    Py_XDECREF(error);
    Py_XDECREF(status);
}

/* ---- reading the head ---- */

static int
request_receive(HandlerObject *self, double *seconds)
{
    return green_transport_fill(self, green_transport_receive, seconds);
}

/* Receive what has come already, since a new connection's request is often there. Returns 1; 0 at
   the end; GREEN_NOT_YET; -1 with an exception. */
static int
request_try(HandlerObject *self)
{
    green_buffer *buffer = &self->source.buffer;
    if (green_buffer_reserve(buffer, 1) < 0) {
        return -1;
    }
    Py_ssize_t got =
        green_transport_try(self, buffer->data + buffer->end, buffer->size - buffer->end);
    if (got > 0) {
        buffer->end += (size_t)got;
    }
    return got > 0 ? 1 : (int)got;
}

/* Give up what is left of the last request, for the connection is idle. */
static void
request_forget(HandlerObject *self)
{
    green_buffer_drop(&self->source.buffer);
    Py_CLEAR(self->raw_head);
    Py_CLEAR(self->requestline);
    Py_CLEAR(self->headers);
}

/* A new connection keeps the place in the pool that it was accepted with for so many seconds. As a
   rule its first request is under way, and a server that is ending waits until all places are
   free. */
#define FIRST_SECONDS 1.0

enum { IN_A_ROW_MAX = 16 };

/* Let other greenlets run now and then, even if the client never lets the server wait. Returns 0,
   or -1 with an exception. */
static int
request_take_turns(HandlerObject *self)
{
    if (++self->in_a_row < IN_A_ROW_MAX) {
        return 0;
    }
    self->in_a_row = 0;
    return green_wait_yield();
}

int
green_request_await(HandlerObject *self)
{
    int here = green_buffer_count(&self->source.buffer) > 0 ? 1 : request_try(self);
    if (here != GREEN_NOT_YET) {
        self->spoke = here > 0;
        return here > 0 && request_take_turns(self) < 0 ? -1 : here;
    }
    self->in_a_row = 0;
    request_forget(self);
    int seen = GREEN_NOT_YET;
    if (self->slot != NULL && !self->spoke) {
        seen = green_transport_idle(self, FIRST_SECONDS);
    }
    if (seen == GREEN_NOT_YET) {
        if (slot_release(self) < 0) {
            return -1;
        }
        seen = green_transport_idle(self, -1);
    }
    self->spoke = 1;
    if (seen > 0) {
        seen = green_request_take_slot(self);
        seen = seen < 0 ? -1 : 1;
    }
    double seconds = self->service->keepalive_timeout;
    return seen <= 0 ? seen : request_receive(self, &seconds);
}

/* Skip one empty line before a request, for some clients end a body with it. Returns whether more
   bytes must come. */
static bool
request_skip_line(HandlerObject *self, bool *skipped)
{
    green_buffer *buffer = &self->source.buffer;
    if (*skipped) {
        return green_buffer_count(buffer) == 0;
    }
    size_t count = green_buffer_count(buffer);
    const char *start = green_buffer_start(buffer);
    if (count == 0 || (count == 1 && *start == '\r')) {
        return true;
    }
    *skipped = true;
    if (count >= 2 && memcmp(start, "\r\n", 2) == 0) {
        buffer->begin += 2;
    }
    return green_buffer_count(buffer) == 0;
}

/* Returns the request line, as much as there is, as a str. New reference. */
static PyObject *
request_line(HandlerObject *self)
{
    green_buffer *buffer = &self->source.buffer;
    size_t count = green_buffer_count(buffer);
    const char *start = green_buffer_start(buffer);
    const char *end = count == 0 ? NULL : memchr(start, '\n', count);
    if (end != NULL) {
        count = (size_t)(end - start) + 1;
    }
    return PyUnicode_DecodeLatin1(count == 0 ? "" : start, (Py_ssize_t)count, NULL);
}

/* Read all of the head. If it is refused, GREEN_STEP_FAILED comes with InvalidClientRequest. */
static green_step
request_read_head(HandlerObject *self)
{
    const ServiceObject *service = self->service;
    green_buffer *buffer = &self->source.buffer;
    double seconds = service->header_timeout;
    bool skipped = false;
    if (green_head_begin(&self->head, service) < 0) {
        return GREEN_STEP_FAILED;
    }
    for (;;) {
        green_head_state state = request_skip_line(self, &skipped)
                                     ? GREEN_HEAD_MORE
                                     : green_head_feed(&self->head, green_buffer_start(buffer),
                                                       green_buffer_count(buffer), service);
        if (state == GREEN_HEAD_COMPLETE) {
            return GREEN_STEP_ON;
        }
        if (state == GREEN_HEAD_REFUSED) {
            break;
        }
        int got = request_receive(self, &seconds);
        if (got == 0) {
            return GREEN_STEP_CLOSE; /* nobody is left to be told */
        }
        if (got < 0) {
            if (!PyErr_ExceptionMatches(PyExc_TimeoutError)) {
                return GREEN_STEP_FAILED;
            }
            PyErr_Clear();
            self->head.refusal = (green_refusal){408, "Timed out"};
            break;
        }
    }
    PyObject *line = request_line(self);
    if (line != NULL) {
        green_request_raise(self->head.refusal, line);
        Py_DECREF(line);
    }
    return GREEN_STEP_FAILED;
}

/* Whether anybody may ask for the request's text later: a hook, or the log. */
static bool
request_keeps_text(const HandlerObject *self)
{
    return self->overrides != 0 || self->logs;
}

/* Keep what may be asked for of the head, which is complete. Returns 0, or -1 with an exception. */
static int
request_take_head(HandlerObject *self)
{
    Py_CLEAR(self->raw_head);
    Py_CLEAR(self->requestline);
    Py_CLEAR(self->headers);
    self->close_connection = !self->head.keep_alive || self->service->stopping;
    if (request_keeps_text(self)) {
        self->raw_head = PyBytes_FromStringAndSize(green_buffer_start(&self->source.buffer),
                                                   (Py_ssize_t)self->head.length);
        return self->raw_head == NULL ? -1 : 0;
    }
    return 0;
}

green_step
green_request_read(HandlerObject *self)
{
    green_step step = request_read_head(self);
    if (step == GREEN_STEP_ON && request_take_head(self) < 0) {
        step = GREEN_STEP_FAILED;
    }
    return step;
}

/* ---- the environ ---- */

static PyObject *
request_new_environ(HandlerObject *self)
{
    static PyObject *name;
    if (name == NULL && (name = PyUnicode_InternFromString("get_environ")) == NULL) {
        return NULL;
    }
    PyObject *environ = self->base_environ != NULL ? PyDict_Copy(self->base_environ)
                                                   : PyObject_CallMethodNoArgs(self->server, name);
    if (environ != NULL && !PyDict_Check(environ)) {
        PyErr_SetString(PyExc_TypeError, "the environ must be a dict");
        Py_CLEAR(environ);
    }
    return environ;
}

/* Whether all of a head was read and its bytes are still there. */
static bool
request_has_head(const HandlerObject *self)
{
    const green_head *head = &self->head;
    return head->fields != NULL && head->length > 0 &&
           green_buffer_count(&self->source.buffer) >= head->length;
}

PyObject *
green_request_environ(HandlerObject *self)
{
    green_buffer *buffer = &self->source.buffer;
    PyObject *environ = request_new_environ(self);
    if (environ != NULL && !request_has_head(self)) {
        PyErr_SetString(PyExc_RuntimeError, "there is no request's head to make an environ of");
        Py_DECREF(environ);
        return NULL;
    }
    if (environ != NULL && green_environ_fill(self, environ, green_buffer_start(buffer),
                                              self->service->lenient_folding) < 0) {
        Py_CLEAR(environ);
    }
    buffer->begin += self->head.length;
    green_head_drop(&self->head);
    return environ;
}

int
green_request_put_back(HandlerObject *self, PyObject *line)
{
    const char *text;
    Py_ssize_t length;
    PyObject *bytes = PyUnicode_Check(line) ? PyUnicode_AsLatin1String(line) : Py_NewRef(line);
    if (bytes == NULL || PyBytes_AsStringAndSize(bytes, (char **)&text, &length) < 0) {
        Py_XDECREF(bytes);
        return -1;
    }
    green_buffer joined = {0}, *buffer = &self->source.buffer;
    int result = green_buffer_append(&joined, text, (size_t)length);
    if (result == 0 && green_buffer_count(buffer) > 0) {
        result =
            green_buffer_append(&joined, green_buffer_start(buffer), green_buffer_count(buffer));
    }
    Py_DECREF(bytes);
    if (result < 0) {
        green_buffer_drop(&joined);
        return -1;
    }
    green_buffer_drop(buffer);
    *buffer = joined;
    return 0;
}

/* ---- as methods ---- */

PyDoc_STRVAR(read_requestline_doc,
             "read_requestline($self, /)\n--\n\n"
             "Wait for a request and return its first line, a str; empty when the client has "
             "closed.");

static PyObject *
request_read_requestline(PyObject *op, PyObject *Py_UNUSED(unused))
{
    HandlerObject *self = (HandlerObject *)op;
    green_buffer *buffer = &self->source.buffer;
    int seen = green_request_await(self);
    double seconds = self->service->header_timeout;
    bool skipped = false;
    while (seen > 0 && request_skip_line(self, &skipped)) {
        seen = request_receive(self, &seconds);
    }
    while (seen > 0 && green_buffer_count(buffer) <= (size_t)self->service->max_request_line &&
           memchr(green_buffer_start(buffer), '\n', green_buffer_count(buffer)) == NULL) {
        seen = request_receive(self, &seconds);
    }
    if (seen < 0) {
        return NULL;
    }
    PyObject *line = request_line(self);
    if (line != NULL) {
        buffer->begin += (size_t)PyUnicode_GET_LENGTH(line);
        green_head_drop(&self->head); /* a head that was read before has lost its first line */
    }
    return line;
}

PyDoc_STRVAR(read_request_doc,
             "read_request($self, raw_requestline, /)\n--\n\n"
             "Read the rest of a request's head. Returns True; ValueError: it is refused.");

static PyObject *
request_read_request_method(PyObject *op, PyObject *line)
{
    HandlerObject *self = (HandlerObject *)op;
    if (green_request_put_back(self, line) < 0) {
        return NULL;
    }
    green_step step = green_request_read(self);
    return step == GREEN_STEP_FAILED ? NULL : PyBool_FromLong(step == GREEN_STEP_ON);
}

PyMethodDef green_request_methods[] = {
    {"read_requestline", request_read_requestline, METH_NOARGS, read_requestline_doc},
    {"read_request", request_read_request_method, METH_O, read_request_doc},
    {NULL, NULL, 0, NULL},
};
