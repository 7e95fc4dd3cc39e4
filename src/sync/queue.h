/* Queues: the items, who waits to get and who to put, and the exchange between them. */
#ifndef GREEN_SYNC_QUEUE_H
#define GREEN_SYNC_QUEUE_H

#include <Python.h>
#include "sync/client.h"
#include "sync/linkable.h"
#include "sync/store.h"
#include "sync/timeout.h"

/* Methods that a subclass may define; those that it did are called. */
enum {
    QUEUE_INIT = 1,
    QUEUE_CREATE = 2,
    QUEUE_QSIZE = 4,
    QUEUE_PUT = 8,
    QUEUE_GET = 16,
    QUEUE_PEEK = 32,
    QUEUE_OUTER_GET = 64, /* get() and put(), which others are made of */
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
    Py_ssize_t unfinished; /* tasks; of Queue and its subtypes */
    green_link getters;    /* queue_client */
    green_link putters;
    green_usage usage;
    green_ready notifier; /* queued when a put or a get may serve somebody; owns a reference then */
    green_linkable done;  /* who is in join() */
    green_pass done_pass;
    PyObject *conditions; /* owned; mutex and the like, once somebody asked for them */
    uint8_t overrides;
    uint8_t streak; /* served in a row */
    bool counts;    /* unfinished tasks */
    bool is_shutdown;
    bool exchanging;  /* notifier queued, or in its turn */
    bool getter_next; /* whose turn it is in an exchange */
} QueueObject;

/* One in put() or get(). */
typedef struct queue_client {
    green_client client;
    PyObject *item;             /* owned; to be put, or gotten; NULL once it has changed hands */
    PyObject *exception;        /* owned; to be raised there instead */
    struct queue_client **seat; /* who serves it; told when it goes */
    bool peek;
} queue_client;

/* The bottleneck methods, a subclass's where it has them. -1 or NULL with an exception. */
Py_ssize_t green_queue_call_qsize(QueueObject *self);

static inline Py_ssize_t
green_queue_size(QueueObject *self)
{
    return GREEN_RARELY(self->overrides & QUEUE_QSIZE) ? green_queue_call_qsize(self)
                                                       : green_store_size(&self->store);
}

int green_queue_put_item(QueueObject *self, PyObject *item);
PyObject *green_queue_get_item(QueueObject *self, bool peek);

/* Tell the conditions, if there are any, of a "put", a "get" or "done". 0 or -1. */
int green_queue_tell(QueueObject *self, const char *what);

/* Is there room for one more? -1 with an exception. */
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

/* Something changed: let those who can be served be so, in a later turn. */
void green_queue_notify(QueueObject *self);

/* In the hub, which cannot wait: serve the first of them at once. False: there is none that can be.
 */
bool green_queue_serve(QueueObject *self, bool getter);

/* Wait to be served. GREEN_WOKEN: client->item was put, or has been gotten. GREEN_TIMED_OUT. -1. */
int green_queue_wait(QueueObject *self, queue_client *client, bool getter, double seconds);

/* Raise `exception` (borrowed, a class) in all who wait. 0 or -1. */
int green_queue_refuse(QueueObject *self, PyObject *exception);

/* put() and get(): None or the item, new reference; NULL with Full, Empty, ShutDown or another
   exception. `timeout` is as in Python, and may be NULL. */
PyObject *green_queue_put(QueueObject *self, PyObject *item, bool block, PyObject *timeout);
PyObject *green_queue_get(QueueObject *self, bool peek, bool block, PyObject *timeout);

/* No subclass's method, condition or end to care about: puts and gets are the store's alone. */
static inline bool
green_queue_plain(const QueueObject *self)
{
    return (self->overrides & QUEUE_BOTTLENECKS) == 0 && self->conditions == NULL;
}

/* Put, if there is room, and get of a plain queue: as green_store_push and green_store_shift. */
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

/* Raise one of them. Returns NULL. */
PyObject *green_queue_raise(const char *name);

/* The end of a put that had to wait until `deadline`, with the status of its wait: None, or NULL
   with an exception, Full where it timed out. */
PyObject *green_queue_put_end(green_deadline *deadline, int status);

int green_queue_exec(PyObject *module);

#endif
