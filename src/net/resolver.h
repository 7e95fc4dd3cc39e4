/* DNS: a c-ares channel that lives in a loop. Its sockets are interests in descriptors, its
   time-outs a timer; no thread, and no Python code inside of c-ares. */
#ifndef GREEN_NET_RESOLVER_H
#define GREEN_NET_RESOLVER_H

#include <Python.h>
#include <ares.h>
#include <stdbool.h>
#include "loop/loop.h"

typedef struct ChannelObject {
    PyObject_HEAD
    LoopObject *loop;    /* owned */
    PyObject *options;   /* owned; the keyword arguments it was made with */
    ares_channel ares;   /* NULL once closed */
    green_link sockets;  /* channel_socket */
    green_timer timer;   /* active while a query is under way */
    green_ready timeout; /* queued when the timer has expired */
} ChannelObject;

/* c-ares was called: its next time-out may be another one. */
void green_channel_touched(ChannelObject *channel);

/* Methods that look up: resolver_query.c. New reference, NULL with an exception. */
PyObject *green_channel_getaddrinfo(ChannelObject *channel, PyObject *args);
PyObject *green_channel_gethostbyaddr(ChannelObject *channel, PyObject *args);
extern const char green_channel_getaddrinfo_doc[];
extern const char green_channel_gethostbyaddr_doc[];

/* What those need of the standard library. */
int green_query_exec(void);

int green_resolver_exec(PyObject *module);

#endif
