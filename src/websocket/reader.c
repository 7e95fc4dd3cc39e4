#include "websocket/reader.h"
#include <stdbool.h>
#include <string.h>
#include "greenlet/type.h"
#include "websocket/frame.h"
#include "websocket/message.h"

/* Codes of a close frame (RFC 6455, section 7.4.1). */
enum { CLOSE_PROTOCOL = 1002, CLOSE_NO_CODE = 1005, CLOSE_NOT_UTF8 = 1007, CLOSE_TOO_BIG = 1009 };

/* In place of an opcode: what the peer sent breaks the protocol. */
enum { EVENT_FAILED = -1 };

typedef struct {
    PyObject_HEAD
    bool masked;     /* the peer masks: it is a client */
    bool deflate;    /* permessage-deflate was agreed on */
    size_t limit;    /* bytes of a message, before it is inflated */
    bool ended;      /* a close frame or a failure has come: what follows is dropped */
    bool in_payload; /* `frame` is complete, `left` bytes of its payload are to come */
    uint64_t left;
    green_frame_head frame;
    unsigned char head[GREEN_FRAME_HEAD_MAX];
    size_t head_count;
    unsigned char control[GREEN_FRAME_CONTROL_MAX];
    size_t control_count;
    green_message message;
} ReaderObject;

static PyTypeObject *Reader_Type;

/* Append (opcode, payload, detail). `payload` is stolen and may be NULL, with an exception set. */
static int
reader_emit(PyObject *events, int opcode, PyObject *payload, long detail)
{
    if (payload == NULL) {
        return -1;
    }
    PyObject *event = Py_BuildValue("(iNl)", opcode, payload, detail);
    int result = event == NULL ? -1 : PyList_Append(events, event);
    Py_XDECREF(event);
    return result;
}

static int
reader_fail(ReaderObject *self, PyObject *events, long code, const char *why)
{
    self->ended = true;
    return reader_emit(events, EVENT_FAILED, PyUnicode_FromString(why), code);
}

/* What is wrong with the frame that begins, or NULL. */
static const char *
reader_fault(const ReaderObject *self)
{
    const green_frame_head *frame = &self->frame;
    if (frame->reserved) {
        return "a reserved bit is set";
    }
    if (frame->masked != self->masked) {
        return frame->masked ? "a server's frame is masked" : "a client's frame is not masked";
    }
    if (frame->wasteful || frame->length >> 63) {
        return "a length that is not in the shortest form";
    }
    switch (frame->opcode) {
    case GREEN_OPCODE_CLOSE:
    case GREEN_OPCODE_PING:
    case GREEN_OPCODE_PONG:
        return !frame->fin                               ? "a control frame in fragments"
               : frame->compressed                       ? "a control frame that is compressed"
               : frame->length > GREEN_FRAME_CONTROL_MAX ? "a control frame of over 125 bytes"
                                                         : NULL;
    case GREEN_OPCODE_CONTINUATION:
        return self->message.opcode == 0 ? "a continuation of no message"
               : frame->compressed       ? "a continuation that is marked as compressed"
                                         : NULL;
    case GREEN_OPCODE_TEXT:
    case GREEN_OPCODE_BINARY:
        return self->message.opcode != 0 ? "a message inside another one"
               : frame->compressed && !self->deflate
                   ? "a compressed message, and no extension was agreed on"
                   : NULL;
    default:
        return "an opcode that means nothing";
    }
}

/* 1: go on; 0: failed; -1 with an exception. */
static int
reader_begin_frame(ReaderObject *self, PyObject *events)
{
    green_frame_head_read(&self->frame, self->head);
    self->head_count = 0;
    const char *fault = reader_fault(self);
    if (fault != NULL) {
        return reader_fail(self, events, CLOSE_PROTOCOL, fault);
    }
    self->in_payload = true;
    self->left = self->frame.length;
    if (green_frame_is_control(self->frame.opcode)) {
        self->control_count = 0;
        return 1;
    }
    if (self->frame.length > self->limit - self->message.count) {
        return reader_fail(self, events, CLOSE_TOO_BIG, "a message that is too big");
    }
    if (self->frame.opcode != GREEN_OPCODE_CONTINUATION) {
        self->message.opcode = self->frame.opcode;
        self->message.compressed = self->frame.compressed;
    }
    return 1;
}

