/* An open WebSocket: messages come and go here; control frames, compression and the end are for the
   methods of its Python subclass. */
#include "websocket/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <structmember.h>
#include "greenlet/error.h"
#include "greenlet/type.h"
#include "net/socket.h"
#include "greenlet/arguments.h"
#include "sync/semaphore.h"
#include "websocket/frame.h"
#include "websocket/reader.h"
#include "websocket/writer.h"

/* Bytes are received into this, so that a connection that waits has no buffer. The interpreter lock
   guards it. */
enum { SCRATCH_SIZE = 64 * 1024 };
static unsigned char scratch[SCRATCH_SIZE];

/* A frame of up to so many bytes is made on the stack. */
enum { SMALL_FRAME = 256 };

/* The code of a connection that ended without a close frame. */
enum { CLOSE_ABNORMAL = 1006 };

typedef struct {
    PyObject_HEAD
    PyObject *socket;         /* owned; NULL: not open yet */
    green_socket *plain;      /* borrowed from `socket`; NULL: the socket's methods are called */
    SemaphoreObject *sending; /* owned; held by whoever sends a frame */
    PyObject *ping_interval;  /* owned; not None: _recv() receives, and keeps the time */
    Py_ssize_t deflate_min;   /* bytes from which a message is deflated; -1: none is */
    char client;
    char closed;
    char close_sent;
    green_reader reader;
    unsigned char *unread; /* owned: what came behind the last message, or NULL */
    size_t unread_begin;
    size_t unread_end;
} ConnectionObject;

static PyObject *exc_WebSocketError;

/* ---- the ends ---- */

/* Open the WebSocket by the method _open(), if it is not open yet. Returns 0, or -1 with an
   exception. */
static int
connection_open(ConnectionObject *self)
{
    if (self->socket != NULL) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod((PyObject *)self, "_open", NULL);
    Py_XDECREF(done);
    if (done != NULL && self->socket == NULL) {
        PyErr_SetString(exc_WebSocketError, "the WebSocket is not open");
    }
    return done == NULL || self->socket == NULL ? -1 : 0;
}

/* End the connection without a close frame. Returns 0, or -1 with an exception. */
static int
connection_end(ConnectionObject *self)
{
    PyObject *done = PyObject_CallMethod((PyObject *)self, "_end", "i", CLOSE_ABNORMAL);
    Py_XDECREF(done);
    self->closed = self->close_sent = true;
    return done == NULL ? -1 : 0;
}

