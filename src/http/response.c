/* The answer to a request: what start_response, write and the application's result make of it. */
#include "http/handler.h"

#include <sys/uio.h>
#include "http/answer.h"
#include "http/date.h"
#include "http/filewrapper.h"

enum { VECTORS = 64, COPIED_SIZE = 4096 };

/* ---- state ---- */

void
green_response_reset(HandlerObject *self)
{
    green_buffer_drop(&self->out);
    Py_CLEAR(self->status);
    Py_CLEAR(self->orig_status);
    Py_CLEAR(self->response_headers);
    Py_CLEAR(self->provided_date);
    self->given_length = 0;
    self->length_kind = GREEN_LENGTH_UNKNOWN;
    self->body_sent = self->response_length = 0;
    self->code = 0;
    self->headers_sent = self->response_use_chunked = false;
    self->says_connection = self->own_encoding = false;
}

static bool
response_started(const HandlerObject *self)
{
    return self->orig_status != NULL || self->status != NULL;
}

/* Raise the handler class's ApplicationError with `stolen`. Returns -1. */
static int
response_error(HandlerObject *self, PyObject *stolen)
{
    PyObject *type = PyObject_GetAttrString((PyObject *)self, "ApplicationError");
    if (type != NULL && stolen != NULL) {
        PyErr_SetObject(type, stolen);
    }
    Py_XDECREF(type);
    Py_XDECREF(stolen);
    return -1;
}

static int
response_error_text(HandlerObject *self, const char *text)
{
    return response_error(self, PyUnicode_FromString(text));
}

static bool
code_is_bodiless(int code)
{
    return code == 204 || code == 304 || (code >= 100 && code < 200);
}

/* ---- start_response ---- */

static int
response_note_field(HandlerObject *self, int kind, size_t at, size_t length)
{
    const char *value = self->out.data + at;
    switch (kind) {
    case GREEN_ANSWER_CONTENT_LENGTH:
        if (self->length_kind == GREEN_LENGTH_GIVEN) {
            PyErr_SetString(PyExc_ValueError, "more than one Content-Length");
            return -1;
        }
        self->length_kind = GREEN_LENGTH_GIVEN;
        self->given_length = green_answer_number(value, length);
        return self->given_length < 0 ? -1 : 0;
    case GREEN_ANSWER_TRANSFER_ENCODING:
        self->own_encoding = true;
        return 0;
    case GREEN_ANSWER_CONNECTION:
        self->says_connection = true;
        if (green_answer_has_token(value, length, "close")) {
            self->close_connection = true;
        }
        return 0;
    case GREEN_ANSWER_DATE:
        green_handler_set(&self->provided_date,
                          PyUnicode_DecodeLatin1(value, (Py_ssize_t)length, NULL));
        return self->provided_date == NULL ? -1 : 0;
    default:
        return kind < 0 ? -1 : 0;
    }
}

static int
response_add_pair(HandlerObject *self, PyObject *pair)
{
    if (PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2) {
        size_t at, length;
        int kind = green_answer_add(&self->out, PyTuple_GET_ITEM(pair, 0),
                                    PyTuple_GET_ITEM(pair, 1), false, &at, &length);
        return response_note_field(self, kind, at, length);
    }
    PyObject *tuple = PySequence_Tuple(pair);
    if (tuple == NULL) {
        return -1;
    }
    int result = -1;
    if (PyTuple_GET_SIZE(tuple) == 2) {
        result = response_add_pair(self, tuple);
    } else {
        PyErr_SetString(PyExc_ValueError, "a header must be a pair of a name and a value");
    }
    Py_DECREF(tuple);
    return result;
}

static int
response_add_headers(HandlerObject *self, PyObject *headers)
{
    PyObject *list = PySequence_Fast(headers, "headers must be a list of pairs");
    if (list == NULL) {
        return -1;
    }
    int result = 0;
    for (Py_ssize_t i = 0; result == 0 && i < PySequence_Fast_GET_SIZE(list); i++) {
        PyObject *pair = Py_NewRef(PySequence_Fast_GET_ITEM(list, i));
        result = response_add_pair(self, pair);
        Py_DECREF(pair);
    }
    Py_DECREF(list);
    return result;
}

