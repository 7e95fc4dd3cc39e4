/* Reads a request's body as a sequence of bytes, whatever its framing. */
#ifndef GREEN_HTTP_BODY_H
#define GREEN_HTTP_BODY_H

#include <Python.h>
#include <stdbool.h>
#include "http/head.h"
#include "http/service.h"
#include "http/source.h"

typedef struct green_body {
    uint8_t kind;       /* green_body_kind */
    bool done;          /* all was read, its framing included */
    bool failed;        /* nothing that follows can be understood */
    bool at_size_line;  /* the framing that comes next is a chunk's first line, else the trailers */
    bool in_extension;  /* in a chunk's extension, which lenience drops */
    uint64_t remaining; /* bytes to come of the body, or of the chunk */
    uint64_t position;  /* bytes of the body that were taken */
    uint64_t framing;   /* bytes of framing since the last data, or of trailers */
    green_refusal refusal; /* why the body failed, if the client is to be told */
} green_body;

/* The OSError that is raised for a body that the client has sent wrongly. The request is refused
   for it. */
extern PyObject *green_exc_InvalidClientInput;

/* Returns how many bytes of the body are in the source's buffer, which is filled first if it has
   none. 0 at the end of the body; -1 with an exception. */
Py_ssize_t green_body_peek(green_body *body, green_head *head, green_source *source,
                           const ServiceObject *service);

/* Take the first `count` of the bytes that green_body_peek has told of. Returns 0, or -1 with an
   exception. */
int green_body_take(green_body *body, green_head *head, green_source *source, size_t count);

/* Read bytes of the body. Returns how many, from 1 to `size`; 0 at the end; -1 with an
   exception. */
Py_ssize_t green_body_read(green_body *body, green_head *head, green_source *source,
                           const ServiceObject *service, char *into, size_t size);

int green_body_exec(PyObject *module);

#endif