/* End the connection, which can't go on after the current exception. That is kept. */
static void
connection_break(ConnectionObject *self)
{
    PyObject *raised = green_error_take();
    if (connection_end(self) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    green_error_raise(raised);
}

/* ---- receiving ---- */

/* Keep bytes that are to be read later, behind those kept already. Returns 0, or -1 with
   MemoryError. */
static int
connection_keep(ConnectionObject *self, const unsigned char *bytes, size_t count)
{
    size_t before = self->unread_end - self->unread_begin;
    if (count == 0) {
        return 0;
    }
    unsigned char *block = PyMem_Malloc(before + count);
    if (block == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (before > 0) {
        memcpy(block, self->unread + self->unread_begin, before);
    }
    memcpy(block + before, bytes, count);
    PyMem_Free(self->unread);
    self->unread = block;
    self->unread_begin = 0;
    self->unread_end = before + count;
    return 0;
}

/* Read the bytes that are kept. Returns as green_reader_next does. */
static int
connection_read_kept(ConnectionObject *self, green_arrived *arrived)
{
    if (self->unread == NULL) {
        return 0;
    }
    size_t taken;
    unsigned char *block = self->unread;
    int result = green_reader_next(&self->reader, block + self->unread_begin,
                                   self->unread_end - self->unread_begin, &taken, arrived);
    self->unread_begin += taken;
    if (self->unread_begin == self->unread_end) {
        self->unread = NULL;
        self->unread_begin = self->unread_end = 0;
        PyMem_Free(block);
    }
    return result;
}

/* Read bytes that were just received. Returns as green_reader_next does. */
static int
connection_read(ConnectionObject *self, unsigned char *bytes, size_t count, green_arrived *arrived)
{
    if (self->unread != NULL) {
        /* Another greenlet has received what came before. */
        return connection_keep(self, bytes, count) < 0 ? -1 : connection_read_kept(self, arrived);
    }
    size_t taken;
    int result = green_reader_next(&self->reader, bytes, count, &taken, arrived);
    if (result > 0 && connection_keep(self, bytes + taken, count - taken) < 0) {
        Py_CLEAR(arrived->payload);
        return -1;
    }
    return result;
}

/* Receive *got bytes into `scratch`. Returns 1; 0 when the connection has ended; -1 with an
   exception. */
static int
connection_receive_plain(ConnectionObject *self, Py_ssize_t *got)
{
    PyObject *socket = Py_NewRef(self->socket);
    green_socket_call call = green_socket_call_begin(socket, "WebSocket.receive");
    *got = green_socket_receive(&call, (char *)scratch, SCRATCH_SIZE, 0);
    if (*got < 0 && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear(); /* reset, or closed by another greenlet */
        *got = 0;
    }
    Py_DECREF(socket);
    return *got < 0 ? -1 : *got > 0;
}

/* Receive by the method _recv(), and keep the bytes. This is the slow way, for TLS, for sockets of
   other classes, and where the time of silence counts. Returns likewise. */
static int
connection_receive_call(ConnectionObject *self)
{
    PyObject *data = PyObject_CallMethod((PyObject *)self, "_recv", NULL);
    Py_buffer view;
    if (data == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(data);
        return -1;
    }
    int result = connection_keep(self, view.buf, (size_t)view.len) < 0 ? -1 : view.len > 0;
    PyBuffer_Release(&view);
    Py_DECREF(data);
    return result;
}

/* Receive once, and read what came. Returns as green_reader_next does. */
static int
connection_receive_once(ConnectionObject *self, green_arrived *arrived)
{
    bool plain = self->plain != NULL && self->ping_interval == Py_None;
    Py_ssize_t got = 0;
    int result = plain ? connection_receive_plain(self, &got) : connection_receive_call(self);
    if (result <= 0) {
        return result < 0 ? -1 : connection_end(self);
    }
    result = plain ? connection_read(self, scratch, (size_t)got, arrived)
                   : connection_read_kept(self, arrived);
    if (result < 0) {
        connection_break(self);
    }
    return result;
}

/* Deal with what is no plain message: returns a compressed message inflated, and None for all else.
   Takes the payload out of `arrived`. New reference, or NULL with an exception. */
static PyObject *
connection_handle(ConnectionObject *self, green_arrived *arrived)
{
    PyObject *payload = arrived->payload;
    arrived->payload = NULL;
    return arrived->compressed
               ? PyObject_CallMethod((PyObject *)self, "_inflate", "iN", arrived->opcode, payload)
               : PyObject_CallMethod((PyObject *)self, "_handle", "iNl", arrived->opcode, payload,
                                     arrived->code);
}

static bool
arrived_is_message(const green_arrived *arrived)
{
    return arrived->opcode == GREEN_OPCODE_TEXT || arrived->opcode == GREEN_OPCODE_BINARY;
}

PyDoc_STRVAR(receive_doc, "receive($self, /)\n--\n\n\
Return the next message, a str or bytes; None when there will be none: the peer has closed, or is gone.\n\n\
Pings are answered meanwhile. Raises ProtocolError when the peer breaks the protocol; the connection\n\
is closed then.");

static PyObject *
connection_receive(PyObject *op, PyObject *Py_UNUSED(unused))
{
    ConnectionObject *self = (ConnectionObject *)op;
    if (connection_open(self) < 0) {
        return NULL;
    }
    for (;;) {
        green_arrived arrived;
        int result = connection_read_kept(self, &arrived);
        if (result < 0) {
            connection_break(self);
        } else if (result == 0) {
            if (self->closed) {
                Py_RETURN_NONE;
            }
            result = connection_receive_once(self, &arrived);
        }
        if (result < 0) {
            return NULL;
        }
        if (result > 0 && arrived_is_message(&arrived) && !arrived.compressed) {
            return arrived.payload;
        }
        if (result > 0) {
            PyObject *handled = connection_handle(self, &arrived);
            if (handled == NULL || arrived_is_message(&arrived)) {
                return handled;
            }
            Py_DECREF(handled);
        } else if (PyErr_CheckSignals() < 0) {
            return NULL;
        }
    }
}

/* ---- sending ---- */

static int
connection_send_call(ConnectionObject *self, green_frame_head *head, const unsigned char *payload)
{
    PyObject *frame = green_writer_frame(head, payload);
    PyObject *done =
        frame == NULL ? NULL : PyObject_CallMethod(self->socket, "sendall", "N", frame);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
connection_send_small(green_socket_call *call, green_frame_head *head, const unsigned char *payload)
{
    unsigned char frame[SMALL_FRAME];
    if (head->masked && green_writer_draw_mask(head->mask) < 0) {
        return -1;
    }
    size_t size = green_frame_write(head, payload, frame);
    return green_socket_send_whole(call, (char *)frame, size, 0);
}

static int
connection_send_masked(green_socket_call *call, green_frame_head *head,
                       const unsigned char *payload)
{
    PyObject *frame = green_writer_frame(head, payload);
    if (frame == NULL) {
        return -1;
    }
    int result =
        green_socket_send_whole(call, PyBytes_AS_STRING(frame), (size_t)PyBytes_GET_SIZE(frame), 0);
    Py_DECREF(frame);
    return result;
}

static int
connection_send_frame(ConnectionObject *self, green_frame_head *head, const unsigned char *payload)
{
    if (self->plain == NULL) {
        return connection_send_call(self, head, payload);
    }
    green_socket_call call = green_socket_call_begin(self->socket, "WebSocket.send");
    if (head->length <= SMALL_FRAME - GREEN_FRAME_HEAD_MAX) {
        return connection_send_small(&call, head, payload);
    }
    if (head->masked) {
        return connection_send_masked(&call, head, payload);
    }
    unsigned char bytes[GREEN_FRAME_HEAD_MAX];
    size_t size = green_frame_head_write(head, bytes);
    return green_socket_send_two(&call, (char *)bytes, size, (const char *)payload,
                                 (size_t)head->length);
}

/* Send a frame with the message deflated. Returns 0, or -1 with an exception. */
static int
connection_send_deflated(ConnectionObject *self, green_frame_head *head, PyObject *message)
{
    PyObject *data = PyObject_CallMethod((PyObject *)self, "_compress", "O", message);
    Py_buffer view;
    if (data == NULL || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        Py_XDECREF(data);
        return -1;
    }
    head->compressed = true;
    head->length = (uint64_t)view.len;
    int result = connection_send_frame(self, head, view.buf);
    PyBuffer_Release(&view);
    Py_DECREF(data);
    return result;
}

/* Send a frame with the `message`, whose bytes are `view`, when its turn comes. Returns 1; 0 if a
   close frame was sent before, so nothing can be; -1 with an exception. */
static int
connection_transmit(ConnectionObject *self, int opcode, PyObject *message, const Py_buffer *view)
{
    if (green_semaphore_acquire_within(self->sending, -1, "WebSocket.send", (PyObject *)self) < 0) {
        return -1;
    }
    int result = 0;
    if (!self->close_sent) {
        self->close_sent = opcode == GREEN_OPCODE_CLOSE;
        green_frame_head head = {.fin = true,
                                 .masked = self->client,
                                 .opcode = (uint8_t)opcode,
                                 .length = (uint64_t)view->len};
        bool deflated = self->deflate_min >= 0 && view->len >= self->deflate_min &&
                        !green_frame_is_control((unsigned)opcode);
        result = deflated ? connection_send_deflated(self, &head, message)
                          : connection_send_frame(self, &head, view->buf);
        if (result < 0) {
            connection_break(self); /* a part of the frame may be out: nothing can follow it */
        } else {
            result = 1;
        }
    }
    green_semaphore_release(self->sending);
    return result;
}

/* Get the bytes of a str, in UTF-8, or of something bytes-like. Returns 0, or -1 with an
   exception. */
static int
payload_get(PyObject *message, Py_buffer *view)
{
    if (!PyUnicode_Check(message)) {
        return PyObject_GetBuffer(message, view, PyBUF_SIMPLE);
    }
    Py_ssize_t count;
    const char *bytes = PyUnicode_AsUTF8AndSize(message, &count);
    return bytes == NULL ? -1 : PyBuffer_FillInfo(view, message, (void *)bytes, count, 1, 0);
}

PyDoc_STRVAR(send_doc, "send($self, message, binary=None)\n--\n\n\
Send a message: a str as text, bytes-like as bytes.\n\n\
binary: True or False says which of the two the peer gets, whatever the message's type. Raises\n\
WebSocketError when the WebSocket is closed, OSError when the connection fails.");

static PyObject *
connection_send(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"message", "binary"};
    PyObject *given[2];
    if (green_arguments("send", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    if (given[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "send() missing required argument 'message'");
        return NULL;
    }
    int binary = given[1] == NULL || given[1] == Py_None ? !PyUnicode_Check(given[0])
                                                         : PyObject_IsTrue(given[1]);
    ConnectionObject *self = (ConnectionObject *)op;
    Py_buffer view;
    if (binary < 0 || connection_open(self) < 0 || payload_get(given[0], &view) < 0) {
        return NULL;
    }
    int opcode = binary ? GREEN_OPCODE_BINARY : GREEN_OPCODE_TEXT;
    int sent = connection_transmit(self, opcode, given[0], &view);
    PyBuffer_Release(&view);
    if (sent == 0) {
        PyErr_SetString(exc_WebSocketError, "the WebSocket is closed");
    }
    return sent > 0 ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(send_control_doc, "_send_frame($self, opcode, payload, /)\n--\n\n\
Send a control frame. Returns False when a close frame was sent before, so nothing can be.");

static PyObject *
connection_send_control(PyObject *op, PyObject *args)
{
    ConnectionObject *self = (ConnectionObject *)op;
    int opcode;
    PyObject *payload;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "iO:_send_frame", &opcode, &payload) || connection_open(self) < 0 ||
        payload_get(payload, &view) < 0) {
        return NULL;
    }
    int sent = -1;
    if (opcode < GREEN_OPCODE_CLOSE || opcode > 15 || view.len > GREEN_FRAME_CONTROL_MAX) {
        PyErr_SetString(PyExc_ValueError, "not a control frame");
    } else {
        sent = connection_transmit(self, opcode, payload, &view);
    }
    PyBuffer_Release(&view);
    return sent < 0 ? NULL : PyBool_FromLong(sent);
}

PyDoc_STRVAR(open_doc, "_open($self, /)\n--\n\n\
Called before the first use of a WebSocket that is not open: a subclass opens it then.");

static PyObject *
connection_refuse(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(unused))
{
    PyErr_SetString(exc_WebSocketError, "the WebSocket is not open");
    return NULL;
}

/* ---- the type ---- */

static PyObject *
connection_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    ConnectionObject *self = (ConnectionObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->ping_interval = Py_NewRef(Py_None);
    }
    return (PyObject *)self;
}

static int
connection_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"socket", "client", "received", "max_message", "deflate_min", NULL};
    ConnectionObject *self = (ConnectionObject *)op;
    PyObject *socket;
    int client;
    Py_buffer received;
    Py_ssize_t limit, deflate_min;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Opy*nn:WebSocketConnection", names, &socket,
                                     &client, &received, &limit, &deflate_min)) {
        return -1;
    }
    int result = -1;
    PyObject *sending = NULL;
    if (limit < 0) {
        PyErr_SetString(PyExc_ValueError, "max_message can't be negative");
    } else if (self->socket != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "a connection is made once");
    } else {
        sending = PyObject_CallNoArgs((PyObject *)Semaphore_Type);
    }
    if (sending != NULL && connection_keep(self, received.buf, (size_t)received.len) == 0) {
        self->reader.masked = !client;
        self->reader.deflate = deflate_min >= 0;
        self->reader.limit = (size_t)limit;
        self->deflate_min = deflate_min;
        self->client = (char)client;
        self->sending = (SemaphoreObject *)Py_NewRef(sending);
        self->socket = Py_NewRef(socket);
        self->plain =
            Py_IS_TYPE(socket, (PyTypeObject *)green_socket_class) ? green_socket_of(socket) : NULL;
        result = 0;
    }
    Py_XDECREF(sending);
    PyBuffer_Release(&received);
    return result;
}

