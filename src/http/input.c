#include "http/input.h"

#include <structmember.h>
#include "greenlet/type.h"
#include "http/handler.h"
#include "loop/errors.h"

PyTypeObject *Input_Type;

enum { FIRST_GUESS = 16 * 1024, BIGGEST_GUESS = 16 * 1024 * 1024 };

/* ---- over a file of Python's ---- */

typedef struct green_input_raw {
    green_source source;
    green_head head;
    PyObject *rfile;    /* owned */
    InputObject *input; /* borrowed: its owner */
} green_input_raw;

/* Append what rfile.NAME(size) returns to the buffer. Returns its length, or -1 with an
   exception. */
static Py_ssize_t
raw_call(green_input_raw *raw, const char *name, size_t size)
{
    PyObject *data = PyObject_CallMethod(raw->rfile, name, "n", (Py_ssize_t)size);
    Py_buffer view;
    if (data == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(data);
        return -1;
    }
    Py_ssize_t count = view.len;
    if (green_buffer_append(&raw->source.buffer, view.buf, (size_t)count) < 0) {
        count = -1;
    }
    PyBuffer_Release(&view);
    Py_DECREF(data);
    return count;
}

/* Read more from the file, but nothing behind the body: others may read the file after this
   request. */
static int
raw_fill(green_source *source, size_t wanted)
{
    green_input_raw *raw = GREEN_CONTAINER(source, green_input_raw, source);
    Py_ssize_t got =
        wanted > 0 ? raw_call(raw, "read", wanted) : raw_call(raw, "readline", GREEN_BUFFER_BLOCK);
    return got < 0 ? -1 : got > 0;
}

static Py_ssize_t
raw_read(green_source *source, char *into, size_t size)
{
    int filled = raw_fill(source, size < BIGGEST_GUESS ? size : BIGGEST_GUESS);
    if (filled <= 0) {
        return filled;
    }
    size_t count = green_buffer_count(&source->buffer);
    count = count < size ? count : size;
    memcpy(into, green_buffer_start(&source->buffer), count);
    source->buffer.begin += count;
    return (Py_ssize_t)count;
}

static green_input_raw *
raw_new(PyObject *rfile)
{
    green_input_raw *raw = PyMem_Calloc(1, sizeof(*raw));
    if (raw == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    raw->source.fill = raw_fill;
    raw->source.read = raw_read;
    raw->rfile = Py_NewRef(rfile);
    green_head_begin_chunked(&raw->head);
    return raw;
}

static void
raw_free(green_input_raw *raw)
{
    if (raw != NULL) {
        green_buffer_drop(&raw->source.buffer);
        Py_DECREF(raw->rfile);
        PyMem_Free(raw);
    }
}

/* ---- reading ---- */

/* Tell a client that waits for it to send the body. Returns 0, or -1 with an exception. */
static int
input_send_continue(InputObject *self)
{
    HandlerObject *handler = self->handler;
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!self->continue_pending) {
        return 0;
    }
    self->continue_pending = false;
    return handler != NULL && !handler->headers_sent
               ? green_transport_send_bytes(handler, text, sizeof(text) - 1)
               : 0;
}

/* Raise OSError if the request is over. It may also have ended while its client was waited for, so
   this is called again after each wait. Returns 0 or -1. */
static int
input_check(const InputObject *self)
{
    if (self->source == NULL) {
        PyErr_SetString(PyExc_OSError, "the request that this input belongs to is over");
        return -1;
    }
    return 0;
}

/* Begin to read; it is an error if another greenlet is reading. *handler is what is read from, and
   stays even if the request ends meanwhile: a new reference or NULL, for input_end. Returns 0, or
   -1 with an exception. */
static int
input_begin(InputObject *self, HandlerObject **handler)
{
    if (input_check(self) < 0) {
        return -1;
    }
    if (self->reading) {
        PyErr_SetString(green_exc_ConcurrentObjectUseError,
                        "this input is already read by another greenlet");
        return -1;
    }
    *handler = (HandlerObject *)Py_XNewRef(self->handler);
    self->reading = true;
    if (input_send_continue(self) < 0) {
        self->reading = false;
        Py_CLEAR(*handler);
        return -1;
    }
    return 0;
}

static void
input_end(InputObject *self, HandlerObject *handler)
{
    self->reading = false;
    Py_XDECREF(handler);
}

static Py_ssize_t
input_into(InputObject *self, char *into, size_t size)
{
    return input_check(self) < 0
               ? -1
               : green_body_read(&self->body, self->head, self->source, self->service, into, size);
}

