/* A source is where a request's bytes come from: a connection, or any file of Python's. */
#ifndef GREEN_HTTP_SOURCE_H
#define GREEN_HTTP_SOURCE_H

#include <Python.h>
#include "http/buffer.h"

typedef struct green_source {
    green_buffer buffer;
    /* Put more bytes into the buffer, which may have some. `wanted`: how many bytes the caller
       knows that it needs; 0: it needs a line. Returns 1; 0 at the end; -1 with an exception. */
    int (*fill)(struct green_source *source, size_t wanted);
    /* Read bytes without the buffer, which is empty. Returns how many, from 1 to `size`; 0 at the
       end; -1 with an exception. */
    Py_ssize_t (*read)(struct green_source *source, char *into, size_t size);
} green_source;

#endif