static int
response_check_length(HandlerObject *self)
{
    if (self->length_kind != GREEN_LENGTH_GIVEN) {
        return 0;
    }
    if ((self->code == 304 || self->code == 204) && self->given_length != 0) {
        return response_error(
            self,
            PyBytes_FromFormat("Invalid Content-Length for %d response: '%zd' (must be absent "
                               "or zero)",
                               self->code, self->given_length));
    }
    if (self->own_encoding) {
        PyErr_SetString(PyExc_ValueError, "Content-Length beside Transfer-Encoding");
        return -1;
    }
    return 0;
}

/* Raise the exception of an application that gives up after the head was sent. */
static void
response_reraise(PyObject *exc_info)
{
    PyObject *type, *value, *traceback;
    if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
        PyErr_SetString(PyExc_TypeError, "exc_info must be what sys.exc_info() returns");
        return;
    }
    type = Py_NewRef(PyTuple_GET_ITEM(exc_info, 0));
    value = Py_NewRef(PyTuple_GET_ITEM(exc_info, 1));
    traceback = PyTuple_GET_ITEM(exc_info, 2); /* borrowed */
    PyErr_Restore(type, value, traceback == Py_None ? NULL : Py_NewRef(traceback));
}

PyObject *
green_response_start(HandlerObject *self, PyObject *status, PyObject *headers, PyObject *exc_info)
{
    if (exc_info != NULL && exc_info != Py_None && self->headers_sent) {
        response_reraise(exc_info);
        return NULL;
    }
    if (self->headers_sent) {
        response_error_text(self, "start_response was called after the headers were sent");
        return NULL;
    }
    char closes = self->close_connection;
    green_response_reset(self);
    self->code = green_answer_status(&self->out, status);
    if (self->code < 0 || response_add_headers(self, headers) < 0 ||
        response_check_length(self) < 0) {
        green_response_reset(self);
        self->close_connection = closes;
        return NULL;
    }
    self->orig_status = Py_NewRef(status);
    static PyObject *name;
    if (name == NULL && (name = PyUnicode_InternFromString("write")) == NULL) {
        return NULL;
    }
    return PyObject_GetAttr((PyObject *)self, name);
}

/* ---- the head ---- */

static PyObject *
pair_of_bytes(const char *name, size_t name_length, const char *value, size_t length)
{
    PyObject *first = PyBytes_FromStringAndSize(name, (Py_ssize_t)name_length);
    PyObject *second = PyBytes_FromStringAndSize(value, (Py_ssize_t)length);
    PyObject *pair = first == NULL || second == NULL ? NULL : PyTuple_Pack(2, first, second);
    Py_XDECREF(first);
    Py_XDECREF(second);
    return pair;
}

/* Returns the fields of the head as a list of pairs of bytes. It is made of the head's text when
   somebody asks first, and stands for it from then on. New reference. */
