#include "http/body.h"

#include "greenlet/type.h"

PyObject *green_exc_InvalidClientInput;

enum { BIGGEST_CHUNK_BITS = 60 };

static int
body_invalid(green_body *body, int status, const char *why)
{
    body->failed = true;
    body->refusal = (green_refusal){status, why};
    PyErr_SetString(green_exc_InvalidClientInput, why);
    return -1;
}

static int
body_cut(green_body *body)
{
    body->failed = true;
    if (body->kind == GREEN_BODY_CHUNKED) {
        PyErr_SetString(PyExc_OSError, "unexpected end of file while parsing chunked data");
    } else {
        PyErr_Format(PyExc_OSError, "unexpected end of file while reading request at position %llu",
                     (unsigned long long)body->position);
    }
    return -1;
}

/* Note that the body has failed at a read that returned `got`: 0, the connection has ended, or -1
   with an exception. A client that sent nothing in time will be told so. Returns -1. */
static int
body_failed(green_body *body, Py_ssize_t got)
{
    body->failed = true;
    if (got == 0) {
        return body_cut(body);
    }
    if (PyErr_ExceptionMatches(PyExc_TimeoutError)) {
        body->refusal = (green_refusal){408, "Timed out"};
    }
    return -1;
}

static int
body_fill(green_body *body, green_source *source, size_t wanted)
{
    int got = source->fill(source, wanted);
    return got > 0 ? 0 : body_failed(body, got);
}

/* ---- framing of chunks ---- */

/* Drop what is in chunks' extensions, for services that let anything through: llhttp sees the lines
   without them. Of the `count` bytes from `start` on, returns how many to feed to llhttp, and in
   *skip how many to drop after those. */
static size_t
body_skip_extension(green_body *body, const char *start, size_t count, size_t *skip)
{
    *skip = 0;
    if (body->in_extension) {
        const char *end = memchr(start, '\r', count);
        *skip = end == NULL ? count : (size_t)(end - start);
        body->in_extension = end == NULL;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (start[i] == ';') {
            body->in_extension = true;
            return i;
        }
        if (start[i] == '\n') {
            return i + 1;
        }
    }
    return count;
}

static int
body_after_framing(green_body *body, green_head *head, const ServiceObject *service)
{
    uint64_t size = head->parser.content_length;
    if (size == 0) {
        body->remaining = 0;
        body->at_size_line = false;
        body->framing = 1; /* trailers have a bound of their own */
        return 0;
    }
    if (size >> BIGGEST_CHUNK_BITS || body->position + size > (uint64_t)service->max_body) {
        return body_invalid(body, 413, "body too large");
    }
    body->remaining = size;
    body->framing = 0;
    return 0;
}

/* Read the framing up to the next data, or to the end of the body. */
static int
body_frame(green_body *body, green_head *head, green_source *source, const ServiceObject *service)
{
    llhttp_t *parser = &head->parser;
    while (body->remaining == 0 && !body->done) {
        size_t most =
            (size_t)(body->at_size_line ? service->max_chunk_line : service->max_trailer_bytes);
        if (body->framing >= most + 2) {
            return body_invalid(
                body, 400, body->at_size_line ? "chunk extension too long" : "trailers too long");
        }
        green_buffer *buffer = &source->buffer;
        if (green_buffer_count(buffer) == 0 && body_fill(body, source, 0) < 0) {
            return -1;
        }
        const char *start = green_buffer_start(buffer);
        size_t count = green_buffer_count(buffer), skip = 0;
        if (count > most + 2 - body->framing) {
            count = most + 2 - body->framing;
        }
        if (body->at_size_line && service->lenient_chunk_extensions) {
            count = body_skip_extension(body, start, count, &skip);
        }
        if (llhttp_get_errno(parser) == HPE_PAUSED) {
            llhttp_resume(parser);
        }
        llhttp_errno_t code = llhttp_execute(parser, start, count);
        size_t used = count;
        if (code == HPE_PAUSED) {
            used = (size_t)(llhttp_get_error_pos(parser) - start);
        } else if (code != HPE_OK) {
            return body_invalid(body, 400,
                                body->at_size_line ? "invalid chunk" : "invalid trailer");
        }
        buffer->begin += used + skip;
        body->framing += used + skip;
        if (code != HPE_PAUSED) {
            continue;
        }
        if (body->at_size_line) {
            if (body_after_framing(body, head, service) < 0) {
                return -1;
            }
        } else {
            body->done = true;
        }
    }
    return 0;
}