static int
connection_traverse(PyObject *op, visitproc visit, void *arg)
{
    ConnectionObject *self = (ConnectionObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->socket);
    Py_VISIT((PyObject *)self->sending);
    Py_VISIT(self->ping_interval);
    return 0;
}

/* Only finalizers of what the connection had can still call it, and they may need the socket. The
   socket has no reference to the connection, so no cycle needs it cleared here. */
static int
connection_clear(PyObject *op)
{
    ConnectionObject *self = (ConnectionObject *)op;
    Py_XSETREF(self->ping_interval, Py_NewRef(Py_None));
    return 0;
}

static void
connection_dealloc(PyObject *op)
{
    ConnectionObject *self = (ConnectionObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(self->socket);
    Py_CLEAR(self->sending);
    Py_CLEAR(self->ping_interval);
    PyMem_Free(self->unread);
    green_reader_free(&self->reader);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMemberDef connection_members[] = {
    {"socket", T_OBJECT, offsetof(ConnectionObject, socket), READONLY,
     "The socket that the WebSocket goes over; None until it is open."},
    {"client", T_BOOL, offsetof(ConnectionObject, client), READONLY,
     "Whether this end is the client."},
    {"closed", T_BOOL, offsetof(ConnectionObject, closed), 0, "Whether the WebSocket has ended."},
    {"_close_sent", T_BOOL, offsetof(ConnectionObject, close_sent), 0, NULL},
    {"ping_interval", T_OBJECT, offsetof(ConnectionObject, ping_interval), 0,
     "Seconds of silence after which a ping is sent, or None."},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef connection_methods[] = {
    {"receive", connection_receive, METH_NOARGS, receive_doc},
    {"send", (PyCFunction)(void (*)(void))connection_send, METH_FASTCALL | METH_KEYWORDS, send_doc},
    {"_send_frame", connection_send_control, METH_VARARGS, send_control_doc},
    {"_open", connection_refuse, METH_NOARGS, open_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(connection_doc,
             "WebSocketConnection(socket, client, received, max_message, deflate_min)\n--\n\n\
One end of an open WebSocket: its messages. A subclass has _recv(), _handle(opcode, payload, code),\n\
_inflate(opcode, payload), _compress(message) and _end(code).\n\n\
received: bytes that the peer has sent already. max_message: bytes over which a message is refused,\n\
before it is inflated. deflate_min: bytes from which a message is deflated; -1: permessage-deflate was\n\
not agreed on.");

static PyType_Slot connection_slots[] = {
    {Py_tp_doc, (void *)connection_doc},
    {Py_tp_new, connection_new},
    {Py_tp_init, connection_init},
    {Py_tp_dealloc, connection_dealloc},
    {Py_tp_traverse, connection_traverse},
    {Py_tp_clear, connection_clear},
    {Py_tp_methods, connection_methods},
    {Py_tp_members, connection_members},
    {0, NULL},
};

static PyType_Spec connection_spec = {
    .name = "greencore._core.WebSocketConnection",
    .basicsize = sizeof(ConnectionObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = connection_slots,
};

int
green_connection_exec(PyObject *module)
{
    exc_WebSocketError = green_type_new_exception(
        "greencore.websocket.WebSocketError",
        "A WebSocket can't do what it was asked to: its connection has ended.", PyExc_OSError);
    if (exc_WebSocketError == NULL ||
        PyModule_AddObjectRef(module, "WebSocketError", exc_WebSocketError) < 0) {
        return -1;
    }
    PyObject *type = green_type_new(NULL, &connection_spec, NULL);
    int result = type == NULL ? -1 : PyModule_AddType(module, (PyTypeObject *)type);
    Py_XDECREF(type);
    return result;
}