PyObject *
green_response_get_headers(HandlerObject *self)
{
    if (self->response_headers != NULL) {
        return Py_NewRef(self->response_headers);
    }
    PyObject *list = PyList_New(0);
    const char *text = self->out.data == NULL ? NULL : green_buffer_start(&self->out);
    const char *end = text == NULL ? NULL : text + green_buffer_count(&self->out);
    const char *line = text == NULL ? NULL : memchr(text, '\n', (size_t)(end - text));
    while (list != NULL && line != NULL && ++line < end) {
        const char *colon = memchr(line, ':', (size_t)(end - line));
        const char *stop = memchr(line, '\r', (size_t)(end - line));
        PyObject *pair =
            pair_of_bytes(line, (size_t)(colon - line), colon + 2, (size_t)(stop - colon - 2));
        if (pair == NULL || PyList_Append(list, pair) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(pair);
        line = stop + 1;
    }
    self->response_headers = Py_XNewRef(list);
    return list;
}

static int
response_append(HandlerObject *self, const char *name, const char *value, size_t length)
{
    if (self->response_headers != NULL) {
        PyObject *pair = pair_of_bytes(name, strlen(name), value, length);
        int result = pair == NULL ? -1 : PyList_Append(self->response_headers, pair);
        Py_XDECREF(pair);
        return result;
    }
    return green_answer_append(&self->out, name, value, length);
}

/* Make the head's text anew, because a hook has looked at the status or the fields and may have
   changed them. */
static int
response_rebuild(HandlerObject *self)
{
    PyObject *status = Py_XNewRef(self->status != NULL ? self->status : self->orig_status);
    PyObject *text = status == NULL ? NULL
                     : PyUnicode_Check(status)
                         ? Py_NewRef(status)
                         : PyUnicode_FromEncodedObject(status, "latin-1", NULL);
    Py_XDECREF(status);
    if (text == NULL) {
        return -1;
    }
    self->out.begin = self->out.end = 0;
    int code = green_answer_status(&self->out, text);
    Py_DECREF(text);
    if (code < 0) {
        return -1;
    }
    PyObject *list = self->response_headers;
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        size_t at, length;
        PyObject *pair = PyList_GET_ITEM(list, i);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_ValueError, "a header must be a pair of a name and a value");
            return -1;
        }
        if (green_answer_add(&self->out, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1), true,
                             &at, &length) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Add the fields that tell the client where the body ends and whether the connection stays, and the
   date. `total`: bytes of the body, -1 where that is not known yet. */
static int
response_finalize(HandlerObject *self, Py_ssize_t total)
{
    bool adds_length = false, adds_chunked = false;
    if (self->length_kind == GREEN_LENGTH_UNKNOWN && !self->own_encoding &&
        !code_is_bodiless(self->code)) {
        adds_length = total >= 0;
        adds_chunked = !adds_length && self->head.http_11 && !self->head.is_head;
        if (!adds_length && !adds_chunked && !self->head.is_head) {
            self->close_connection = true;
        }
    }
    if (self->own_encoding || self->service->stopping || self->code == 101) {
        self->close_connection = true;
    }
    if (!self->says_connection && self->code != 101 && self->code != 100) {
        if (self->close_connection) {
            if (response_append(self, "Connection", "close", 5) < 0) {
                return -1;
            }
        } else if (!self->head.http_11 &&
                   response_append(self, "Connection", "keep-alive", 10) < 0) {
            return -1;
        }
    }
    if ((self->provided_date == NULL || self->provided_date == Py_None) &&
        response_append(self, "Date", green_date_now(), GREEN_DATE_LENGTH) < 0) {
        return -1;
    }
    if (adds_length) {
        char digits[24];
        int length = snprintf(digits, sizeof(digits), "%zd", total);
        self->given_length = total;
        self->length_kind = GREEN_LENGTH_GIVEN;
        return response_append(self, "Content-Length", digits, (size_t)length);
    }
    if (adds_chunked) {
        self->response_use_chunked = true;
        return response_append(self, "Transfer-Encoding", "chunked", 7);
    }
    return 0;
}

static int
response_buffer(PyObject *data, Py_buffer *view)
{
    if (PyUnicode_Check(data) && PyUnicode_GET_LENGTH(data) > 0) {
        PyErr_SetString(PyExc_TypeError, "a response's body must be bytes, not str");
        return -1;
    }
    if (PyUnicode_Check(data)) {
        return PyBuffer_FillInfo(view, NULL, "", 0, 1, PyBUF_SIMPLE);
    }
    return PyObject_GetBuffer(data, view, PyBUF_SIMPLE);
}

/* Returns how many bytes one part of a body has, or -1 with an exception. */
static Py_ssize_t
response_size(PyObject *data)
{
    Py_buffer view;
    if (PyBytes_CheckExact(data)) {
        return PyBytes_GET_SIZE(data);
    }
    if (response_buffer(data, &view) < 0) {
        return -1;
    }
    Py_ssize_t size = view.len;
    PyBuffer_Release(&view);
    return size;
}

/* Whether all parts of a result are there: it is a list or a tuple, of a class that iterates as
   those do. */
