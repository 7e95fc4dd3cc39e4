/* The head of an answer as text, each part checked when it is added. */
#ifndef GREEN_HTTP_ANSWER_H
#define GREEN_HTTP_ANSWER_H

#include <Python.h>
#include <stdbool.h>
#include "http/buffer.h"

/* What one field says that the server must know of. */
typedef enum {
    GREEN_ANSWER_OTHER,
    GREEN_ANSWER_CONTENT_LENGTH,
    GREEN_ANSWER_TRANSFER_ENCODING,
    GREEN_ANSWER_CONNECTION,
    GREEN_ANSWER_DATE,
} green_answer_field;

/* "HTTP/1.1 STATUS". The code; -1 with UnicodeError or ValueError. */
int green_answer_status(green_buffer *out, PyObject *status);

/* "Name: value", both str, or bytes where the server made them. The kind of field, with *text and
 *length (in `out`) the value; -1 with UnicodeError or ValueError. */
int green_answer_add(green_buffer *out, PyObject *name, PyObject *value, bool bytes_too,
                     size_t *text, size_t *length);

/* A field known to be right. -1: MemoryError. */
int green_answer_append(green_buffer *out, const char *name, const char *value, size_t length);

/* The decimal number; -1 with ValueError. */
Py_ssize_t green_answer_number(const char *text, size_t length);

/* Whether a list of tokens, separated by commas, has this one (lower case). */
bool green_answer_has_token(const char *list, size_t length, const char *token);

#endif
