#include "websocket/writer.h"
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nobody may foretell the mask (RFC 6455, section 10.3). This is a bare system call, because the C
   libraries that wheels are for may be older than getrandom(). */
int
green_writer_draw_mask(unsigned char mask[4])
{
    while (syscall(SYS_getrandom, mask, 4, 0) != 4) {
        if (errno != EINTR) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        if (PyErr_CheckSignals() < 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *
green_writer_frame(green_frame_head *head, const unsigned char *payload)
{
    if (head->masked && green_writer_draw_mask(head->mask) < 0) {
        return NULL;
    }
    unsigned char bytes[GREEN_FRAME_HEAD_MAX];
    size_t size = green_frame_head_write(head, bytes);
    if (head->length > (uint64_t)PY_SSIZE_T_MAX - size) {
        return PyErr_NoMemory();
    }
    PyObject *frame = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(size + head->length));
    if (frame == NULL) {
        return NULL;
    }
    green_frame_write(head, payload, (unsigned char *)PyBytes_AS_STRING(frame));
    return frame;
}

PyDoc_STRVAR(frame_doc,
             "websocket_frame(opcode, payload, fin=True, compressed=False, masked=False)\n--\n\n\
Return the bytes of one frame (RFC 6455, section 5.2).\n\n\
opcode: 0 to 15. payload: str, sent as UTF-8, or bytes-like. compressed: sets RSV1, which says that\n\
the message is deflated. masked: as a client must, with a mask drawn at random. Raises ValueError for\n\
an opcode that there can't be, UnicodeEncodeError for a lone surrogate.");

static PyObject *
core_websocket_frame(PyObject *module, PyObject *args, PyObject *kwargs)
{
    (void)module;
    static char *names[] = {"opcode", "payload", "fin", "compressed", "masked", NULL};
    int opcode, fin = 1, compressed = 0, masked = 0;
    Py_buffer payload;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "is*|ppp:websocket_frame", names, &opcode,
                                     &payload, &fin, &compressed, &masked)) {
        return NULL;
    }
    PyObject *frame = NULL;
    if (opcode < 0 || opcode > 15) {
        PyErr_SetString(PyExc_ValueError, "an opcode has four bits");
    } else {
        green_frame_head head = {.fin = fin,
                                 .compressed = compressed,
                                 .masked = masked,
                                 .opcode = (uint8_t)opcode,
                                 .length = (uint64_t)payload.len};
        frame = green_writer_frame(&head, payload.buf);
    }
    PyBuffer_Release(&payload);
    return frame;
}

static PyMethodDef writer_functions[] = {
    {"websocket_frame", (PyCFunction)(void (*)(void))core_websocket_frame,
     METH_VARARGS | METH_KEYWORDS, frame_doc},
    {NULL},
};

int
green_writer_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, writer_functions);
}
