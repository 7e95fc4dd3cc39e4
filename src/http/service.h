/* What the connections of one server share: limits, time-outs, leniency, counters, and the list of
   those connections that wait for a request. */
#ifndef GREEN_HTTP_SERVICE_H
#define GREEN_HTTP_SERVICE_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include "hub/file.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "switch/list.h"

typedef struct ServiceObject {
    PyObject_HEAD
    /* Bounds, in bytes unless said otherwise. */
    Py_ssize_t max_request_line;
    Py_ssize_t max_header_bytes;
    Py_ssize_t max_headers; /* number */
    Py_ssize_t max_chunk_line;
    Py_ssize_t max_trailer_bytes;
    Py_ssize_t max_body;
    Py_ssize_t max_discard;
    /* In seconds; negative: for ever. */
    double header_timeout;
    double body_timeout;
    double write_timeout;
    double keepalive_timeout;
    double request_timeout;
    double linger_timeout;
    double min_rate; /* bytes a second, of a body and of an answer; 0: none */
    /* These let through what is refused otherwise. */
    char lenient_missing_host;
    char lenient_folding;
    char lenient_length_beside_chunked;
    char lenient_chunk_extensions;
    char watches;  /* clients that go away are noticed while the application runs */
    char stopping; /* answers say `Connection: close` */
    /* Counters. */
    unsigned long long requests;
    unsigned long long refused;
    Py_ssize_t connections;
    Py_ssize_t active; /* connections that have a request under way */
    green_link idle;   /* of green_idle, the one that has waited longest first */
    LoopObject *loop;  /* owned; the timer's; NULL: never started */
    green_timer timer; /* expires when the first of the list has waited for too long */
} ServiceObject;

/* A connection that waits for a request. */
typedef struct green_idle {
    green_link link;   /* in the service's list, or a circle of one */
    green_file *file;  /* borrowed; its reading is cancelled to end the wait */
    uint64_t deadline; /* ns */
    bool ended;        /* it waited for too long, or the server stops */
} green_idle;

extern PyTypeObject *Service_Type;

/* Put a connection among the idle ones, up to green_service_busy. If the server stops, this only
   sets idle->ended. Returns 0, or -1 with an exception. */
int green_service_idle(ServiceObject *service, green_idle *idle, green_file *file);

static inline void
green_service_busy(green_idle *idle)
{
    green_list_remove(&idle->link);
}

int green_service_exec(PyObject *module);

#endif
