/* A queue: its items, the clients that wait to get or to put, and the exchange that serves them. */
#ifndef GREEN_SYNC_QUEUE_H
#define GREEN_SYNC_QUEUE_H

#include <Python.h>
#include "sync/client.h"
#include "sync/linkable.h"
#include "sync/store.h"
#include "sync/timeout.h"

/* Methods that a subclass may define. Those that it has defined are called. */
enum {
    QUEUE_INIT = 1,
    QUEUE_CREATE = 2,
    QUEUE_QSIZE = 4,
    QUEUE_PUT = 8,
    QUEUE_GET = 16,
    QUEUE_PEEK = 32,
    QUEUE_OUTER_GET = 64, /* get() and put() themselves, which other methods call */
    QUEUE_OUTER_PUT = 128,
    QUEUE_BOTTLENECKS = QUEUE_QSIZE | QUEUE_PUT | QUEUE_GET | QUEUE_PEEK,
};

extern PyTypeObject *Queue_Type;

typedef struct QueueObject {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    green_store store;
    Py_ssize_t maxsize;    /* -1: no limit */
    Py_ssize_t unfinished; /* tasks not done, if `counts` */
    green_link getters;    /* of queue_client */
    green_link putters;
    green_usage usage;
    green_ready notifier; /* queued to serve clients; owns a reference to the queue then */
    green_linkable done;  /* who is in join() waits for it */
    green_pass done_pass;
    PyObject *conditions; /* owned; `mutex` and the like; NULL until somebody asks for them */
    uint8_t overrides;
    uint8_t streak; /* how many were served, modulo 256, for EXCHANGE_STREAK */
    bool counts;    /* whether it counts tasks: Queue and its subtypes do */
    bool is_shutdown;
    bool exchanging;  /* the notifier is queued, or in its turn */
    bool getter_next; /* the exchange serves a getter next, not a putter */
} QueueObject;

/* Who is in put(), get() or peek(). */
typedef struct queue_client {
    green_client client;
    PyObject *item;             /* owned; what to put, or what was gotten; NULL: none */
    PyObject *exception;        /* owned; what put() or get() is to raise; NULL: none */
    struct queue_client **seat; /* while it is being served: set to NULL when it leaves */
    bool peek;
} queue_client;

/* The bottleneck methods. Where a subclass has one of its own, that is called. -1 or NULL with an
   exception. */
Py_ssize_t green_queue_call_qsize(QueueObject *self);

static inline Py_ssize_t
green_queue_size(QueueObject *self)
{
    return GREEN_RARELY(self->overrides & QUEUE_QSIZE) ? green_queue_call_qsize(self)
                                                       : green_store_size(&self->store);
}

int green_queue_put_item(QueueObject *self, PyObject *item);
PyObject *green_queue_get_item(QueueObject *self, bool peek);

/* Tell the conditions, if there are any, of "put", "get", "done" or "shutdown". 0, or -1 with an
   exception. */
int green_queue_tell(QueueObject *self, const char *what);

/* Whether there is room for one more item. -1 with an exception. */
static inline int
green_queue_has_room(QueueObject *self)
{
    if (self->maxsize < 0) {
        return 1;
    }
    Py_ssize_t size = green_queue_size(self);
    return size < 0 ? -1 : size < self->maxsize;
}

void green_queue_exchange_init(QueueObject *self);

/* Something has changed: those who can be served will be, in a later turn; in other threads, at
   once. The caller owns a reference to the queue. */
void green_queue_notify(QueueObject *self);

/* Serve the first getter or putter at once, as in the hub, which cannot wait. Returns false where
   none can be served. */
bool green_queue_serve(QueueObject *self, bool getter);

/* Wait to be served, at most `seconds` (negative: for ever). Returns GREEN_WOKEN when client->item
   was put, or has been gotten; GREEN_TIMED_OUT; or -1 with an exception. */
int green_queue_wait(QueueObject *self, queue_client *client, bool getter, double seconds);

/* Raise an `exception` (a class, borrowed) in all who wait. 0, or -1 with another exception. */
int green_queue_refuse(QueueObject *self, PyObject *exception);

/* put(), get() and peek(). They return None or the item, a new reference; NULL with Full, Empty,
   ShutDown or another exception. `timeout` is as in Python; NULL: none. */
PyObject *green_queue_put(QueueObject *self, PyObject *item, bool block, PyObject *timeout);
PyObject *green_queue_get(QueueObject *self, bool peek, bool block, PyObject *timeout);

/* Whether no method of a subclass and no condition takes part in puts and gets: they are the
   store's alone. */
static inline bool
green_queue_plain(const QueueObject *self)
{
    return (self->overrides & QUEUE_BOTTLENECKS) == 0 && self->conditions == NULL;
}

/* Put an item in, if there is room, or take one out, as green_store_push and green_store_shift do.
   A queue that is not plain is left alone: they return false or NULL. */
static inline bool
green_queue_push(QueueObject *self, PyObject *item)
{
    if (!green_queue_plain(self) ||
        (self->maxsize >= 0 && (Py_ssize_t)self->store.count >= self->maxsize) ||
        !green_store_push(&self->store, item)) {
        return false;
    }
    self->unfinished += self->counts;
    return true;
}

static inline PyObject *
green_queue_shift(QueueObject *self)
{
    return green_queue_plain(self) ? green_store_shift(&self->store) : NULL;
}

/* Raise Empty, Full or ShutDown, which `name` says. Returns NULL. */
PyObject *green_queue_raise(const char *name);

/* End a put that had to wait until `deadline`, with the status of its wait. Returns None, or NULL
   with an exception, which is Full where the wait timed out. */
PyObject *green_queue_put_end(green_deadline *deadline, int status);

int green_queue_exec(PyObject *module);

#endif