/* Returns as green_body_peek does; it is an error if the request has ended meanwhile. */
static Py_ssize_t
input_peek(InputObject *self)
{
    Py_ssize_t got = input_check(self) < 0
                         ? -1
                         : green_body_peek(&self->body, self->head, self->source, self->service);
    return got < 0 || input_check(self) < 0 ? -1 : got;
}

/* Returns `want` bytes of the body, or what there is up to its end. New reference. */
static PyObject *
input_bytes(InputObject *self, size_t want)
{
    size_t guess = self->body.kind == GREEN_BODY_CHUNKED ? FIRST_GUESS : self->body.remaining;
    guess = guess < BIGGEST_GUESS ? guess : BIGGEST_GUESS;
    size_t room = guess < want ? guess : want, used = 0;
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)room);
    while (bytes != NULL && used < want) {
        if (used == room) {
            room = room > want / 2 ? want : room ? room * 2 : FIRST_GUESS;
            if (room > PY_SSIZE_T_MAX / 2) {
                room = PY_SSIZE_T_MAX / 2;
            }
            if (_PyBytes_Resize(&bytes, (Py_ssize_t)room) < 0) {
                return NULL;
            }
        }
        Py_ssize_t got = input_into(self, PyBytes_AS_STRING(bytes) + used, room - used);
        if (got < 0) {
            Py_DECREF(bytes);
            return NULL;
        }
        if (got == 0) {
            break;
        }
        used += (size_t)got;
        if (self->body.done) {
            break;
        }
    }
    if (bytes != NULL && used < room) {
        _PyBytes_Resize(&bytes, (Py_ssize_t)used);
    }
    return bytes;
}

/* Parse the size that a method was given: none, None or a negative one means all there is. Returns
   0, or -1 with an exception. */
static int
input_size(PyObject *const *args, Py_ssize_t nargs, const char *name, size_t *size)
{
    *size = SIZE_MAX;
    if (nargs > 1) {
        PyErr_Format(PyExc_TypeError, "%s expected at most 1 argument, got %zd", name, nargs);
        return -1;
    }
    if (nargs == 1 && args[0] != Py_None) {
        Py_ssize_t value = PyNumber_AsSsize_t(args[0], NULL);
        if (value == -1 && PyErr_Occurred()) {
            return -1;
        }
        *size = value < 0 ? SIZE_MAX : (size_t)value;
    }
    return 0;
}

PyDoc_STRVAR(read_doc,
             "read($self, size=-1, /)\n--\n\n"
             "Return `size` bytes of the body, fewer only at its end; all where `size` is "
             "None or negative.\n\n"
             "Raises OSError when the client breaks off, TimeoutError when it stops "
             "sending.");

static PyObject *
input_read(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    InputObject *self = (InputObject *)op;
    HandlerObject *handler;
    size_t size;
    if (input_size(args, nargs, "read", &size) < 0 || input_begin(self, &handler) < 0) {
        return NULL;
    }
    PyObject *bytes = input_bytes(self, size);
    input_end(self, handler);
    return bytes;
}

static PyObject *
input_line(InputObject *self, size_t most)
{
    PyObject *line = NULL;
    size_t total = 0;
    while (total < most) {
        Py_ssize_t got = input_peek(self);
        if (got < 0) {
            Py_XDECREF(line);
            return NULL;
        }
        if (got == 0) {
            break;
        }
        size_t count = (size_t)got < most - total ? (size_t)got : most - total;
        const char *start = green_buffer_start(&self->source->buffer);
        const char *end = memchr(start, '\n', count);
        if (end != NULL) {
            count = (size_t)(end - start) + 1;
        }
        /* Without its contents, one of a single byte is not shared and can grow. */
        if (line == NULL) {
            line = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
        } else {
            _PyBytes_Resize(&line, (Py_ssize_t)(total + count));
        }
        if (line == NULL) {
            return NULL;
        }
        memcpy(PyBytes_AS_STRING(line) + total, start, count);
        if (green_body_take(&self->body, self->head, self->source, count) < 0) {
            Py_DECREF(line);
            return NULL;
        }
        total += count;
        if (end != NULL) {
            break;
        }
    }
    return line != NULL ? line : PyBytes_FromStringAndSize(NULL, 0);
}

PyDoc_STRVAR(readline_doc,
             "readline($self, size=-1, /)\n--\n\n"
             "Return the body up to the next line feed, `size` bytes at most; empty at "
             "its end. Errors: see read().");

static PyObject *
input_readline(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    InputObject *self = (InputObject *)op;
    HandlerObject *handler;
    size_t size;
    if (input_size(args, nargs, "readline", &size) < 0 || input_begin(self, &handler) < 0) {
        return NULL;
    }
    PyObject *line = input_line(self, size);
    input_end(self, handler);
    return line;
}