static bool
result_is_whole(PyObject *result)
{
    return (PyList_Check(result) && Py_TYPE(result)->tp_iter == PyList_Type.tp_iter) ||
           (PyTuple_Check(result) && Py_TYPE(result)->tp_iter == PyTuple_Type.tp_iter);
}

/* Returns how many bytes the result has; -1 if not all of it is there, -2 with an exception. */
static Py_ssize_t
response_total(HandlerObject *self)
{
    if (self->result == NULL || !result_is_whole(self->result)) {
        return -1;
    }
    PyObject *items = PySequence_Tuple(self->result);
    Py_ssize_t total = items == NULL ? -2 : 0;
    for (Py_ssize_t i = 0; total >= 0 && i < PyTuple_GET_SIZE(items); i++) {
        Py_ssize_t size = response_size(PyTuple_GET_ITEM(items, i));
        total = size < 0 ? -2 : total + size;
    }
    Py_XDECREF(items);
    return total;
}

/* Complete the head in `out`, with the empty line. Returns 0, or -1 with an exception. */
static int
response_make_head(HandlerObject *self, Py_ssize_t total)
{
    if (green_handler_overrides(self, HOOK_FINALIZE_HEADERS)) {
        PyObject *done = green_handler_call(self, HOOK_FINALIZE_HEADERS, NULL);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    } else if (response_finalize(self, total) < 0) {
        return -1;
    }
    if ((self->response_headers != NULL || self->status != NULL) && response_rebuild(self) < 0) {
        return -1;
    }
    if (self->overrides != 0) {
        /* The text is given up once it is sent, but a hook, such as log_request, may ask for the
           fields after that. */
        PyObject *kept = green_response_get_headers(self);
        if (kept == NULL) {
            return -1;
        }
        Py_DECREF(kept);
    }
    return green_buffer_append(&self->out, "\r\n", 2);
}

/* ---- the body ---- */

/* Take the head out of the handler to send it, so that it stays whatever other greenlets do to the
   handler meanwhile. The caller drops it. */
static green_buffer
response_take_head(HandlerObject *self)
{
    green_buffer head = self->out;
    self->out = (green_buffer){0};
    self->headers_sent = true;
    return head;
}

static int
response_send(HandlerObject *self, struct iovec *vector, int count)
{
    for (int i = 0; i < count; i++) {
        self->response_length += (Py_ssize_t)vector[i].iov_len;
    }
    if (green_handler_overrides(self, HOOK_SENDALL)) {
        for (int i = 0; i < count; i++) {
            PyObject *bytes =
                PyBytes_FromStringAndSize(vector[i].iov_base, (Py_ssize_t)vector[i].iov_len);
            PyObject *done = bytes == NULL ? NULL : green_handler_call(self, HOOK_SENDALL, bytes);
            Py_XDECREF(bytes);
            if (done == NULL) {
                return -1;
            }
            Py_DECREF(done);
        }
        return 0;
    }
    return green_transport_send(self, vector, count);
}

/* Send the head, if it has not been sent, and `size` bytes of the body, as a chunk if the body goes
   in chunks. `total` is response_finalize's. Returns 0, or -1 with an exception. */
static int
response_send_part(HandlerObject *self, Py_ssize_t total, const void *data, size_t size)
{
    struct iovec vector[4];
    char line[24];
    int count = 0;
    green_buffer head = {0};
    bool sends = size > 0 && !self->head.is_head;
    if (!self->headers_sent) {
        if (response_make_head(self, total) < 0) {
            return -1;
        }
        if (sends && size <= COPIED_SIZE && !self->response_use_chunked) {
            /* It is cheaper to copy the body and send one piece than to send two. */
            if (green_buffer_append(&self->out, data, size) < 0) {
                return -1;
            }
            self->body_sent += (Py_ssize_t)size;
            sends = false;
        }
        head = response_take_head(self);
        vector[count++] = (struct iovec){green_buffer_start(&head), green_buffer_count(&head)};
    }
    if (sends && self->response_use_chunked) {
        int length = snprintf(line, sizeof(line), "%zx\r\n", size);
        vector[count++] = (struct iovec){line, (size_t)length};
    }
    if (sends) {
        vector[count++] = (struct iovec){(void *)data, size};
        self->body_sent += (Py_ssize_t)size;
    }
    if (sends && self->response_use_chunked) {
        vector[count++] = (struct iovec){"\r\n", 2};
    }
    int result = count == 0 ? 0 : response_send(self, vector, count);
    green_buffer_drop(&head);
    return result;
}

