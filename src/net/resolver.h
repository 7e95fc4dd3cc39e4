/* DNS: a c-ares channel that lives in a loop. Its sockets are interests in descriptors, and its
   time-outs are a timer. It has no thread, and c-ares runs no Python code. */
#ifndef GREEN_NET_RESOLVER_H
#define GREEN_NET_RESOLVER_H

#include <Python.h>
#include <ares.h>
#include <stdbool.h>
#include "loop/loop.h"

typedef struct ResolverObject {
    PyObject_HEAD
    LoopObject *loop;    /* owned */
    PyObject *options;   /* owned, a dict: the keyword arguments in force */
    ares_channel ares;   /* NULL once destroyed */
    green_link sockets;  /* of resolver_socket */
    green_timer timer;   /* active while a query is under way */
    green_ready timeout; /* queued when the timer has expired */
} ResolverObject;

/* Call this whenever c-ares was called: its next time-out may be another one, so the timer is set
   anew. */
void green_resolver_touched(ResolverObject *resolver);

/* The methods that look up are in resolver_query.c. They return a new reference, or NULL with an
   exception. */
PyObject *green_resolver_getaddrinfo(ResolverObject *resolver, PyObject *args);
PyObject *green_resolver_gethostbyaddr(ResolverObject *resolver, PyObject *args);
extern const char green_resolver_getaddrinfo_doc[];
extern const char green_resolver_gethostbyaddr_doc[];

/* Load what those methods need of the standard library. 0, or -1 with an exception. */
int green_query_exec(void);

int green_resolver_exec(PyObject *module);

#endif
