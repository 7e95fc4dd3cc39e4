#include "http/service.h"

#include <math.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "hub/hub.h"

PyTypeObject *Service_Type;

/* ---- the idle ---- */

static void
idle_end(green_idle *idle)
{
    green_list_remove(&idle->link);
    idle->ended = true;
    green_file_cancel(idle->file, GREEN_READ, green_exc_cancel_wait);
}

static green_idle *
service_first(ServiceObject *self)
{
    return green_list_empty(&self->idle) ? NULL
                                         : GREEN_CONTAINER(self->idle.next, green_idle, link);
}

static void
service_expired(green_timer *timer)
{
    ServiceObject *self = GREEN_CONTAINER(timer, ServiceObject, timer);
    uint64_t now = green_time_now();
    green_idle *idle;
    while ((idle = service_first(self)) != NULL && idle->deadline <= now) {
        idle_end(idle);
    }
    if (idle != NULL) {
        green_loop_start_timer(self->loop, timer, idle->deadline);
    }
}

int
green_service_idle(ServiceObject *self, green_idle *idle, green_file *file)
{
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return -1;
    }
    idle->file = file;
    idle->ended = false;
    if (self->stopping) {
        idle->ended = true;
        return 0;
    }
    green_list_append(&self->idle, &idle->link);
    if (self->keepalive_timeout < 0) {
        idle->deadline = UINT64_MAX;
        return 0;
    }
    idle->deadline = green_loop_polled(hub->loop) + (uint64_t)(self->keepalive_timeout * 1e9);
    if (self->loop != hub->loop) {
        if (self->loop != NULL) {
            green_loop_stop_timer(self->loop, &self->timer);
        }
        Py_INCREF(hub->loop);
        Py_XSETREF(self->loop, hub->loop);
    }
    if (!green_timer_active(&self->timer)) {
        green_loop_start_timer(self->loop, &self->timer, idle->deadline);
    }
    return 0;
}

PyDoc_STRVAR(close_idle_doc, "close_idle($self, count=-1, /)\n--\n\n"
                             "Close the `count` connections that have waited longest for a "
                             "request; -1: all.");

static PyObject *
service_close_idle(PyObject *op, PyObject *args)
{
    ServiceObject *self = (ServiceObject *)op;
    Py_ssize_t count = -1;
    if (!PyArg_ParseTuple(args, "|n:close_idle", &count)) {
        return NULL;
    }
    green_idle *idle;
    while (count-- != 0 && (idle = service_first(self)) != NULL) {
        idle_end(idle);
    }
    Py_RETURN_NONE;
}

static PyObject *
service_get_idle(PyObject *op, void *Py_UNUSED(closure))
{
    Py_ssize_t count = 0;
    const green_link *list = &((ServiceObject *)op)->idle;
    for (const green_link *link = list->next; link != list; link = link->next) {
        count++;
    }
    return PyLong_FromSsize_t(count);
}

/* ---- seconds: None is for ever ---- */

static PyObject *
service_get_seconds(PyObject *op, void *closure)
{
    double seconds = *(double *)((char *)op + (size_t)closure);
    if (seconds < 0) {
        Py_RETURN_NONE;
    }
    return PyFloat_FromDouble(seconds);
}