static int
response_check_part(HandlerObject *self, Py_ssize_t size)
{
    if (!response_started(self)) {
        return response_error_text(self, "The application did not call start_response()");
    }
    if (size > 0 && (self->code == 304 || self->code == 204)) {
        return response_error(
            self, PyUnicode_FromFormat("The %d response must have no body", self->code));
    }
    if (self->length_kind == GREEN_LENGTH_GIVEN && !self->head.is_head &&
        size > self->given_length - self->body_sent) {
        return response_error_text(self, "The response is longer than its Content-Length");
    }
    return 0;
}

static int
response_write_total(HandlerObject *self, PyObject *data, Py_ssize_t total)
{
    if (self->handed_over) {
        return 0;
    }
    /* An answer that must not have a body is refused for that first, and then for a body of a wrong
       type. */
    Py_ssize_t length = PyObject_Length(data);
    if (length < 0) {
        PyErr_Clear();
    }
    Py_buffer view;
    if (response_check_part(self, length) < 0 || response_buffer(data, &view) < 0) {
        return -1;
    }
    int result = 0;
    if (view.len > 0 || !self->headers_sent) {
        result = response_check_part(self, view.len) < 0
                     ? -1
                     : response_send_part(self, total, view.buf, (size_t)view.len);
    }
    PyBuffer_Release(&view);
    return result;
}

int
green_response_write(HandlerObject *self, PyObject *data)
{
    Py_ssize_t total = self->headers_sent ? -1 : response_total(self);
    return total == -2 ? -1 : response_write_total(self, data, total);
}

static int
response_write_hooked(HandlerObject *self, PyObject *data)
{
    if (!green_handler_overrides(self, HOOK_WRITE)) {
        return green_response_write(self, data);
    }
    PyObject *done = green_handler_call(self, HOOK_WRITE, data);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
response_write_empty(HandlerObject *self)
{
    PyObject *nothing = PyBytes_FromStringAndSize(NULL, 0);
    int result = nothing == NULL ? -1 : response_write_hooked(self, nothing);
    Py_XDECREF(nothing);
    return result;
}

/* ---- the result ---- */

/* Check that a body of `total` bytes, all of which follow, is what the head will say. Returns 0, or
   -1 with an exception. */
static int
response_check_whole(HandlerObject *self, Py_ssize_t total)
{
    if (response_check_part(self, total) < 0) {
        return -1;
    }
    if (self->length_kind == GREEN_LENGTH_GIVEN && total != self->given_length &&
        !self->head.is_head) {
        return response_error_text(self, "The response is shorter than its Content-Length");
    }
    return 0;
}

/* Send head and body together: the body is all there, in the tuple `items`. */
static int
response_send_items(HandlerObject *self, PyObject *items)
{
    Py_buffer views[VECTORS];
    struct iovec vector[VECTORS];
    Py_ssize_t total = 0;
    int count = 1, result = -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); i++) {
        if (response_buffer(PyTuple_GET_ITEM(items, i), &views[count]) < 0) {
            goto done;
        }
        vector[count] = (struct iovec){views[count].buf, (size_t)views[count].len};
        total += views[count].len;
        count++;
    }
    if (response_check_whole(self, total) < 0 || response_make_head(self, total) < 0) {
        goto done;
    }
    green_buffer head = response_take_head(self);
    vector[0] = (struct iovec){green_buffer_start(&head), green_buffer_count(&head)};
    if (!self->head.is_head) {
        self->body_sent += total;
    }
    result = response_send(self, vector, self->head.is_head ? 1 : count);
    green_buffer_drop(&head);
done:
    while (--count > 0) {
        PyBuffer_Release(&views[count]);
    }
    return result;
}

/* Send head and body together. Returns 1; 0 if the result has too many parts for that; -1 with an
   exception. */
