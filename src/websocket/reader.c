#include "websocket/reader.h"
#include <string.h>

/* Codes of a close frame (RFC 6455, section 7.4.1). */
enum { CLOSE_PROTOCOL = 1002, CLOSE_NO_CODE = 1005, CLOSE_NOT_UTF8 = 1007, CLOSE_TOO_BIG = 1009 };

/* The functions below return 1 when something has arrived, 0 to go on, -1 with an exception. */

/* Fill in `arrived`. `payload` is stolen; it may be NULL, with an exception set. */
static int
reader_emit(green_arrived *arrived, int opcode, PyObject *payload, long code)
{
    *arrived = (green_arrived){.opcode = opcode, .code = code, .payload = payload};
    return payload == NULL ? -1 : 1;
}

static int
reader_fail(green_reader *reader, green_arrived *arrived, long code, const char *why)
{
    reader->ended = true;
    return reader_emit(arrived, GREEN_ARRIVAL_FAILED, PyUnicode_FromString(why), code);
}

/* Returns what is wrong with the frame that begins, or NULL. */
static const char *
reader_fault(const green_reader *reader)
{
    const green_frame_head *frame = &reader->frame;
    if (frame->reserved) {
        return "a reserved bit is set";
    }
    if (frame->masked != reader->masked) {
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
        return reader->message.opcode == 0 ? "a continuation of no message"
               : frame->compressed         ? "a continuation that is marked as compressed"
                                           : NULL;
    case GREEN_OPCODE_TEXT:
    case GREEN_OPCODE_BINARY:
        return reader->message.opcode != 0 ? "a message inside another one"
               : frame->compressed && !reader->deflate
                   ? "a compressed message, and no extension was agreed on"
                   : NULL;
    default:
        return "an opcode that means nothing";
    }
}

static int
reader_begin_frame(green_reader *reader, green_arrived *arrived)
{
    const char *fault = reader_fault(reader);
    if (fault != NULL) {
        return reader_fail(reader, arrived, CLOSE_PROTOCOL, fault);
    }
    reader->in_payload = true;
    reader->left = reader->frame.length;
    if (green_frame_is_control(reader->frame.opcode)) {
        reader->control_count = 0;
        return 0;
    }
    if (reader->frame.length > reader->limit - reader->message.count) {
        return reader_fail(reader, arrived, CLOSE_TOO_BIG, "a message that is too big");
    }
    if (reader->frame.opcode != GREEN_OPCODE_CONTINUATION) {
        reader->message.opcode = reader->frame.opcode;
        reader->message.compressed = reader->frame.compressed;
    }
    return 0;
}

