/* A request's body as a sequence of bytes, whatever its framing. */
#ifndef GREEN_HTTP_BODY_H
#define GREEN_HTTP_BODY_H

#include <Python.h>
#include <stdbool.h>
#include "http/head.h"
#include "http/service.h"
#include "http/source.h"

typedef struct green_body {
    uint8_t kind;      /* green_body_kind */
    bool done;         /* all was read, its framing included */
    bool failed;       /* nothing behind can be understood */
    bool at_size_line; /* llhttp is at a chunk's first line; for lenience with extensions */
    bool in_extension; /* likewise, behind its ";" */
    uint64_t
        remaining;     /* bytes of the body, or of the chunk; UINT64_MAX: it ends with the source */
    uint64_t position; /* bytes taken */
    uint64_t framing;  /* bytes of framing since the last data, or of trailers */
    green_refusal refusal; /* why it failed, where the client is to be told */
} green_body;

/* OSError of a body that the client has sent wrongly: it is refused for that. */
extern PyObject *green_exc_InvalidClientInput;

/* Bytes of the body that are in the source's buffer, after one call to its `fill` if there are
   none. 0 at the end; -1 with an exception. */
Py_ssize_t green_body_peek(green_body *body, green_head *head, green_source *source,
                           const ServiceObject *service);

/* They were used. -1 with an exception. */
int green_body_take(green_body *body, green_head *head, green_source *source, size_t count);

/* 1 to `size` bytes of it; 0 at the end; -1 with an exception. */
Py_ssize_t green_body_read(green_body *body, green_head *head, green_source *source,
                           const ServiceObject *service, char *into, size_t size);

int green_body_exec(PyObject *module);

#endif
