/* Makes the head of an answer as text. Each part is checked when it is added. */
#ifndef GREEN_HTTP_ANSWER_H
#define GREEN_HTTP_ANSWER_H

#include <Python.h>
#include <stdbool.h>
#include "http/buffer.h"

/* Fields that the server has to look at. */
typedef enum {
    GREEN_ANSWER_OTHER,
    GREEN_ANSWER_CONTENT_LENGTH,
    GREEN_ANSWER_TRANSFER_ENCODING,
    GREEN_ANSWER_CONNECTION,
    GREEN_ANSWER_DATE,
} green_answer_field;

/* Append the line "HTTP/1.1 STATUS". Returns the status code, or -1 with UnicodeError, ValueError
   or MemoryError. */
int green_answer_status(green_buffer *out, PyObject *status);

/* Append the field "Name: value". Both are str; with bytes_too, for fields that the server has
   made, they may be bytes. Returns the field's green_answer_field; in `out->data`, the value is
   *length bytes from the offset *text on. -1 with UnicodeError, ValueError or MemoryError. */
int green_answer_add(green_buffer *out, PyObject *name, PyObject *value, bool bytes_too,
                     size_t *text, size_t *length);

/* Append a field without checking it. Returns 0, or -1 with MemoryError. */
int green_answer_append(green_buffer *out, const char *name, const char *value, size_t length);

/* Returns the decimal number that the text is, or -1 with ValueError. */
Py_ssize_t green_answer_number(const char *text, size_t length);

/* Whether a list of tokens, separated by commas, has `token`, which is in lower case. */
bool green_answer_has_token(const char *list, size_t length, const char *token);

#endif
