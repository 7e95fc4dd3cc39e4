#include "http/handler.h"

#include <structmember.h>
#include "greenlet/type.h"
#include "http/body.h"
#include "http/environ.h"
#include "http/request.h"

PyTypeObject *Handler_Type;

const char *const green_hook_names[HOOKS] = {
    [HOOK_HANDLE_ONE_REQUEST] = "handle_one_request",
    [HOOK_READ_REQUESTLINE] = "read_requestline",
    [HOOK_READ_REQUEST] = "read_request",
    [HOOK_GET_ENVIRON] = "get_environ",
    [HOOK_HANDLE_ONE_RESPONSE] = "handle_one_response",
    [HOOK_RUN_APPLICATION] = "run_application",
    [HOOK_PROCESS_RESULT] = "process_result",
    [HOOK_START_RESPONSE] = "start_response",
    [HOOK_FINALIZE_HEADERS] = "finalize_headers",
    [HOOK_WRITE] = "write",
    [HOOK_SENDALL] = "_sendall",
    [HOOK_LOG_REQUEST] = "log_request",
    [HOOK_FORMAT_REQUEST] = "format_request",
};

static PyObject *hook_names[HOOKS]; /* owned, interned */
static PyObject *plain[HOOKS];      /* owned; the methods of Handler_Type itself */
static PyObject *unlent;            /* owned; the service of handlers that have none lent yet */

/* ---- what a class overrides ---- */

/* What was found for the class that was looked at last. A server has one class of handlers. */
static PyTypeObject *known_type; /* never dereferenced */
static unsigned int known_tag;
static uint32_t known_overrides;

static uint32_t
handler_find_overrides(PyTypeObject *type)
{
    unsigned int tag = type->tp_version_tag;
    if (tag != 0 && tag == known_tag && type == known_type) {
        return known_overrides;
    }
    uint32_t overrides = 0;
    for (int i = 0; i < HOOKS; i++) {
        PyObject *hook = PyObject_GetAttr((PyObject *)type, hook_names[i]);
        if (hook == NULL) {
            PyErr_Clear(); /* the method was deleted: a call of it will raise */
        }
        overrides |= hook == plain[i] ? 0 : UINT32_C(1) << i;
        Py_XDECREF(hook);
    }
    known_type = type;
    known_tag = type->tp_version_tag;
    known_overrides = overrides;
    return overrides;
}

PyObject *
green_handler_call(HandlerObject *self, green_hook_id hook, PyObject *arg)
{
    return arg == NULL ? PyObject_CallMethodNoArgs((PyObject *)self, hook_names[hook])
                       : PyObject_CallMethodOneArg((PyObject *)self, hook_names[hook], arg);
}

/* ---- making ---- */

/* Take what the server lends: its service; the environ to copy, or None; whether it logs; the
   semaphore of its pool, or None. Returns 0, or -1 with an exception. */
static int
handler_borrow(HandlerObject *self)
{
    PyObject *lent = PyObject_CallMethod(self->server, "_lend", NULL);
    PyObject *service, *environ, *slot;
    int logs;
    if (lent == NULL ||
        !PyArg_ParseTuple(lent, "O!OpO:_lend", Service_Type, &service, &environ, &logs, &slot)) {
        Py_XDECREF(lent);
        return -1;
    }
    green_handler_set((PyObject **)&self->service, Py_NewRef(service));
    if (environ != Py_None && !PyDict_CheckExact(environ)) {
        PyErr_SetString(PyExc_TypeError, "the environ to copy must be a dict");
        Py_DECREF(lent);
        return -1;
    }
    green_handler_set(&self->base_environ, environ == Py_None ? NULL : Py_NewRef(environ));
    green_handler_set(&self->slot, slot == Py_None ? NULL : Py_NewRef(slot));
    self->logs = logs;
    Py_DECREF(lent);
    return 0;
}

static int
handler_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"sock", "address", "server", "rfile", NULL};
    HandlerObject *self = (HandlerObject *)op;
    PyObject *socket, *address, *server, *rfile = Py_None;
    if (self->connection != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a handler is made once, for one connection");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|O:WSGIHandler", keywords, &socket, &address,
                                     &server, &rfile)) {
        return -1;
    }
    green_handler_set(&self->socket, Py_NewRef(socket));
    green_handler_set(&self->client_address, Py_NewRef(address));
    green_handler_set(&self->server, Py_NewRef(server));
    green_handler_set(&self->given_rfile, rfile == Py_None ? NULL : Py_NewRef(rfile));
    green_transport_init(self);
    return handler_borrow(self);
}

