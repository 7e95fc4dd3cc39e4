/* The life of a connection, which serves request after request. A subclass may override each step
   of that. */
#include "http/handler.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "greenlet/error.h"
#include "http/date.h"
#include "http/request.h"

/* ---- refusing ---- */

/* Send the bytes of a whole answer, unless a head was sent, and let the connection end. `pair` is
   (status line, bytes). Returns 0, or -1 with an exception. */
static int
connection_send_pair(HandlerObject *self, PyObject *pair)
{
    PyObject *status;
    Py_buffer body;
    if (!PyArg_ParseTuple(pair, "Oy*", &status, &body)) {
        return -1;
    }
    green_handler_set(&self->status, Py_NewRef(status));
    int result =
        self->headers_sent ? 0 : green_transport_send_bytes(self, body.buf, (size_t)body.len);
    self->headers_sent = true;
    self->close_connection = true;
    PyBuffer_Release(&body);
    return result;
}

/* Refuse a request, and tell the client why: the current exception says so. Returns 0, or -1 with
   an exception. */
static int
connection_refuse(HandlerObject *self)
{
    PyObject *error = green_error_take();
    self->service->refused++;
    self->lingers = true;
    PyObject *pair = PyObject_CallMethod((PyObject *)self, "_handle_client_error", "O", error);
    Py_XDECREF(error);
    int result = pair == NULL ? -1 : connection_send_pair(self, pair);
    Py_XDECREF(pair);
    return result;
}

/* ---- the application ---- */

static int
connection_call_application(HandlerObject *self)
{
    static PyObject *name;
    if (name == NULL && (name = PyUnicode_InternFromString("start_response")) == NULL) {
        return -1;
    }
    PyObject *start = PyObject_GetAttr((PyObject *)self, name);
    if (start == NULL) {
        return -1;
    }
    /* The call may set either attribute, so both are owned here. Without a request there is
       neither. */
    PyObject *environ = Py_NewRef(self->environ == NULL ? Py_None : self->environ);
    PyObject *application = Py_NewRef(self->application == NULL ? Py_None : self->application);
    PyObject *args[] = {NULL, environ, start};
    PyObject *result =
        PyObject_Vectorcall(application, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(application);
    Py_DECREF(environ);
    Py_DECREF(start);
    if (result == NULL) {
        return -1;
    }
    green_handler_set(&self->result, result);
    return 0;
}

/* End a clean-up that returned `done` (stolen; NULL: it raised an exception). If an exception was
   saved in `raised` (stolen, or NULL) before the clean-up, that one goes on, in place of the
   clean-up's own. Returns 0, or -1 with an exception. */
static int
connection_cleaned_up(PyObject *done, PyObject *raised)
{
    Py_XDECREF(done);
    if (raised != NULL) {
        PyErr_Clear();
        green_error_raise(raised);
        return -1;
    }
    return done == NULL ? -1 : 0;
}

/* Call the result's close(), if there is one; lists and tuples have none. Keeps the current
   exception. Returns 0, or -1 with an exception. */
static int
connection_close_result(HandlerObject *self)
{
    PyObject *result = self->result;
    if (result == NULL || PyList_CheckExact(result) || PyTuple_CheckExact(result)) {
        return 0;
    }
    PyObject *raised = green_error_take();
    Py_INCREF(result); /* close() may set the attribute */
    PyObject *close = PyObject_GetAttrString(result, "close");
    PyObject *done = NULL;
    if (close == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Clear();
            done = Py_NewRef(Py_None);
        }
    } else {
        done = PyObject_CallNoArgs(close);
    }
    Py_DECREF(result);
    Py_XDECREF(close);
    return connection_cleaned_up(done, raised);
}