/* Whether a peer may send this code (section 7.4.2). */
static bool
close_code_is_valid(long code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static int
reader_close(green_reader *reader, green_arrived *arrived)
{
    reader->ended = true;
    const unsigned char *bytes = reader->control;
    if (reader->control_count == 0) {
        return reader_emit(arrived, GREEN_OPCODE_CLOSE, PyUnicode_FromString(""), CLOSE_NO_CODE);
    }
    long code = reader->control_count == 1 ? 0 : bytes[0] << 8 | bytes[1];
    if (!close_code_is_valid(code)) {
        return reader_fail(reader, arrived, CLOSE_PROTOCOL, "a close frame with a wrong code");
    }
    PyObject *reason = PyUnicode_DecodeUTF8((const char *)bytes + 2,
                                            (Py_ssize_t)reader->control_count - 2, "strict");
    if (reason == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return reader_fail(reader, arrived, CLOSE_NOT_UTF8,
                           "a close frame with a reason not in UTF-8");
    }
    return reader_emit(arrived, GREEN_OPCODE_CLOSE, reason, code);
}

/* Fail as soon as a text can't become UTF-8, wherever the peer's bytes were cut. */
static int
reader_check_text(green_reader *reader, green_arrived *arrived)
{
    int fine = green_message_check(&reader->message);
    return fine == 0  ? reader_fail(reader, arrived, CLOSE_NOT_UTF8, "a text that is not UTF-8")
           : fine < 0 ? -1
                      : 0;
}

/* Tell of a message that is complete: `whole` (stolen), or NULL with an exception. */
static int
reader_end_message(green_reader *reader, green_arrived *arrived, PyObject *whole, int opcode,
                   bool compressed)
{
    if (whole == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
        PyErr_Clear();
        return reader_fail(reader, arrived, CLOSE_NOT_UTF8, "a text that is not UTF-8");
    }
    int result = reader_emit(arrived, opcode, whole, 0);
    arrived->compressed = compressed;
    return result;
}

static int
reader_end_frame(green_reader *reader, green_arrived *arrived)
{
    reader->in_payload = false;
    if (reader->frame.opcode == GREEN_OPCODE_CLOSE) {
        return reader_close(reader, arrived);
    }
    if (green_frame_is_control(reader->frame.opcode)) {
        return reader_emit(arrived, reader->frame.opcode,
                           PyBytes_FromStringAndSize((const char *)reader->control,
                                                     (Py_ssize_t)reader->control_count),
                           0);
    }
    if (!reader->frame.fin) {
        return reader_check_text(reader, arrived);
    }
    int opcode = (int)reader->message.opcode;
    bool compressed = reader->message.compressed;
    PyObject *whole = green_message_finish(&reader->message);
    return reader_end_message(reader, arrived, whole, opcode, compressed);
}

/* Take a message that is all here, in a single frame. The message itself is the only copy that is
   made. */
static int
reader_take_whole(green_reader *reader, unsigned char *from, green_arrived *arrived)
{
    green_message *message = &reader->message;
    int opcode = (int)message->opcode;
    reader->in_payload = false;
    message->opcode = 0;
    PyObject *whole =
        green_message_whole(opcode == GREEN_OPCODE_TEXT && !message->compressed, from,
                            (size_t)reader->left, reader->masked ? reader->frame.mask : NULL);
    return reader_end_message(reader, arrived, whole, opcode, message->compressed);
}

static bool
reader_has_whole(const green_reader *reader, size_t count)
{
    const green_frame_head *frame = &reader->frame;
    return frame->fin && frame->length == reader->left && frame->length <= count &&
           (frame->opcode == GREEN_OPCODE_TEXT || frame->opcode == GREEN_OPCODE_BINARY);
}

/* Take what there is of the payload. Returns how many bytes; -1 with an exception. */
static Py_ssize_t
reader_take_payload(green_reader *reader, const unsigned char *from, size_t count)
{
    if (count > reader->left) {
        count = (size_t)reader->left;
    }
    size_t phase = (size_t)((reader->frame.length - reader->left) % 4);
    const unsigned char *mask = reader->frame.masked ? reader->frame.mask : NULL;
    if (!green_frame_is_control(reader->frame.opcode)) {
        if (green_message_add(&reader->message, from, count, mask, phase) < 0) {
            return -1;
        }
    } else if (mask != NULL) {
        green_frame_mask(reader->control + reader->control_count, from, count, mask, phase);
        reader->control_count += count;
    } else if (count > 0) {
        memcpy(reader->control + reader->control_count, from, count);
        reader->control_count += count;
    }
    reader->left -= count;
    return (Py_ssize_t)count;
}

/* Take what there is of a head, whose second byte tells its size. Returns how many bytes. */
static size_t
reader_take_head(green_reader *reader, const unsigned char *from, size_t count, bool *complete)
{
    if (reader->head_count == 0 && count >= 2 && count >= green_frame_head_size(from)) {
        green_frame_head_read(&reader->frame, from);
        *complete = true;
        return green_frame_head_size(from);
    }
    size_t taken = 0, size = 2;
    for (;;) {
        if (reader->head_count >= 2) {
            size = green_frame_head_size(reader->head);
        }
        *complete = reader->head_count == size;
        if (*complete || taken == count) {
            break;
        }
        reader->head[reader->head_count++] = from[taken++];
    }
    if (*complete) {
        green_frame_head_read(&reader->frame, reader->head);
        reader->head_count = 0;
    }
    return taken;
}

/* Take a head, or what there is of a payload. */
static int
reader_step(green_reader *reader, unsigned char *from, size_t count, size_t *taken,
            green_arrived *arrived)
{
    if (!reader->in_payload) {
        bool complete;
        *taken = reader_take_head(reader, from, count, &complete);
        return complete ? reader_begin_frame(reader, arrived) : 0;
    }
    if (reader_has_whole(reader, count)) {
        *taken = (size_t)reader->left;
        return reader_take_whole(reader, from, arrived);
    }
    Py_ssize_t part = reader_take_payload(reader, from, count);
    if (part < 0) {
        return -1;
    }
    *taken = (size_t)part;
    return reader->left > 0 ? 0 : reader_end_frame(reader, arrived);
}

int
green_reader_next(green_reader *reader, unsigned char *from, size_t count, size_t *taken,
                  green_arrived *arrived)
{
    size_t done = 0;
    int result = 0;
    /* A frame without payload ends without another byte. */
    while (result == 0 && !reader->ended &&
           (done < count || (reader->in_payload && reader->left == 0))) {
        size_t step = 0;
        result = reader_step(reader, from + done, count - done, &step, arrived);
        done += step;
    }
    if (result == 0 && !reader->ended) {
        result = reader_check_text(reader, arrived);
    }
    if (result < 0) {
        reader->ended = true;
    }
    *taken = reader->ended ? count : done;
    return result;
}

void
green_reader_free(green_reader *reader)
{
    green_message_free(&reader->message);
}