/* Feed data to llhttp, which counts it. */
static int
body_count(green_body *body, green_head *head, const char *data, size_t count)
{
    llhttp_t *parser = &head->parser;
    if (llhttp_get_errno(parser) == HPE_PAUSED) {
        llhttp_resume(parser);
    }
    if (llhttp_execute(parser, data, count) != HPE_OK) {
        return body_invalid(body, 400, "invalid chunk");
    }
    return 0;
}

/* ---- reading ---- */

static int
body_begin(green_body *body, green_head *head, green_source *source, const ServiceObject *service)
{
    if (body->failed) {
        return body_cut(body);
    }
    if (body->kind == GREEN_BODY_CHUNKED) {
        return body_frame(body, head, source, service);
    }
    return 0;
}

static size_t
body_clamp(const green_body *body, size_t count)
{
    return count > body->remaining ? (size_t)body->remaining : count;
}

Py_ssize_t
green_body_peek(green_body *body, green_head *head, green_source *source,
                const ServiceObject *service)
{
    if (body->done) {
        return 0;
    }
    if (body_begin(body, head, source, service) < 0) {
        return -1;
    }
    if (body->done) {
        return 0;
    }
    if (green_buffer_count(&source->buffer) == 0 &&
        body_fill(body, source, body_clamp(body, GREEN_BUFFER_BLOCK)) < 0) {
        return -1;
    }
    return (Py_ssize_t)body_clamp(body, green_buffer_count(&source->buffer));
}

static int
body_taken(green_body *body, green_head *head, const char *data, size_t count)
{
    if (body->kind == GREEN_BODY_CHUNKED && body_count(body, head, data, count) < 0) {
        return -1;
    }
    body->position += count;
    body->remaining -= count;
    if (body->remaining == 0) {
        body->at_size_line = true;
        body->done = body->kind != GREEN_BODY_CHUNKED;
    }
    return 0;
}

int
green_body_take(green_body *body, green_head *head, green_source *source, size_t count)
{
    const char *data = green_buffer_start(&source->buffer);
    source->buffer.begin += count;
    return body_taken(body, head, data, count);
}

Py_ssize_t
green_body_read(green_body *body, green_head *head, green_source *source,
                const ServiceObject *service, char *into, size_t size)
{
    if (body->done) {
        return 0;
    }
    if (body_begin(body, head, source, service) < 0) {
        return -1;
    }
    if (body->done) {
        return 0;
    }
    size_t count = green_buffer_count(&source->buffer);
    size = body_clamp(body, size);
    if (count == 0) {
        Py_ssize_t got = source->read(source, into, size);
        if (got <= 0) {
            return body_failed(body, got);
        }
        return body_taken(body, head, into, (size_t)got) < 0 ? -1 : got;
    }
    count = count < size ? count : size;
    memcpy(into, green_buffer_start(&source->buffer), count);
    return green_body_take(body, head, source, count) < 0 ? -1 : (Py_ssize_t)count;
}

int
green_body_exec(PyObject *module)
{
    green_exc_InvalidClientInput = green_type_new_exception(
        "greencore.pywsgi._InvalidClientInput",
        "The OSError of a request's body that the client has sent wrongly.", PyExc_OSError);
    return green_exc_InvalidClientInput == NULL
               ? -1
               : PyModule_AddObjectRef(module, "InvalidClientInput", green_exc_InvalidClientInput);
}