static int
service_set_seconds(PyObject *op, PyObject *value, void *closure)
{
    double seconds = -1;
    if (value != NULL && value != Py_None) {
        seconds = PyFloat_AsDouble(value);
        if (seconds == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (!(seconds >= 0)) {
            PyErr_SetString(PyExc_ValueError, "a time-out must be a number of seconds, or None");
            return -1;
        }
        if (seconds > 1e9) {
            seconds = -1; /* as good as for ever */
        }
    }
    *(double *)((char *)op + (size_t)closure) = seconds;
    return 0;
}

/* ---- the rate: None is none ---- */

static PyObject *
service_get_rate(PyObject *op, void *Py_UNUSED(closure))
{
    double rate = ((ServiceObject *)op)->min_rate;
    return rate == 0 ? Py_NewRef(Py_None) : PyFloat_FromDouble(rate);
}

static int
service_set_rate(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    double rate = 0;
    if (value != NULL && value != Py_None) {
        rate = PyFloat_AsDouble(value);
        if (rate == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (!(rate >= 0)) {
            PyErr_SetString(PyExc_ValueError, "a rate must be a number of bytes a second, or None");
            return -1;
        }
    }
    ((ServiceObject *)op)->min_rate = rate;
    return 0;
}

/* ---- bounds: None is no bound ---- */

static PyObject *
service_get_bound(PyObject *op, void *closure)
{
    Py_ssize_t bound = *(Py_ssize_t *)((char *)op + (size_t)closure);
    if (bound == PY_SSIZE_T_MAX) {
        Py_RETURN_NONE;
    }
    return PyLong_FromSsize_t(bound);
}

static int
service_set_bound(PyObject *op, PyObject *value, void *closure)
{
    Py_ssize_t bound = PY_SSIZE_T_MAX;
    if (value != NULL && value != Py_None) {
        bound = PyNumber_AsSsize_t(value, PyExc_OverflowError);
        if (bound == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (bound < 0) {
            PyErr_SetString(PyExc_ValueError, "a bound can't be negative");
            return -1;
        }
    }
    *(Py_ssize_t *)((char *)op + (size_t)closure) = bound;
    return 0;
}

#define SECONDS(name, doc)                                                                         \
    {                                                                                              \
#name, service_get_seconds, service_set_seconds, doc,                                      \
            (void *)offsetof(ServiceObject, name)                                                  \
    }
#define BOUND(name, doc)                                                                           \
    {                                                                                              \
#name, service_get_bound, service_set_bound, doc, (void *)offsetof(ServiceObject, name)    \
    }

static PyGetSetDef service_getset[] = {
    SECONDS(header_timeout, "Seconds for a request's head to come, from its first byte on."),
    SECONDS(body_timeout, "Seconds to wait for more of a body."),
    SECONDS(write_timeout, "Seconds to wait until the client takes more of an answer."),
    SECONDS(keepalive_timeout, "Seconds to wait for a request."),
    SECONDS(request_timeout, "Seconds for a whole request; then the application gets a Timeout."),
    SECONDS(linger_timeout, "Seconds to let a client go on sending when the connection is closed."),
    BOUND(max_request_line, "Bytes of a request's first line."),
    BOUND(max_header_bytes, "Bytes of all header fields of a request."),
    BOUND(max_headers, "Number of header fields of a request."),
    BOUND(max_chunk_line, "Bytes of a chunk's first line, with its extensions."),
    BOUND(max_trailer_bytes, "Bytes behind the last chunk."),
    BOUND(max_body, "Bytes of a body."),
    BOUND(max_discard,
          "Bytes of a body that are read in the place of an application that left them."),
    {"min_rate", service_get_rate, service_set_rate,
     "Bytes a second that a client must send of a body, and take of an answer, on average.", NULL},
    {"idle", service_get_idle, NULL, "How many connections wait for a request.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define FLAG(name, doc)                                                                            \
    {                                                                                              \
#name, T_BOOL, offsetof(ServiceObject, name), 0, PyDoc_STR(doc)                            \
    }

static PyMemberDef service_members[] = {
    FLAG(lenient_missing_host, "Whether a request of HTTP/1.1 may lack Host."),
    FLAG(lenient_folding, "Whether a header line may go on in the next one."),
    FLAG(lenient_length_beside_chunked,
         "Whether Content-Length may stand beside chunks; they count."),
    FLAG(lenient_chunk_extensions, "Whether anything may be in a chunk's extensions."),
    FLAG(watches, "Whether it is noticed that a client goes away."),
    FLAG(stopping, "Whether answers ask clients to close."),
    {"requests", T_ULONGLONG, offsetof(ServiceObject, requests), READONLY,
     PyDoc_STR("How many requests there were.")},
    {"refused", T_ULONGLONG, offsetof(ServiceObject, refused), READONLY,
     PyDoc_STR("How many of them were invalid.")},
    {"connections", T_PYSSIZET, offsetof(ServiceObject, connections), READONLY,
     PyDoc_STR("How many connections are open.")},
    {"active", T_PYSSIZET, offsetof(ServiceObject, active), READONLY,
     PyDoc_STR("How many of them are at a request.")},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef service_methods[] = {
    {"close_idle", service_close_idle, METH_VARARGS, close_idle_doc},
    {NULL, NULL, 0, NULL},
};

static PyObject *
service_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    ServiceObject *self = (ServiceObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->max_request_line = 8192;
    self->max_header_bytes = 64 * 1024;
    self->max_headers = 100;
    self->max_chunk_line = 1024;
    self->max_trailer_bytes = 8192;
    self->max_body = PY_SSIZE_T_MAX;
    self->max_discard = 1024 * 1024;
    self->header_timeout = 20;
    self->body_timeout = 30;
    self->write_timeout = 60;
    self->keepalive_timeout = 60;
    self->request_timeout = -1;
    self->linger_timeout = 2;
    self->min_rate = 256;
    green_list_init(&self->idle);
    green_timer_init(&self->timer, service_expired, true);
    self->timer.ref = false;
    return (PyObject *)self;
}

static void
service_dealloc(PyObject *op)
{
    ServiceObject *self = (ServiceObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    if (self->loop != NULL) {
        green_loop_stop_timer(self->loop, &self->timer);
        Py_DECREF(self->loop);
    }
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot service_slots[] = {
    {Py_tp_doc, "Service()\n--\n\nWhat the connections of one WSGI server share."},
    {Py_tp_new, service_new},
    {Py_tp_dealloc, service_dealloc},
    {Py_tp_getset, service_getset},
    {Py_tp_members, service_members},
    {Py_tp_methods, service_methods},
    {0, NULL},
};

static PyType_Spec service_spec = {
    .name = "greencore._core.Service",
    .basicsize = sizeof(ServiceObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = service_slots,
};

int
green_service_exec(PyObject *module)
{
    Service_Type = (PyTypeObject *)green_type_new(NULL, &service_spec, NULL);
    return Service_Type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "Service", (PyObject *)Service_Type);
}