static int
response_send_whole(HandlerObject *self, PyObject *result)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(result);
    int sent;
    if (size == 1 && PyBytes_CheckExact(PySequence_Fast_GET_ITEM(result, 0))) {
        /* The usual case does without a Py_buffer. */
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(result, 0));
        Py_ssize_t total = PyBytes_GET_SIZE(item);
        sent = response_check_whole(self, total) < 0
                   ? -1
                   : response_send_part(self, total, PyBytes_AS_STRING(item), (size_t)total);
        Py_DECREF(item);
    } else {
        PyObject *items = PySequence_Tuple(result);
        if (items != NULL && PyTuple_GET_SIZE(items) >= VECTORS - 1) {
            Py_DECREF(items);
            return 0;
        }
        sent = items == NULL ? -1 : response_send_items(self, items);
        Py_XDECREF(items);
    }
    return sent < 0 ? -1 : 1;
}

/* Send the parts of the result as they come. For a HEAD request this stops once the head was
   sent. */
static int
response_send_iterated(HandlerObject *self, PyObject *result)
{
    PyObject *items = PyObject_GetIter(result);
    if (items == NULL) {
        return -1;
    }
    PyObject *item;
    int written = 0;
    while (written == 0 && (item = PyIter_Next(items)) != NULL) {
        int any = PyObject_IsTrue(item);
        written = any < 0 ? -1 : any ? response_write_hooked(self, item) : 0;
        Py_DECREF(item);
        if (self->head.is_head && self->headers_sent) {
            break;
        }
    }
    Py_DECREF(items);
    return written < 0 || PyErr_Occurred() ? -1 : 0;
}

/* Send a result that is a file, if the kernel can copy that to the socket. Returns 1; 0 if it
   can't; -1 with an exception. */
static int
response_send_file(HandlerObject *self, PyObject *result)
{
    int fd;
    Py_ssize_t offset, count;
    if (!PyObject_TypeCheck(result, FileWrapper_Type) || self->plain == NULL ||
        !response_started(self) || self->headers_sent || code_is_bodiless(self->code) ||
        self->own_encoding || green_handler_overrides(self, HOOK_WRITE) ||
        green_handler_overrides(self, HOOK_SENDALL)) {
        return 0;
    }
    int found = green_filewrapper_find((FileWrapperObject *)result, &fd, &offset, &count);
    if (found <= 0) {
        return found;
    }
    if (self->length_kind == GREEN_LENGTH_GIVEN && count > self->given_length) {
        count = self->given_length;
    }
    if (response_make_head(self, count) < 0) {
        return -1;
    }
    green_buffer head = response_take_head(self);
    Py_ssize_t sent =
        green_transport_send_file(self, &head, fd, offset, self->head.is_head ? 0 : count);
    self->response_length += (Py_ssize_t)green_buffer_count(&head) + (sent > 0 ? sent : 0);
    green_buffer_drop(&head);
    self->body_sent += sent > 0 ? sent : 0;
    return sent < 0 ? -1 : 1;
}

static int
response_end(HandlerObject *self)
{
    if (self->handed_over) {
        return 0;
    }
    if (!response_started(self) && !self->headers_sent) {
        PyObject *done = PyObject_CallMethod((PyObject *)self, "_start_was_missed", NULL);
        Py_XDECREF(done);
        return done == NULL ? -1 : 0;
    }
    if (!self->headers_sent && response_write_empty(self) < 0) {
        return -1;
    }
    if (self->response_use_chunked && !self->head.is_head) {
        struct iovec vector = {"0\r\n\r\n", 5};
        return response_send(self, &vector, 1);
    }
    if (self->length_kind == GREEN_LENGTH_GIVEN && self->body_sent < self->given_length &&
        !self->head.is_head && !code_is_bodiless(self->code)) {
        return response_error_text(self, "The response is shorter than its Content-Length");
    }
    return 0;
}

/* Whether nothing was sent and nobody else does the sending, so that the result may go together
   with the head. */
static bool
response_is_untouched(const HandlerObject *self)
{
    return !self->headers_sent && response_started(self) &&
           !green_handler_overrides(self, HOOK_WRITE) && !self->handed_over;
}