static PyObject *
input_next(PyObject *op)
{
    InputObject *self = (InputObject *)op;
    HandlerObject *handler;
    if (input_begin(self, &handler) < 0) {
        return NULL;
    }
    PyObject *line = input_line(self, SIZE_MAX);
    input_end(self, handler);
    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line);
    }
    return line;
}

PyDoc_STRVAR(next_doc, "next($self, /)\n--\n\n"
                       "Return the next line; StopIteration at the end. Errors: see read().");

static PyObject *
input_next_method(PyObject *op, PyObject *Py_UNUSED(unused))
{
    PyObject *line = input_next(op);
    if (line == NULL && !PyErr_Occurred()) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    return line;
}

PyDoc_STRVAR(readlines_doc, "readlines($self, hint=-1, /)\n--\n\n"
                            "Return the rest of the body as a list of lines. Errors: see read().");

static PyObject *
input_readlines(PyObject *op, PyObject *const *Py_UNUSED(args), Py_ssize_t nargs)
{
    if (nargs > 1) {
        PyErr_SetString(PyExc_TypeError, "readlines expected at most 1 argument");
        return NULL;
    }
    return PySequence_List(op);
}

/* ---- the end ---- */

static int
input_skip(InputObject *self, size_t most)
{
    uint64_t from = self->body.position;
    while (!self->body.done) {
        if (self->body.position - from > most) {
            return 0;
        }
        Py_ssize_t got = input_peek(self);
        if (got == 0) {
            break;
        }
        if (got < 0 || green_body_take(&self->body, self->head, self->source, (size_t)got) < 0) {
            return -1;
        }
    }
    return 1;
}

int
green_input_discard(InputObject *self, size_t most)
{
    HandlerObject *handler;
    self->continue_pending = false;
    if (self->source == NULL || self->body.done) {
        return 1;
    }
    if (self->reading) {
        return 0;
    }
    if (input_begin(self, &handler) < 0) {
        return -1;
    }
    int result = input_skip(self, most);
    input_end(self, handler);
    return result;
}

PyDoc_STRVAR(discard_doc, "_discard($self, /)\n--\n\n"
                          "Read on to the end of the body, as far as the server's bound for that, "
                          "and drop it. Errors: see read().");