/* Those that a peer may send (section 7.4.2). */
static bool
close_code_is_valid(long code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static int
reader_close(ReaderObject *self, PyObject *events)
{
    self->ended = true;
    const unsigned char *bytes = self->control;
    if (self->control_count == 0) {
        return reader_emit(events, GREEN_OPCODE_CLOSE, PyUnicode_FromString(""), CLOSE_NO_CODE);
    }
    long code = self->control_count == 1 ? 0 : bytes[0] << 8 | bytes[1];
    if (!close_code_is_valid(code)) {
        return reader_fail(self, events, CLOSE_PROTOCOL, "a close frame with a wrong code");
    }
    PyObject *reason = PyUnicode_DecodeUTF8((const char *)bytes + 2,
                                            (Py_ssize_t)self->control_count - 2, "strict");
    if (reason == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return reader_fail(self, events, CLOSE_NOT_UTF8,
                           "a close frame with a reason not in UTF-8");
    }
    return reader_emit(events, GREEN_OPCODE_CLOSE, reason, code);
}

/* Fail as soon as a text can't become UTF-8, wherever the peer's bytes were cut. */
static int
reader_check_text(ReaderObject *self, PyObject *events)
{
    int fine = green_message_check(&self->message);
    return fine == 0 ? reader_fail(self, events, CLOSE_NOT_UTF8, "a text that is not UTF-8")
                     : fine - 1;
}

/* 0, or -1 with an exception. */
static int
reader_end_frame(ReaderObject *self, PyObject *events)
{
    self->in_payload = false;
    if (self->frame.opcode == GREEN_OPCODE_CLOSE) {
        return reader_close(self, events);
    }
    if (green_frame_is_control(self->frame.opcode)) {
        return reader_emit(
            events, self->frame.opcode,
            PyBytes_FromStringAndSize((const char *)self->control, (Py_ssize_t)self->control_count),
            0);
    }
    if (!self->frame.fin) {
        return reader_check_text(self, events);
    }
    int opcode = (int)self->message.opcode;
    bool compressed = self->message.compressed;
    PyObject *whole = green_message_finish(&self->message);
    if (whole == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return reader_fail(self, events, CLOSE_NOT_UTF8, "a text that is not UTF-8");
    }
    return reader_emit(events, opcode, whole, compressed);
}

/* Take what there is of the payload. Returns how many bytes; -1 with an exception. */
static Py_ssize_t
reader_take_payload(ReaderObject *self, const unsigned char *from, size_t count)
{
    if (count > self->left) {
        count = (size_t)self->left;
    }
    size_t phase = (size_t)((self->frame.length - self->left) % 4);
    const unsigned char *mask = self->frame.masked ? self->frame.mask : NULL;
    if (!green_frame_is_control(self->frame.opcode)) {
        if (green_message_add(&self->message, from, count, mask, phase) < 0) {
            return -1;
        }
    } else if (mask != NULL) {
        green_frame_mask(self->control + self->control_count, from, count, mask, phase);
        self->control_count += count;
    } else if (count > 0) {
        memcpy(self->control + self->control_count, from, count);
        self->control_count += count;
    }
    self->left -= count;
    return (Py_ssize_t)count;
}

/* Take what there is of a head, whose size its second byte tells. Returns how many bytes. */
static size_t
reader_take_head(ReaderObject *self, const unsigned char *from, size_t count, bool *complete)
{
    size_t taken = 0, size = 2;
    for (;;) {
        if (self->head_count >= 2) {
            size = green_frame_head_size(self->head);
        }
        *complete = self->head_count == size;
        if (*complete || taken == count) {
            return taken;
        }
        self->head[self->head_count++] = from[taken++];
    }
}

static int
reader_run(ReaderObject *self, PyObject *events, const unsigned char *from, size_t count)
{
    while (!self->ended) {
        if (!self->in_payload) {
            bool complete;
            size_t taken = reader_take_head(self, from, count, &complete);
            from += taken;
            count -= taken;
            if (!complete) {
                return 0;
            }
            if (reader_begin_frame(self, events) < 0) {
                return -1;
            }
            continue;
        }
        Py_ssize_t taken = reader_take_payload(self, from, count);
        if (taken < 0) {
            return -1;
        }
        from += taken;
        count -= (size_t)taken;
        if (self->left > 0) {
            break;
        }
        if (reader_end_frame(self, events) < 0) {
            return -1;
        }
    }
    return self->ended ? 0 : reader_check_text(self, events);
}

PyDoc_STRVAR(feed_doc, "feed($self, data, /)\n--\n\n\
Take bytes that the peer has sent; return a list of events, each (opcode, payload, detail).\n\n\
Text is (1, str, 0), bytes (2, bytes, 0); a message that is compressed still has bytes, and 1 for\n\
its detail. Pings and pongs are (9, bytes, 0) and (10, bytes, 0). A close frame is (8, reason,\n\
code), code 1005 where it has none. What breaks the protocol is (-1, why, code), the code being\n\
that for the close frame that answers. What comes after the last two is dropped.\n\n\
data: bytes-like. Raises MemoryError.");

static PyObject *
Reader_feed(PyObject *op, PyObject *data)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    PyObject *events = PyList_New(0);
    if (events != NULL && reader_run((ReaderObject *)op, events, view.buf, (size_t)view.len) < 0) {
        Py_CLEAR(events);
    }
    PyBuffer_Release(&view);
    return events;
}

static PyObject *
Reader_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"masked", "max_message", "deflate", NULL};
    int masked, deflate = 0;
    Py_ssize_t limit;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "pn|p:WebSocketReader", names, &masked, &limit,
                                     &deflate)) {
        return NULL;
    }
    if (limit < 0) {
        PyErr_SetString(PyExc_ValueError, "max_message can't be negative");
        return NULL;
    }
    ReaderObject *self = (ReaderObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->masked = masked;
        self->deflate = deflate;
        self->limit = (size_t)limit;
    }
    return (PyObject *)self;
}

static void
Reader_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    green_message_free(&((ReaderObject *)op)->message);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(reader_doc, "WebSocketReader(masked, max_message, deflate=False)\n--\n\n\
Makes messages from the bytes that a WebSocket's peer sends (RFC 6455).\n\n\
masked: the peer is a client, whose frames are masked. max_message: bytes, over which a message is\n\
refused (1009), before it is inflated. deflate: permessage-deflate was agreed on (RFC 7692).");

static PyMethodDef reader_methods[] = {
    {"feed", Reader_feed, METH_O, feed_doc},
    {NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, (void *)reader_doc},
    {Py_tp_new, Reader_new},
    {Py_tp_dealloc, Reader_dealloc},
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    .name = "greencore._core.WebSocketReader",
    .basicsize = sizeof(ReaderObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = reader_slots,
};

int
green_reader_exec(PyObject *module)
{
    Reader_Type = (PyTypeObject *)green_type_new(NULL, &reader_spec, NULL);
    return Reader_Type == NULL ? -1 : PyModule_AddType(module, Reader_Type);
}