static PyObject *
handler_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    HandlerObject *self = (HandlerObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    green_list_init(&self->idle.link);
    self->socket = Py_NewRef(Py_None);
    self->client_address = Py_NewRef(Py_None);
    self->server = Py_NewRef(Py_None);
    self->service = (ServiceObject *)Py_NewRef(unlent);
    self->overrides = handler_find_overrides(type);
    return (PyObject *)self;
}

/* Methods use these without a look, so they are never NULL before the handler is deallocated. */
#define EACH_SURE_OBJECT(DO)                                                                       \
    DO(socket)                                                                                     \
    DO(client_address)                                                                             \
    DO(server)

#define EACH_OBJECT(DO)                                                                            \
    DO(connection)                                                                                 \
    DO(rfile)                                                                                      \
    DO(given_rfile)                                                                                \
    DO(slot)                                                                                       \
    DO(remote_port)                                                                                \
    DO(raw_head)                                                                                   \
    DO(requestline)                                                                                \
    DO(headers)                                                                                    \
    DO(environ)                                                                                    \
    DO(base_environ)                                                                               \
    DO(application)                                                                                \
    DO(wsgi_input)                                                                                 \
    DO(upgrade)                                                                                    \
    DO(result)                                                                                     \
    DO(status)                                                                                     \
    DO(orig_status)                                                                                \
    DO(response_headers)                                                                           \
    DO(provided_date)

#define VISIT(name) Py_VISIT(self->name);
#define CLEAR(name) Py_CLEAR(self->name);
#define EMPTY(name) green_handler_set(&self->name, Py_NewRef(Py_None));

static int
handler_traverse(PyObject *op, visitproc visit, void *arg)
{
    HandlerObject *self = (HandlerObject *)op;
    Py_VISIT(Py_TYPE(op));
    EACH_SURE_OBJECT(VISIT)
    EACH_OBJECT(VISIT)
    return 0;
}

static int
handler_clear(PyObject *op)
{
    HandlerObject *self = (HandlerObject *)op;
    self->plain = NULL;
    EACH_SURE_OBJECT(EMPTY)
    EACH_OBJECT(CLEAR)
    return 0;
}

