/* DNS: a c-ares channel that lives in a loop. Its sockets are interests in descriptors, its
   time-outs a timer; no thread, and no Python code inside of c-ares. */
#ifndef GREEN_NET_RESOLVER_H
#define GREEN_NET_RESOLVER_H

#include <Python.h>
#include <ares.h>
#include <stdbool.h>
#include "loop/loop.h"

typedef struct ResolverObject {
    PyObject_HEAD
    LoopObject *loop;    /* owned */
    PyObject *options;   /* owned; the keyword arguments it was made with */
    ares_channel ares;   /* NULL once closed */
    green_link sockets;  /* resolver_socket */
    green_timer timer;   /* active while a query is under way */
    green_ready timeout; /* queued when the timer has expired */
} ResolverObject;

/* c-ares was called: its next time-out may be another one. */
void green_resolver_touched(ResolverObject *resolver);

/* Methods that look up: resolver_query.c. New reference, NULL with an exception. */
PyObject *green_resolver_getaddrinfo(ResolverObject *resolver, PyObject *args);
PyObject *green_resolver_gethostbyaddr(ResolverObject *resolver, PyObject *args);
extern const char green_resolver_getaddrinfo_doc[];
extern const char green_resolver_gethostbyaddr_doc[];

/* What those need of the standard library. */
int green_query_exec(void);

int green_resolver_exec(PyObject *module);

#endif