static int
connection_call_hook(HandlerObject *self, green_hook_id hook)
{
    PyObject *done = green_handler_call(self, hook, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
connection_run_application(HandlerObject *self)
{
    int result = connection_call_application(self);
    if (result == 0 && !self->handed_over) {
        result = green_handler_overrides(self, HOOK_PROCESS_RESULT)
                     ? connection_call_hook(self, HOOK_PROCESS_RESULT)
                     : green_response_process(self);
    }
    return connection_close_result(self) < 0 ? -1 : result;
}

/* ---- after the application ---- */

/* Read what the application has left of the body, unless the connection ends anyway. Returns 0, or
   -1 with an exception. */
static int
connection_discard(HandlerObject *self)
{
    if (self->wsgi_input == NULL || !Py_IS_TYPE(self->wsgi_input, Input_Type)) {
        return 0;
    }
    InputObject *input = (InputObject *)self->wsgi_input;
    if (input->body.done || self->close_connection) {
        return 0;
    }
    Py_INCREF(input); /* the attribute may be set while the client is waited for */
    int result = green_input_discard(input, (size_t)self->service->max_discard);
    Py_DECREF(input);
    if (result <= 0) {
        self->close_connection = true;
    }
    if (result < 0 && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear(); /* the answer was sent, and the connection ends */
        return 0;
    }
    return result < 0 ? -1 : 0;
}

/* Whether `error` only says that the connection broke or that the client was too slow, for which
   nobody here is to blame. -1 with an exception. */
static int
connection_is_broken(HandlerObject *self, PyObject *error)
{
    if (PyObject_TypeCheck(error, (PyTypeObject *)PyExc_TimeoutError)) {
        return 1;
    }
    if (!PyObject_TypeCheck(error, (PyTypeObject *)PyExc_OSError)) {
        return 0;
    }
    PyObject *number = PyObject_GetAttrString(error, "errno");
    PyObject *ignored =
        number == NULL ? NULL : PyObject_GetAttrString((PyObject *)self, "ignored_socket_errors");
    int result = ignored == NULL ? -1 : PySequence_Contains(ignored, number);
    Py_XDECREF(number);
    Py_XDECREF(ignored);
    return result;
}

/* Refuse the request if `error`, which the application let through, says that the body was sent
   wrongly or not in time. Returns 1 if it says so, 0 if not, -1 with an exception. */
static int
connection_body_failed(HandlerObject *self, PyObject *error)
{
    green_refusal refusal = {0};
    if (self->wsgi_input != NULL && Py_IS_TYPE(self->wsgi_input, Input_Type)) {
        refusal = ((InputObject *)self->wsgi_input)->body.refusal;
    }
    if (PyObject_TypeCheck(error, (PyTypeObject *)green_exc_InvalidClientInput)) {
        if (refusal.status == 0) {
            refusal = (green_refusal){400, "Invalid request body"}; /* somebody else raised it */
        }
    } else if (refusal.status == 0 || !PyObject_TypeCheck(error, (PyTypeObject *)PyExc_OSError)) {
        return 0;
    }
    self->close_connection = true;
    if (self->headers_sent) {
        return 1;
    }
    green_request_raise(refusal, NULL);
    return connection_refuse(self) < 0 ? -1 : 1;
}

/* Deal with the current exception, which the application or the sending of its answer has raised.
   Returns 0, or -1 with an exception that this has raised in turn. */
static int
connection_failed(HandlerObject *self)
{
    PyObject *error = green_error_take();
    int done = connection_body_failed(self, error);
    if (done == 0) {
        done = self->aborted ? connection_is_broken(self, error) : 0;
        self->close_connection = self->close_connection || done > 0;
    }
    if (done == 0) {
        PyObject *traceback = PyException_GetTraceback(error);
        PyObject *handled =
            PyObject_CallMethod((PyObject *)self, "handle_error", "OOO", Py_TYPE(error), error,
                                traceback == NULL ? Py_None : traceback);
        Py_XDECREF(traceback);
        done = handled == NULL ? -1 : 0;
        Py_XDECREF(handled);
        self->close_connection = true;
    }
    Py_DECREF(error);
    return done < 0 ? -1 : 0;
}

static int
connection_log(HandlerObject *self)
{
    if (self->logs || self->overrides != 0) {
        self->time_finish = green_date_clock();
        if (green_handler_overrides(self, HOOK_LOG_REQUEST)) {
            return connection_call_hook(self, HOOK_LOG_REQUEST);
        }
        return green_log_request(self);
    }
    return 0;
}

/* The application is done with the request, so the upgrade that was offered to it ends, whether it
   took the connection over or not. With a negative `result` there is a current exception, which
   goes on. Returns 0, or -1 with an exception. */
static int
connection_finish_upgrade(HandlerObject *self, int result)
{
    PyObject *upgrade = self->upgrade;
    self->upgrade = NULL;
    PyObject *raised = green_error_take();
    PyObject *done = PyObject_CallMethod(upgrade, "finish", "O", result < 0 ? Py_True : Py_False);
    Py_DECREF(upgrade);
    return connection_cleaned_up(done, raised);
}

/* Run the application by the method _run_guarded(), which limits the time of the whole request and
   watches the client. */
static int
connection_run_guarded(HandlerObject *self)
{
    PyObject *done = PyObject_CallMethod((PyObject *)self, "_run_guarded", NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
connection_handle_response(HandlerObject *self)
{
    if (self->logs || self->overrides != 0) {
        self->time_start = green_date_clock();
        self->time_finish = 0;
    }
    const ServiceObject *service = self->service;
    int result = service->request_timeout >= 0 || service->watches ? connection_run_guarded(self)
                 : green_handler_overrides(self, HOOK_RUN_APPLICATION)
                     ? connection_call_hook(self, HOOK_RUN_APPLICATION)
                     : connection_run_application(self);
    if (self->upgrade != NULL) {
        result = connection_finish_upgrade(self, result);
    }
    if (result == 0) {
        result = connection_discard(self);
    }
    if (result < 0) {
        result = connection_failed(self);
    }
    PyObject *raised = green_error_take();
    if (connection_log(self) < 0) {
        Py_XDECREF(raised);
        return -1;
    }
    green_error_raise(raised);
    return result;
}

/* Whether a greenlet waits for more of the request's body. */
static bool
connection_input_is_read(const HandlerObject *self)
{
    return self->wsgi_input != NULL && Py_IS_TYPE(self->wsgi_input, Input_Type) &&
           ((InputObject *)self->wsgi_input)->reading;
}

/* Let go of the request. Who has kept its environ can't use the connection through that any
   more. */
static void
connection_end_request(HandlerObject *self)
{
    if (self->wsgi_input != NULL && Py_IS_TYPE(self->wsgi_input, Input_Type)) {
        InputObject *input = (InputObject *)self->wsgi_input;
        self->lingers = self->lingers || !input->body.done;
        if (connection_input_is_read(self)) {
            green_transport_close(self); /* else that greenlet would read on into what follows */
        }
        green_input_detach(input);
    }
    Py_CLEAR(self->wsgi_input);
    Py_CLEAR(self->environ);
    Py_CLEAR(self->result);
    Py_CLEAR(self->upgrade);
}

/* ---- one request ---- */

/* Have server.upgrade(), if there is one, put what it offers (a WebSocket) into the environ.
   Returns 0, or -1 with an exception. */
static int
connection_offer_upgrade(HandlerObject *self)
{
    PyObject *upgrade = PyObject_GetAttrString(self->server, "upgrade");
    if (upgrade == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    PyObject *environ = Py_NewRef(self->environ);
    PyObject *offered = upgrade == Py_None
                            ? Py_NewRef(Py_None)
                            : PyObject_CallFunctionObjArgs(upgrade, self, environ, NULL);
    Py_DECREF(upgrade);
    Py_DECREF(environ);
    if (offered == Py_None) {
        Py_CLEAR(offered);
    } else if (offered == NULL) {
        return -1;
    }
    green_handler_set(&self->upgrade, offered);
    return 0;
}

/* Read a request by the methods read_requestline() and read_request(), at least one of which a
   subclass has overridden. */
static green_step
connection_read_hooked(HandlerObject *self)
{
    PyObject *line = green_handler_call(self, HOOK_READ_REQUESTLINE, NULL);
    if (line == NULL) {
        return GREEN_STEP_FAILED;
    }
    int any = PyObject_IsTrue(line);
    if (any <= 0) {
        Py_DECREF(line);
        return any < 0 ? GREEN_STEP_FAILED : GREEN_STEP_CLOSE;
    }
    PyObject *done = green_handler_call(self, HOOK_READ_REQUEST, line);
    Py_DECREF(line);
    int good = done == NULL ? -1 : PyObject_IsTrue(done);
    Py_XDECREF(done);
    return good < 0 ? GREEN_STEP_FAILED : good ? GREEN_STEP_ON : GREEN_STEP_CLOSE;
}

static green_step
connection_read(HandlerObject *self)
{
    bool hooked = green_handler_overrides(self, HOOK_READ_REQUESTLINE) ||
                  green_handler_overrides(self, HOOK_READ_REQUEST);
    if (hooked && green_handler_overrides(self, HOOK_READ_REQUESTLINE)) {
        return connection_read_hooked(self);
    }
    int seen = green_request_await(self);
    if (seen <= 0) {
        return seen < 0 ? GREEN_STEP_FAILED : GREEN_STEP_CLOSE;
    }
    return hooked ? connection_read_hooked(self) : green_request_read(self);
}

static void
connection_count(HandlerObject *self, bool at_request)
{
    if (self->at_request != at_request) {
        self->at_request = at_request;
        self->service->active += at_request ? 1 : -1;
    }
}

static int
connection_set_environ(HandlerObject *self)
{
    PyObject *environ = green_handler_overrides(self, HOOK_GET_ENVIRON)
                            ? green_handler_call(self, HOOK_GET_ENVIRON, NULL)
                            : green_request_environ(self);
    if (environ == NULL) {
        return -1;
    }
    green_handler_set(&self->environ, environ);
    static PyObject *name;
    if (name == NULL && (name = PyUnicode_InternFromString("application")) == NULL) {
        return -1;
    }
    PyObject *application = PyObject_GetAttr(self->server, name);
    if (application == NULL) {
        return -1;
    }
    green_handler_set(&self->application, application);
    return self->head.is_upgrade ? connection_offer_upgrade(self) : 0;
}

static green_step
connection_one_request(HandlerObject *self)
{
    green_response_reset(self);
    self->connection_upgraded = false;
    green_step step = connection_read(self);
    if (step == GREEN_STEP_CLOSE) {
        return step;
    }
    connection_count(self, true);
    green_transport_renew(self);
    if (step == GREEN_STEP_FAILED) {
        if (PyErr_ExceptionMatches(green_exc_InvalidClientRequest)) {
            return connection_refuse(self) < 0 ? GREEN_STEP_FAILED : GREEN_STEP_CLOSE;
        }
        return step;
    }
    self->service->requests++;
    int result = connection_set_environ(self);
    if (result == 0) {
        self->connection_upgraded = self->head.is_upgrade;
        result = green_handler_overrides(self, HOOK_HANDLE_ONE_RESPONSE)
                     ? connection_call_hook(self, HOOK_HANDLE_ONE_RESPONSE)
                     : connection_handle_response(self);
    }
    connection_end_request(self);
    connection_count(self, false);
    return result < 0               ? GREEN_STEP_FAILED
           : self->close_connection ? GREEN_STEP_CLOSE
                                    : GREEN_STEP_ON;
}

/* Serve a request by the method handle_one_request() of a subclass. The connection goes on if that
   returns True; a pair is an answer to send before the connection ends. */
static green_step
connection_one_hooked(HandlerObject *self)
{
    PyObject *result = green_handler_call(self, HOOK_HANDLE_ONE_REQUEST, NULL);
    if (result == NULL) {
        return GREEN_STEP_FAILED;
    }
    green_step step = result == Py_True ? GREEN_STEP_ON : GREEN_STEP_CLOSE;
    if (PyTuple_Check(result)) {
        step = connection_send_pair(self, result) < 0 ? GREEN_STEP_FAILED : GREEN_STEP_CLOSE;
    }
    Py_DECREF(result);
    return step;
}

/* ---- the whole life ---- */

static void
connection_set_nodelay(HandlerObject *self)
{
    int one = 1;
    if (self->plain != NULL &&
        (self->plain->family == AF_INET || self->plain->family == AF_INET6)) {
        setsockopt(self->plain->file.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
}

/* Clear the current exception if it only says that the connection is gone. Returns 0 if it does,
   else -1 with that exception. */
static int
connection_forgive(HandlerObject *self)
{
    PyObject *error = green_error_take();
    if (connection_is_broken(self, error) > 0) {
        Py_DECREF(error);
        return 0;
    }
    PyErr_Clear();
    green_error_raise(error);
    return -1;
}

static void
connection_end(HandlerObject *self)
{
    if (!self->handed_over && !PyErr_Occurred() &&
        (self->lingers || green_transport_has_unread(self))) {
        green_transport_linger(self);
    }
    green_transport_close(self);
    connection_end_request(self);
    connection_count(self, false);
    self->service->connections--;
    green_response_reset(self);
    green_buffer_drop(&self->source.buffer);
    green_head_drop(&self->head);
    Py_CLEAR(self->rfile);
    if (self->slot_released) {
        PyObject *raised = green_error_take();
        if (green_request_take_slot(self) < 0) {
            PyErr_Clear();
        }
        green_error_raise(raised);
    }
}

PyDoc_STRVAR(handle_doc, "handle($self, /)\n--\n\n"
                         "Serve the connection: request after request, until one side closes it.");

static PyObject *
connection_handle(PyObject *op, PyObject *Py_UNUSED(unused))
{
    HandlerObject *self = (HandlerObject *)op;
    connection_set_nodelay(self);
    self->service->connections++;
    green_step step = GREEN_STEP_ON;
    bool hooked = green_handler_overrides(self, HOOK_HANDLE_ONE_REQUEST);
    while (step == GREEN_STEP_ON) {
        step = hooked ? connection_one_hooked(self) : connection_one_request(self);
    }
    if (step == GREEN_STEP_FAILED && connection_forgive(self) == 0) {
        step = GREEN_STEP_CLOSE;
    }
    connection_end(self);
    if (step == GREEN_STEP_FAILED || PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- the steps as methods ---- */

PyDoc_STRVAR(
    one_request_doc,
    "handle_one_request($self, /)\n--\n\n"
    "Read a request and answer it. True: there may be another; None: the connection is to\n"
    "be closed.");

static PyObject *
connection_one_request_method(PyObject *op, PyObject *Py_UNUSED(unused))
{
    green_step step = connection_one_request((HandlerObject *)op);
    if (step == GREEN_STEP_FAILED) {
        return NULL;
    }
    return Py_NewRef(step == GREEN_STEP_ON ? Py_True : Py_None);
}

PyDoc_STRVAR(get_environ_doc, "get_environ($self, /)\n--\n\nReturn the request's environ, a dict.");

static PyObject *
connection_get_environ(PyObject *op, PyObject *Py_UNUSED(unused))
{
    return green_request_environ((HandlerObject *)op);
}

PyDoc_STRVAR(one_response_doc, "handle_one_response($self, /)\n--\n\n"
                               "Run the application, send its answer and log the request.");

static PyObject *
connection_one_response(PyObject *op, PyObject *Py_UNUSED(unused))
{
    if (connection_handle_response((HandlerObject *)op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(run_application_doc, "run_application($self, /)\n--\n\n"
                                  "Call the application, send what it returns, and close that.");

static PyObject *
connection_run_method(PyObject *op, PyObject *Py_UNUSED(unused))
{
    if (connection_run_application((HandlerObject *)op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    hand_over_doc,
    "hand_over($self, /)\n--\n\n"
    "Leave the connection to the caller: returns (socket, bytes that were read already).\n\n"
    "From then on the server reads and sends nothing, whatever the application returns; it\n"
    "closes the socket after that. Raises ConcurrentObjectUseError while another greenlet\n"
    "reads the request's body.");

static PyObject *
connection_hand_over(PyObject *op, PyObject *Py_UNUSED(unused))
{
    HandlerObject *self = (HandlerObject *)op;
    if (connection_input_is_read(self)) {
        PyErr_SetString(green_exc_ConcurrentObjectUseError,
                        "the request's body is read by another greenlet");
        return NULL;
    }
    green_buffer *buffer = &self->source.buffer;
    PyObject *bytes =
        PyBytes_FromStringAndSize(buffer->data == NULL ? "" : green_buffer_start(buffer),
                                  (Py_ssize_t)green_buffer_count(buffer));
    if (bytes == NULL) {
        return NULL;
    }
    green_buffer_drop(buffer);
    green_head_drop(&self->head);
    self->handed_over = true;
    self->headers_sent = true;
    self->close_connection = true;
    return Py_BuildValue("(ON)", self->socket, bytes);
}

PyDoc_STRVAR(read_into_doc, "_read_into($self, buffer, /)\n--\n\n"
                            "Receive into a buffer what comes next, bytes read already first; "
                            "returns the number of bytes.");

static PyObject *
connection_read_into(PyObject *op, PyObject *target)
{
    HandlerObject *self = (HandlerObject *)op;
    green_buffer *buffer = &self->source.buffer;
    Py_buffer view;
    if (PyObject_GetBuffer(target, &view, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    size_t count = green_buffer_count(buffer);
    double seconds = self->at_request ? -1 : self->service->keepalive_timeout;
    Py_ssize_t got;
    if (count > 0) {
        got = (size_t)view.len < count ? view.len : (Py_ssize_t)count;
        memcpy(view.buf, green_buffer_start(buffer), (size_t)got);
        buffer->begin += (size_t)got;
        green_head_drop(&self->head); /* the bytes that its offsets mean are gone */
    } else {
        got =
            view.len == 0 ? 0 : green_transport_receive(self, view.buf, (size_t)view.len, &seconds);
    }
    PyBuffer_Release(&view);
    return got < 0 ? NULL : PyLong_FromSsize_t(got);
}

PyDoc_STRVAR(send_answer_doc,
             "_send_answer($self, status, answer, /)\n--\n\n"
             "Send the bytes of a whole answer unless a head was sent, and close the connection.");

static PyObject *
connection_send_answer(PyObject *op, PyObject *args)
{
    if (connection_send_pair((HandlerObject *)op, args) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(log_request_doc, "log_request($self, /)\n--\n\nWrite the request's line to the log.");

static PyObject *
connection_log_request(PyObject *op, PyObject *Py_UNUSED(unused))
{
    if (green_log_request((HandlerObject *)op) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(format_request_doc, "format_request($self, /)\n--\n\nReturn the request's log line.");

static PyObject *
connection_format_request(PyObject *op, PyObject *Py_UNUSED(unused))
{
    return green_log_format((HandlerObject *)op);
}

PyMethodDef green_connection_methods[] = {
    {"handle", connection_handle, METH_NOARGS, handle_doc},
    {"handle_one_request", connection_one_request_method, METH_NOARGS, one_request_doc},
    {"get_environ", connection_get_environ, METH_NOARGS, get_environ_doc},
    {"handle_one_response", connection_one_response, METH_NOARGS, one_response_doc},
    {"run_application", connection_run_method, METH_NOARGS, run_application_doc},
    {"log_request", connection_log_request, METH_NOARGS, log_request_doc},
    {"format_request", connection_format_request, METH_NOARGS, format_request_doc},
    {"hand_over", connection_hand_over, METH_NOARGS, hand_over_doc},
    {"_read_into", connection_read_into, METH_O, read_into_doc},
    {"_send_answer", connection_send_answer, METH_VARARGS, send_answer_doc},
    {NULL, NULL, 0, NULL},
};
