#include "websocket/message.h"
#include <string.h>

enum { ROOM_MIN = 512, ROOM_KEPT = 16 * 1024 };

/* Make room for `count` more bytes, which are here, by doubling: a length that was only announced
   reserves nothing. Returns 0, or -1 with MemoryError. */
static int
message_reserve(green_message *message, size_t count)
{
    if (count <= message->room - message->count) {
        return 0;
    }
    size_t room = message->room < ROOM_MIN ? ROOM_MIN : message->room;
    while (room - message->count < count) {
        room *= 2;
    }
    char *bytes = PyMem_Realloc(message->bytes, room);
    if (bytes == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    message->bytes = bytes;
    message->room = room;
    return 0;
}

int
green_message_add(green_message *message, const unsigned char *from, size_t count,
                  const unsigned char *mask, size_t phase)
{
    if (message_reserve(message, count) < 0) {
        return -1;
    }
    unsigned char *into = (unsigned char *)message->bytes + message->count;
    if (mask != NULL) {
        green_frame_mask(into, from, count, mask, phase);
    } else if (count > 0) {
        memcpy(into, from, count);
    }
    message->count += count;
    return 0;
}

int
green_message_check(green_message *message)
{
    if (message->opcode != GREEN_OPCODE_TEXT || message->compressed ||
        message->checked == message->count) {
        return 1;
    }
    /* The decoder stops before a character whose end is missing, and refuses bytes with which none
       begins. */
    Py_ssize_t used = 0;
    PyObject *text = PyUnicode_DecodeUTF8Stateful(message->bytes + message->checked,
                                                  (Py_ssize_t)(message->count - message->checked),
                                                  "strict", &used);
    if (text == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    Py_DECREF(text);
    message->checked += (size_t)used;
    return 1;
}

PyObject *
green_message_finish(green_message *message)
{
    PyObject *whole =
        message->opcode == GREEN_OPCODE_TEXT && !message->compressed
            ? PyUnicode_DecodeUTF8(message->bytes, (Py_ssize_t)message->count, "strict")
            : PyBytes_FromStringAndSize(message->bytes, (Py_ssize_t)message->count);
    message->opcode = 0;
    message->count = message->checked = 0;
    if (message->room > ROOM_KEPT) {
        green_message_free(message);
    }
    return whole;
}

PyObject *
green_message_whole(bool text, unsigned char *from, size_t count, const unsigned char *mask)
{
    if (text) {
        if (mask != NULL) {
            green_frame_mask(from, from, count, mask, 0);
        }
        return PyUnicode_DecodeUTF8((const char *)from, (Py_ssize_t)count, "strict");
    }
    if (mask == NULL) {
        return PyBytes_FromStringAndSize((const char *)from, (Py_ssize_t)count);
    }
    PyObject *whole = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)count);
    if (whole != NULL && count > 0) {
        green_frame_mask((unsigned char *)PyBytes_AS_STRING(whole), from, count, mask, 0);
    }
    return whole;
}

void
green_message_free(green_message *message)
{
    PyMem_Free(message->bytes);
    message->bytes = NULL;
    message->room = message->count = message->checked = 0;
}