static int
response_send_result(HandlerObject *self, PyObject *result)
{
    int sent = response_is_untouched(self) && result_is_whole(result)
                   ? response_send_whole(self, result)
                   : response_send_file(self, result);
    return sent == 0 ? response_send_iterated(self, result) : sent;
}

int
green_response_process(HandlerObject *self)
{
    if (self->result == NULL) {
        return 0;
    }
    PyObject *result = Py_NewRef(self->result); /* the attribute may be set meanwhile */
    int sent = response_send_result(self, result);
    Py_DECREF(result);
    return sent < 0 ? -1 : response_end(self);
}

/* ---- methods ---- */

PyDoc_STRVAR(start_response_doc,
             "start_response($self, status, headers, exc_info=None)\n--\n\n"
             "Begin the answer, as PEP 3333 has it; return write().\n\n"
             "Raises UnicodeError for what is no Latin-1 str, ValueError for what can't be in a\n"
             "head, ApplicationError for what contradicts the status.");

static PyObject *
response_start_method(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs >= 2 && nargs <= 3 && kwnames == NULL) {
        return green_response_start((HandlerObject *)op, args[0], args[1],
                                    nargs == 3 ? args[2] : NULL);
    }
    static const char *const names[] = {"status", "headers", "exc_info"};
    PyObject *values[3] = {NULL, NULL, NULL};
    for (Py_ssize_t i = 0; i < nargs && i < 3; i++) {
        values[i] = args[i];
    }
    for (Py_ssize_t i = 0; kwnames != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        int known = 0;
        while (known < 3 &&
               PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), names[known]) != 0) {
            known++;
        }
        if (known == 3 || values[known] != NULL) {
            return PyErr_Format(PyExc_TypeError, "start_response() got an unexpected argument %R",
                                PyTuple_GET_ITEM(kwnames, i));
        }
        values[known] = args[nargs + i];
    }
    if (nargs > 3 || values[0] == NULL || values[1] == NULL) {
        PyErr_SetString(PyExc_TypeError, "start_response() takes a status and a list of headers");
        return NULL;
    }
    return green_response_start((HandlerObject *)op, values[0], values[1], values[2]);
}

PyDoc_STRVAR(write_doc, "write($self, data, /)\n--\n\n"
                        "Send the head, unless it was sent, and then `data`.");

static PyObject *
response_write_method(PyObject *op, PyObject *data)
{
    if (green_response_write((HandlerObject *)op, data) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(finalize_doc,
             "finalize_headers($self, /)\n--\n\n"
             "Add what the application has left out to `response_headers`: Connection, "
             "Date, Content-Length or Transfer-Encoding.");

static PyObject *
response_finalize_method(PyObject *op, PyObject *Py_UNUSED(unused))
{
    HandlerObject *self = (HandlerObject *)op;
    Py_ssize_t total = response_total(self);
    if (total == -2 || response_finalize(self, total) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(process_doc, "process_result($self, /)\n--\n\nSend what `result` has in it.");

static PyObject *
response_process_method(PyObject *op, PyObject *Py_UNUSED(unused))
{
    if (green_response_process((HandlerObject *)op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(sendall_doc, "_sendall($self, data, /)\n--\n\nSend bytes as they are.");

static PyObject *
response_sendall_method(PyObject *op, PyObject *data)
{
    HandlerObject *self = (HandlerObject *)op;
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    int result = green_transport_send_bytes(self, view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    if (result < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyMethodDef green_response_methods[] = {
    {"start_response", (PyCFunction)(void (*)(void))response_start_method,
     METH_FASTCALL | METH_KEYWORDS, start_response_doc},
    {"write", response_write_method, METH_O, write_doc},
    {"_write", response_write_method, METH_O, write_doc},
    {"_write_with_headers", response_write_method, METH_O, write_doc},
    {"finalize_headers", response_finalize_method, METH_NOARGS, finalize_doc},
    {"process_result", response_process_method, METH_NOARGS, process_doc},
    {"_sendall", response_sendall_method, METH_O, sendall_doc},
    {NULL, NULL, 0, NULL},
};