static PyObject *
input_discard(PyObject *op, PyObject *Py_UNUSED(unused))
{
    InputObject *self = (InputObject *)op;
    if (green_input_discard(self, (size_t)self->service->max_discard) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

void
green_input_detach(InputObject *self)
{
    if (self->raw == NULL) {
        self->head = NULL;
        self->source = NULL;
        Py_CLEAR(self->handler);
    }
}

/* ---- attributes ---- */

static PyObject *
input_get_rfile(PyObject *op, void *Py_UNUSED(closure))
{
    InputObject *self = (InputObject *)op;
    if (self->raw != NULL) {
        return Py_NewRef(self->raw->rfile);
    }
    if (self->handler == NULL) {
        Py_RETURN_NONE;
    }
    return PyObject_GetAttrString((PyObject *)self->handler, "rfile");
}

static PyObject *
input_get_position(PyObject *op, void *Py_UNUSED(closure))
{
    return PyLong_FromUnsignedLongLong(((InputObject *)op)->body.position);
}

static PyObject *
input_get_chunked(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((InputObject *)op)->body.kind == GREEN_BODY_CHUNKED);
}

static PyObject *
input_get_continue(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(((InputObject *)op)->continue_pending);
}

static int
input_set_continue(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    int pending = value == NULL ? 0 : PyObject_IsTrue(value);
    if (pending < 0) {
        return -1;
    }
    ((InputObject *)op)->continue_pending = ((InputObject *)op)->continue_pending && pending;
    return 0;
}

static PyGetSetDef input_getset[] = {
    {"rfile", input_get_rfile, NULL, "The file that it reads.", NULL},
    {"position", input_get_position, NULL, "How many bytes of the body were read.", NULL},
    {"chunked_input", input_get_chunked, NULL, "Whether the body comes in chunks.", NULL},
    {"send_100_continue_enabled", input_get_continue, input_set_continue,
     "Whether the next read tells the client to send the body; can be set to false.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef input_members[] = {
    {"content_length", T_OBJECT, offsetof(InputObject, content_length), READONLY,
     PyDoc_STR("Bytes of the body, or None where that is not known.")},
    {"socket", T_OBJECT, offsetof(InputObject, socket), READONLY,
     PyDoc_STR("What was given as `socket`.")},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef input_methods[] = {
    {"read", (PyCFunction)(void (*)(void))input_read, METH_FASTCALL, read_doc},
    {"readline", (PyCFunction)(void (*)(void))input_readline, METH_FASTCALL, readline_doc},
    {"readlines", (PyCFunction)(void (*)(void))input_readlines, METH_FASTCALL, readlines_doc},
    {"next", input_next_method, METH_NOARGS, next_doc},
    {"_discard", input_discard, METH_NOARGS, discard_doc},
    {NULL, NULL, 0, NULL},
};

/* ---- the type ---- */

InputObject *
green_input_new(HandlerObject *handler)
{
    InputObject *self = (InputObject *)Input_Type->tp_alloc(Input_Type, 0);
    if (self == NULL) {
        return NULL;
    }
    const green_head *head = &handler->head;
    self->body.kind = head->body_kind;
    self->body.remaining = head->content_length;
    self->body.at_size_line = head->body_kind == GREEN_BODY_CHUNKED;
    self->body.done = head->body_kind == GREEN_BODY_NONE;
    self->continue_pending = head->expects_continue && !self->body.done;
    self->head = &handler->head;
    self->source = &handler->source;
    self->service = (ServiceObject *)Py_NewRef(handler->service);
    self->handler = (HandlerObject *)Py_NewRef(handler);
    if (head->body_kind == GREEN_BODY_LENGTH) {
        self->content_length = PyLong_FromUnsignedLongLong(head->content_length);
        if (self->content_length == NULL) {
            Py_CLEAR(self);
        }
    }
    return self;
}

static PyObject *
input_tp_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"rfile", "content_length", "socket", "chunked_input", NULL};
    PyObject *rfile, *length = Py_None, *socket = Py_None;
    int chunked = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OOp:Input", keywords, &rfile, &length,
                                     &socket, &chunked)) {
        return NULL;
    }
    Py_ssize_t count = 0;
    if (length != Py_None) {
        count = PyNumber_AsSsize_t(length, PyExc_OverflowError);
        if (count == -1 && PyErr_Occurred()) {
            return NULL;
        }
    }
    InputObject *self = (InputObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->service = (ServiceObject *)PyObject_CallNoArgs((PyObject *)Service_Type);
    self->raw = self->service == NULL ? NULL : raw_new(rfile);
    if (self->raw == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    self->raw->input = self;
    self->head = &self->raw->head;
    self->source = &self->raw->source;
    self->content_length = Py_NewRef(length);
    self->socket = Py_NewRef(socket);
    self->body.kind = chunked ? GREEN_BODY_CHUNKED : GREEN_BODY_LENGTH;
    self->body.at_size_line = chunked;
    self->body.remaining = chunked || count < 0 ? 0 : (uint64_t)count;
    self->body.done = !chunked && self->body.remaining == 0;
    return (PyObject *)self;
}

static int
input_traverse(PyObject *op, visitproc visit, void *arg)
{
    InputObject *self = (InputObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->handler);
    Py_VISIT(self->content_length);
    Py_VISIT(self->socket);
    if (self->raw != NULL) {
        Py_VISIT(self->raw->rfile);
    }
    return 0;
}

static int
input_clear(PyObject *op)
{
    InputObject *self = (InputObject *)op;
    self->head = NULL;
    self->source = NULL;
    Py_CLEAR(self->handler);
    Py_CLEAR(self->content_length);
    Py_CLEAR(self->socket);
    green_input_raw *raw = self->raw;
    self->raw = NULL;
    raw_free(raw);
    return 0;
}

static void
input_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    input_clear(op);
    Py_XDECREF(((InputObject *)op)->service);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyType_Slot input_slots[] = {
    {Py_tp_doc, "Input(rfile, content_length=None, socket=None, chunked_input=False)\n--\n\n"
                "The body of a request as a file: wsgi.input.\n\n"
                "rfile: what to read it from. content_length: its bytes, None for no body.\n"
                "chunked_input: it comes in chunks, and content_length says nothing."},
    {Py_tp_new, input_tp_new},
    {Py_tp_dealloc, input_dealloc},
    {Py_tp_traverse, input_traverse},
    {Py_tp_clear, input_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, input_next},
    {Py_tp_getset, input_getset},
    {Py_tp_members, input_members},
    {Py_tp_methods, input_methods},
    {0, NULL},
};

static PyType_Spec input_spec = {
    .name = "greencore.pywsgi.Input",
    .basicsize = sizeof(InputObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = input_slots,
};

int
green_input_exec(PyObject *module)
{
    Input_Type = (PyTypeObject *)green_type_new(NULL, &input_spec, NULL);
    return Input_Type == NULL ? -1 : PyModule_AddObjectRef(module, "Input", (PyObject *)Input_Type);
}
