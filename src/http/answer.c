#include "http/answer.h"

#include <strings.h>
#include "http/head.h"

/* ---- text ---- */

/* Find the Latin-1 bytes of a str or, with bytes_too, the bytes of a bytes; *text is borrowed from
   it. `what` names it in errors. Returns 0, or -1 with UnicodeError. */
static int
text_get(PyObject *object, const char *what, bool bytes_too, const char **text, size_t *length)
{
    if (PyUnicode_Check(object)) {
        if (PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
            PyErr_Format(PyExc_UnicodeError, "The %s has characters that Latin-1 lacks: %R", what,
                         object);
            return -1;
        }
        *text = (const char *)PyUnicode_1BYTE_DATA(object);
        *length = (size_t)PyUnicode_GET_LENGTH(object);
        return 0;
    }
    if (bytes_too && PyBytes_Check(object)) {
        *text = PyBytes_AS_STRING(object);
        *length = (size_t)PyBytes_GET_SIZE(object);
        return 0;
    }
    PyErr_Format(PyExc_UnicodeError, "The %s must be a str: %R", what, object);
    return -1;
}

/* Whether one of eight bytes is below 0x20. */
static inline bool
has_control(uint64_t bytes)
{
    const uint64_t each = 0x0101010101010101u;
    return ((bytes - 0x20 * each) & ~bytes & 0x80 * each) != 0;
}

/* Returns how many bytes at the beginning are known to be no control characters. It looks at 8 and
   4 bytes at a time, so there may be more. */
static size_t
text_plain(const char *text, size_t length)
{
    size_t count = 0;
    for (; length - count >= 8; count += 8) {
        uint64_t bytes;
        memcpy(&bytes, text + count, 8);
        if (has_control(bytes)) {
            return count;
        }
    }
    if (length - count >= 4) {
        uint32_t bytes;
        memcpy(&bytes, text + count, 4);
        count += has_control(bytes | (uint64_t)bytes << 32) ? 0 : 4;
    }
    return count;
}

/* Refuse CR and LF, which would begin another field, and NUL, at which others may stop reading.
   Returns 0, or -1 with ValueError. */
static int
text_check(const char *text, size_t length, const char *what)
{
    for (size_t i = text_plain(text, length); i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20) {
            continue;
        }
        if (c == '\r' || c == '\n') {
            PyErr_Format(PyExc_ValueError, "carriage return or newline in %s", what);
            return -1;
        }
        if (c == '\0') {
            PyErr_Format(PyExc_ValueError, "null character in %s", what);
            return -1;
        }
    }
    return 0;
}

/* Whether a token may have this character (RFC 9110, 5.6.2). */
static bool
is_token(unsigned char c)
{
    static const char tokens[] = "--------------------------------"
                                 "-+-+++++--++-++-++++++++++------"
                                 "-++++++++++++++++++++++++++---++"
                                 "+++++++++++++++++++++++++++-+-+-"
                                 "--------------------------------"
                                 "--------------------------------"
                                 "--------------------------------"
                                 "--------------------------------";
    return tokens[c] == '+';
}

static int
name_check(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!is_token((unsigned char)name[i])) {
            if (text_check(name, length, "header name") == 0) {
                PyErr_SetString(PyExc_ValueError, "invalid character in header name");
            }
            return -1;
        }
    }
    if (length == 0) {
        PyErr_SetString(PyExc_ValueError, "empty header name");
        return -1;
    }
    return 0;
}

/* ---- the parts ---- */

int
green_answer_status(green_buffer *out, PyObject *status)
{
    const char *text;
    size_t length;
    if (text_get(status, "status", false, &text, &length) < 0 ||
        text_check(text, length, "status") < 0) {
        return -1;
    }
    if (length < 3 || (length > 3 && text[3] != ' ') || text[0] < '1' || text[0] > '9' ||
        text[1] < '0' || text[1] > '9' || text[2] < '0' || text[2] > '9') {
        PyErr_Format(PyExc_ValueError, "invalid status: %R", status);
        return -1;
    }
    if (green_buffer_append(out, "HTTP/1.1 ", 9) < 0 ||
        green_buffer_append(out, text, length) < 0 ||
        green_buffer_append(out, " \r\n" + (length > 3), length > 3 ? 2 : 3) < 0) {
        return -1;
    }
    return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

static green_answer_field
field_kind(const char *name, size_t length)
{
    switch (length) {
    case 4:
        return green_field_is(name, "date", 4) ? GREEN_ANSWER_DATE : GREEN_ANSWER_OTHER;
    case 10:
        return green_field_is(name, "connection", 10) ? GREEN_ANSWER_CONNECTION
                                                      : GREEN_ANSWER_OTHER;
    case 14:
        return green_field_is(name, "content-length", 14) ? GREEN_ANSWER_CONTENT_LENGTH
                                                          : GREEN_ANSWER_OTHER;
    case 17:
        return green_field_is(name, "transfer-encoding", 17) ? GREEN_ANSWER_TRANSFER_ENCODING
                                                             : GREEN_ANSWER_OTHER;
    default:
        return GREEN_ANSWER_OTHER;
    }
}

int
green_answer_add(green_buffer *out, PyObject *name, PyObject *value, bool bytes_too, size_t *text,
                 size_t *length)
{
    const char *name_text, *value_text;
    size_t name_length, value_length;
    if (text_get(name, "header name", bytes_too, &name_text, &name_length) < 0 ||
        text_get(value, "header value", bytes_too, &value_text, &value_length) < 0 ||
        name_check(name_text, name_length) < 0 ||
        text_check(value_text, value_length, "header value") < 0 ||
        green_buffer_reserve(out, name_length + value_length + 4) < 0) {
        return -1;
    }
    char *end = out->data + out->end;
    memcpy(end, name_text, name_length);
    end += name_length;
    *end++ = ':';
    *end++ = ' ';
    memcpy(end, value_text, value_length);
    *text = (size_t)(end - out->data);
    *length = value_length;
    end += value_length;
    *end++ = '\r';
    *end++ = '\n';
    out->end = (size_t)(end - out->data);
    return (int)field_kind(name_text, name_length);
}

int
green_answer_append(green_buffer *out, const char *name, const char *value, size_t length)
{
    if (green_buffer_append(out, name, strlen(name)) < 0 || green_buffer_append(out, ": ", 2) < 0 ||
        green_buffer_append(out, value, length) < 0) {
        return -1;
    }
    return green_buffer_append(out, "\r\n", 2);
}

Py_ssize_t
green_answer_number(const char *text, size_t length)
{
    Py_ssize_t number = 0;
    bool valid = length > 0 && length < 19;
    for (size_t i = 0; valid && i < length; i++) {
        valid = text[i] >= '0' && text[i] <= '9';
        number = number * 10 + (text[i] - '0');
    }
    if (!valid) {
        PyErr_SetString(PyExc_ValueError, "Content-Length must be a decimal number");
        return -1;
    }
    return number;
}

bool
green_answer_has_token(const char *list, size_t length, const char *token)
{
    size_t wanted = strlen(token);
    for (size_t i = 0; i < length;) {
        while (i < length && (list[i] == ' ' || list[i] == '\t' || list[i] == ',')) {
            i++;
        }
        size_t start = i;
        while (i < length && list[i] != ',') {
            i++;
        }
        size_t end = i;
        while (end > start && (list[end - 1] == ' ' || list[end - 1] == '\t')) {
            end--;
        }
        if (end - start == wanted && strncasecmp(list + start, token, wanted) == 0) {
            return true;
        }
    }
    return false;
}
