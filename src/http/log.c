/* Writes the log line of a request. */
#include "http/handler.h"

#include "http/date.h"

/* Returns the client's host as a str, or whatever its address is. New reference. */
static PyObject *
log_client(const HandlerObject *self)
{
    PyObject *address = self->client_address;
    if (PyTuple_Check(address) && PyTuple_GET_SIZE(address) > 0) {
        address = PyTuple_GET_ITEM(address, 0);
    }
    return PyObject_Str(address);
}

/* Returns the first word of the status, as it is now. New reference. */
static PyObject *
log_status(const HandlerObject *self)
{
    PyObject *status = Py_XNewRef(self->status != NULL ? self->status : self->orig_status);
    PyObject *text = NULL;
    if (status == NULL) {
        return PyUnicode_FromString("000");
    }
    if (PyBytes_Check(status)) {
        text = PyUnicode_FromEncodedObject(status, "latin-1", NULL);
    } else {
        text = PyObject_Str(status);
    }
    Py_DECREF(status);
    Py_ssize_t length = text == NULL ? 0 : PyUnicode_GET_LENGTH(text);
    Py_ssize_t space = text == NULL ? -1 : PyUnicode_FindChar(text, ' ', 0, length, 1);
    if (space >= 0) {
        green_handler_set(&text, PyUnicode_Substring(text, 0, space));
    }
    return text;
}

PyObject *
green_log_format(HandlerObject *self)
{
    char length[24] = "-", seconds[32] = "-";
    if (self->response_length > 0) {
        snprintf(length, sizeof(length), "%zd", self->response_length);
    }
    if (self->time_finish > 0) {
        snprintf(seconds, sizeof(seconds), "%.6f", self->time_finish - self->time_start);
    }
    PyObject *client = log_client(self), *text = NULL;
    PyObject *status = client == NULL ? NULL : log_status(self);
    PyObject *line =
        status == NULL ? NULL : PyObject_GetAttrString((PyObject *)self, "requestline");
    if (line != NULL) {
        text = PyUnicode_FromFormat("%U - - [%s] \"%S\" %U %s %s", client, green_date_local(), line,
                                    status, length, seconds);
    }
    Py_XDECREF(client);
    Py_XDECREF(status);
    Py_XDECREF(line);
    return text;
}

int
green_log_request(HandlerObject *self)
{
    PyObject *text = green_handler_overrides(self, HOOK_FORMAT_REQUEST)
                         ? green_handler_call(self, HOOK_FORMAT_REQUEST, NULL)
                         : green_log_format(self);
    PyObject *line = text == NULL ? NULL : PyUnicode_FromFormat("%S\n", text);
    PyObject *log = line == NULL ? NULL : PyObject_GetAttrString(self->server, "log");
    PyObject *done = log == NULL ? NULL : PyObject_CallMethod(log, "write", "O", line);
    Py_XDECREF(text);
    Py_XDECREF(line);
    Py_XDECREF(log);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