static void
handler_dealloc(PyObject *op)
{
    HandlerObject *self = (HandlerObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    green_service_busy(&self->idle);
    handler_clear(op);
    EACH_SURE_OBJECT(CLEAR)
    Py_CLEAR(self->service);
    green_buffer_drop(&self->source.buffer);
    green_buffer_drop(&self->out);
    green_head_drop(&self->head);
    type->tp_free(op);
    Py_DECREF(type);
}

/* ---- attributes ---- */

static PyObject *
handler_get_sure(PyObject *op, void *closure)
{
    return Py_NewRef(*(PyObject **)((char *)op + (size_t)closure));
}

static int
handler_set_sure(PyObject *op, PyObject *value, void *closure)
{
    green_handler_set((PyObject **)((char *)op + (size_t)closure),
                      Py_NewRef(value == NULL ? Py_None : value));
    return 0;
}

static PyObject *
handler_get_bool(PyObject *op, void *closure)
{
    return PyBool_FromLong(*((char *)op + (size_t)closure));
}

static int
handler_set_bool(PyObject *op, PyObject *value, void *closure)
{
    int truth = value == NULL ? 0 : PyObject_IsTrue(value);
    if (truth < 0) {
        return -1;
    }
    *((char *)op + (size_t)closure) = (char)truth;
    return 0;
}

static PyObject *
handler_get_status(PyObject *op, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    if (self->status != NULL) {
        return Py_NewRef(self->status);
    }
    if (self->orig_status == NULL) {
        Py_RETURN_NONE;
    }
    return PyUnicode_AsLatin1String(self->orig_status);
}

static int
handler_set_status(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    if (value == Py_None || value == NULL) {
        Py_CLEAR(self->orig_status);
        value = NULL;
    }
    green_handler_set(&self->status, Py_XNewRef(value));
    return 0;
}

static PyObject *
handler_get_code(PyObject *op, void *Py_UNUSED(closure))
{
    int code = ((HandlerObject *)op)->code;
    if (code == 0) {
        Py_RETURN_NONE;
    }
    return PyLong_FromLong(code);
}

static int
handler_set_code(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    long code = value == NULL || value == Py_None ? 0 : PyLong_AsLong(value);
    if (code == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (code < 0 || code > 999) {
        PyErr_SetString(PyExc_ValueError, "a status has three digits");
        return -1;
    }
    ((HandlerObject *)op)->code = (int)code;
    return 0;
}

static PyObject *
handler_get_response_headers(PyObject *op, void *Py_UNUSED(closure))
{
    return green_response_get_headers((HandlerObject *)op);
}

static int
handler_set_response_headers(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    PyObject *list = value == NULL || value == Py_None ? PyList_New(0) : PySequence_List(value);
    if (list == NULL) {
        return -1;
    }
    green_handler_set(&((HandlerObject *)op)->response_headers, list);
    return 0;
}

static PyObject *
handler_get_provided_length(PyObject *op, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    switch (self->length_kind) {
    case GREEN_LENGTH_GIVEN:
        return PyUnicode_FromFormat("%zd", self->given_length);
    case GREEN_LENGTH_WAIVED:
        Py_RETURN_FALSE;
    default:
        Py_RETURN_NONE;
    }
}

static int
handler_set_provided_length(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    if (value == NULL || value == Py_None) {
        self->length_kind = GREEN_LENGTH_UNKNOWN;
        return 0;
    }
    if (value == Py_False || value == Py_True) {
        self->length_kind = GREEN_LENGTH_WAIVED;
        return 0;
    }
    PyObject *number = PyNumber_Long(value);
    Py_ssize_t length = number == NULL ? -1 : PyLong_AsSsize_t(number);
    Py_XDECREF(number);
    if (length == -1 && PyErr_Occurred()) {
        return -1;
    }
    self->length_kind = GREEN_LENGTH_GIVEN;
    self->given_length = length;
    return 0;
}

static PyObject *
handler_get_requestline(PyObject *op, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    if (self->requestline == NULL && self->raw_head != NULL) {
        const char *text = PyBytes_AS_STRING(self->raw_head);
        const char *end = memchr(text, '\r', (size_t)PyBytes_GET_SIZE(self->raw_head));
        self->requestline = PyUnicode_DecodeLatin1(
            text, end == NULL ? PyBytes_GET_SIZE(self->raw_head) : end - text, NULL);
        if (self->requestline == NULL) {
            return NULL;
        }
    }
    return Py_NewRef(self->requestline == NULL ? Py_None : self->requestline);
}

static int
handler_set_requestline(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    green_handler_set(&((HandlerObject *)op)->requestline, Py_XNewRef(value));
    return 0;
}

static PyObject *
handler_get_rfile(PyObject *op, void *Py_UNUSED(closure))
{
    HandlerObject *self = (HandlerObject *)op;
    if (self->given_rfile != NULL) {
        return Py_NewRef(self->given_rfile);
    }
    if (self->rfile == NULL) {
        self->rfile = PyObject_CallMethod(op, "_make_rfile", NULL);
    }
    return Py_XNewRef(self->rfile);
}

static int
handler_set_rfile(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    green_handler_set(&((HandlerObject *)op)->rfile, value == Py_None ? NULL : Py_XNewRef(value));
    return 0;
}

static PyObject *
handler_get_content_length(PyObject *op, void *Py_UNUSED(closure))
{
    const green_head *head = &((HandlerObject *)op)->head;
    return head->body_kind == GREEN_BODY_LENGTH ? PyLong_FromUnsignedLongLong(head->content_length)
                                                : Py_NewRef(Py_None);
}

#define BOOL(name, doc)                                                                            \
    {                                                                                              \
#name, handler_get_bool, handler_set_bool, doc, (void *)offsetof(HandlerObject, name)      \
    }

#define SURE(name, doc)                                                                            \
    {                                                                                              \
#name, handler_get_sure, handler_set_sure, doc, (void *)offsetof(HandlerObject, name)      \
    }

static PyGetSetDef handler_getset[] = {
    SURE(socket, "The connection."),
    SURE(client_address, "The client's address, as accept() returned it."),
    SURE(server, "The server that the connection belongs to."),
    BOOL(close_connection, "Whether the connection is closed after this request."),
    BOOL(headers_sent, "Whether the answer's head was sent."),
    BOOL(response_use_chunked, "Whether the answer's body goes in chunks."),
    BOOL(connection_upgraded, "Whether the client asks for another protocol."),
    {"status", handler_get_status, handler_set_status, "The answer's status, bytes; or None.",
     NULL},
    {"code", handler_get_code, handler_set_code, "The number in the answer's status, or None.",
     NULL},
    {"response_headers", handler_get_response_headers, handler_set_response_headers,
     "The answer's header, a list of pairs of bytes.", NULL},
    {"provided_content_length", handler_get_provided_length, handler_set_provided_length,
     "The application's Content-Length, a str, or None; False: none is to be added.", NULL},
    {"requestline", handler_get_requestline, handler_set_requestline,
     "The request's first line, a str.", NULL},
    {"rfile", handler_get_rfile, handler_set_rfile, "The connection as a file to read.", NULL},
    {"content_length", handler_get_content_length, NULL, "The request's Content-Length, or None.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define OBJECT(name, field, doc)                                                                   \
    {                                                                                              \
        name, T_OBJECT, offsetof(HandlerObject, field), 0, PyDoc_STR(doc)                          \
    }

static PyMemberDef handler_members[] = {
    OBJECT("environ", environ, "The request's environ."),
    OBJECT("application", application, "The application that answers the request."),
    OBJECT("result", result, "What the application returned."),
    OBJECT("wsgi_input", wsgi_input, "wsgi.input."),
    OBJECT("_headers", headers, "What `headers` returned."),
    OBJECT("_orig_status", orig_status, "The status, a str, as the application gave it."),
    OBJECT("provided_date", provided_date, "The application's Date, or None."),
    {"_raw_head", T_OBJECT, offsetof(HandlerObject, raw_head), READONLY,
     PyDoc_STR("The bytes of the request's head.")},
    {"response_length", T_PYSSIZET, offsetof(HandlerObject, response_length), 0,
     PyDoc_STR("How many bytes were sent, the head included.")},
    {"time_start", T_DOUBLE, offsetof(HandlerObject, time_start), 0,
     PyDoc_STR("When the application was called, in seconds since the epoch.")},
    {"time_finish", T_DOUBLE, offsetof(HandlerObject, time_finish), 0,
     PyDoc_STR("When the answer was sent.")},
    {NULL, 0, 0, 0, NULL},
};

/* ---- the type ---- */

static PyType_Slot handler_slots[] = {
    {Py_tp_doc, "WSGIHandlerBase(sock, address, server, rfile=None)\n--\n\n"
                "A connection of a WSGI server."},
    {Py_tp_new, handler_new},
    {Py_tp_init, handler_init},
    {Py_tp_dealloc, handler_dealloc},
    {Py_tp_traverse, handler_traverse},
    {Py_tp_clear, handler_clear},
    {Py_tp_getset, handler_getset},
    {Py_tp_members, handler_members},
    {0, NULL},
};

static PyType_Spec handler_spec = {
    .name = "greencore._core.WSGIHandlerBase",
    .basicsize = sizeof(HandlerObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = handler_slots,
};

static int
handler_add_methods(PyMethodDef *method)
{
    for (; method->ml_name != NULL; method++) {
        PyObject *descr = PyDescr_NewMethod(Handler_Type, method);
        if (descr == NULL ||
            PyObject_SetAttrString((PyObject *)Handler_Type, method->ml_name, descr) < 0) {
            Py_XDECREF(descr);
            return -1;
        }
        Py_DECREF(descr);
    }
    return 0;
}

int
green_handler_exec(PyObject *module)
{
    Handler_Type = (PyTypeObject *)green_type_new(NULL, &handler_spec, NULL);
    if (Handler_Type == NULL || handler_add_methods(green_connection_methods) < 0 ||
        handler_add_methods(green_request_methods) < 0 ||
        handler_add_methods(green_response_methods) < 0) {
        return -1;
    }
    for (int i = 0; i < HOOKS; i++) {
        hook_names[i] = PyUnicode_InternFromString(green_hook_names[i]);
        plain[i] = hook_names[i] == NULL
                       ? NULL
                       : PyObject_GetAttr((PyObject *)Handler_Type, hook_names[i]);
        if (plain[i] == NULL) {
            return -1;
        }
    }
    green_exc_InvalidClientRequest =
        green_type_new_exception("greencore.pywsgi._InvalidClientRequest",
                                 "The ValueError of a request that is refused.", PyExc_ValueError);
    if (green_exc_InvalidClientRequest == NULL ||
        PyModule_AddObjectRef(module, "InvalidClientRequest", green_exc_InvalidClientRequest) < 0) {
        return -1;
    }
    unlent = PyObject_CallNoArgs((PyObject *)Service_Type);
    return unlent == NULL
               ? -1
               : PyModule_AddObjectRef(module, "WSGIHandlerBase", (PyObject *)Handler_Type);
}
