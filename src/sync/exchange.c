/* The part of queue.h that knows greenlets: who waits for a queue, and how they are served. */
#include "sync/queue.h"

#include "greenlet/error.h"

enum { EXCHANGE_STREAK = 64 }; /* how many are served in a row before others get their turn */

static GreenletObject *exchange_turn(green_ready *ready);
static void exchange_drop(green_ready *ready);

static const green_ready_kind exchange_kind = {.turn = exchange_turn, .drop = exchange_drop};
static const green_ready_kind exchange_on_hub = {
    .turn = exchange_turn, .on_hub = true, .drop = exchange_drop};

void
green_queue_exchange_init(QueueObject *self)
{
    green_list_init(&self->getters);
    green_list_init(&self->putters);
    green_ready_init(&self->notifier, &exchange_kind);
}

/* Returns the first client that can be served, or NULL. */
static inline queue_client *
exchange_first(green_link *list, const LoopObject *here)
{
    green_client *client = green_clients_first(list, here);
    return client == NULL ? NULL : GREEN_CONTAINER(client, queue_client, client);
}

/* Whether an exchange runs no Python code, so that any stack will do for it. */
static inline bool
exchange_plain(const QueueObject *self)
{
    return green_queue_plain(self) && green_store_plain(&self->store);
}

/* As exchange_put, where Python code may run meanwhile. What a subclass's _qsize() raises is
   reported as unraisable. */
static __attribute__((noinline)) bool
exchange_put_called(QueueObject *self, const LoopObject *here, queue_client **served)
{
    int room = green_queue_has_room(self);
    if (room < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    queue_client *client = room > 0 ? exchange_first(&self->putters, here) : NULL;
    if (client == NULL) {
        return false;
    }
    queue_client *seat = client;
    green_list_remove(&client->client.waiter.link);
    client->seat = &seat;
    PyObject *item = client->item;
    client->item = NULL;
    int result = green_queue_put_item(self, item);
    Py_DECREF(item);
    if (seat != NULL) {
        client->seat = NULL;
        if (result < 0) {
            client->exception = green_error_take();
        }
    } else if (result < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    *served = seat;
    return true;
}

static __attribute__((noinline)) bool
exchange_get_called(QueueObject *self, const LoopObject *here, queue_client **served)
{
    Py_ssize_t size = green_queue_size(self);
    if (size < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    queue_client *client = size > 0 ? exchange_first(&self->getters, here) : NULL;
    if (client == NULL) {
        return false;
    }
    queue_client *seat = client;
    green_list_remove(&client->client.waiter.link);
    client->seat = &seat;
    PyObject *item = green_queue_get_item(self, client->peek);
    *served = seat;
    if (seat == NULL) {
        if (item == NULL || green_store_unget(&self->store, item) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        Py_XDECREF(item);
        return true;
    }
    client->seat = NULL;
    if (item == NULL) {
        client->exception = green_error_take();
    } else {
        client->item = item;
    }
    return true;
}

/* Put the first putter's item into the queue. Returns true with *served set to the client to be
   served (NULL: it has left meanwhile), or false where there is no putter or no room. */
static inline bool
exchange_put(QueueObject *self, const LoopObject *here, queue_client **served)
{
    queue_client *client = *served = exchange_first(&self->putters, here);
    if (client == NULL) {
        return false;
    }
    if (GREEN_RARELY(!green_queue_push(self, client->item))) {
        return exchange_put_called(self, here, served);
    }
    Py_CLEAR(client->item);
    return true;
}

/* Give an item to the first getter. Returns as exchange_put does; false where there is no getter or
   no item. */
static inline bool
exchange_get(QueueObject *self, const LoopObject *here, queue_client **served)
{
    queue_client *client = *served = exchange_first(&self->getters, here);
    if (client == NULL) {
        return false;
    }
    PyObject *item = client->peek ? NULL : green_queue_shift(self);
    if (item == NULL) {
        /* A container of Python's is asked for its size where errors are reported. */
        bool none = green_queue_plain(self) && self->store.container == NULL &&
                    green_store_size(&self->store) == 0;
        return none ? false : exchange_get_called(self, here, served);
    }
    client->item = item;
    return true;
}

/* Serve the next client, putters and getters by turns. Returns as exchange_put does. */
static inline bool
exchange_step(QueueObject *self, const LoopObject *here, queue_client **served)
{
    for (int side = 0; side < 2; side++) {
        bool getter = self->getter_next;
        self->getter_next = !getter;
        if (getter ? exchange_get(self, here, served) : exchange_put(self, here, served)) {
            return true;
        }
    }
    return false;
}

static inline void
exchange_queue(QueueObject *self, LoopObject *loop, bool on_hub, bool first)
{
    assert(!green_ready_queued(&self->notifier));
    self->notifier.kind = on_hub ? &exchange_on_hub : &exchange_kind;
    if (first) {
        green_ready_push_front(loop, &self->notifier);
    } else {
        green_ready_push(loop, &self->notifier);
    }
}

static GreenletObject *
exchange_turn(green_ready *ready)
{
    QueueObject *self = GREEN_CONTAINER(ready, QueueObject, notifier);
    LoopObject *here = green_loop_here();
    bool on_hub = ready->kind->on_hub, plain = exchange_plain(self);
    if (!plain && !on_hub) {
        exchange_queue(self, here, true, true);
        return NULL;
    }
    queue_client *served;
    while (exchange_step(self, here, &served)) {
        if (served == NULL) {
            continue;
        }
        if (!green_client_here(&served->client, here)) {
            green_client_serve(&served->client);
            continue;
        }
        GreenletObject *next = green_client_turn(&served->client);
        exchange_queue(self, here, !plain, ++self->streak % EXCHANGE_STREAK != 0);
        return next;
    }
    if (!on_hub && Py_REFCNT(self) == 1) {
        exchange_queue(self, here, true, true); /* the queue's end may run Python code */
        return NULL;
    }
    self->exchanging = false;
    Py_DECREF(self);
    return NULL;
}

static void
exchange_drop(green_ready *ready)
{
    QueueObject *self = GREEN_CONTAINER(ready, QueueObject, notifier);
    self->exchanging = false;
    Py_DECREF(self);
}

/* Serve clients of other threads at once, as long as they are the first. */
GREEN_COLD static void
exchange_threads(QueueObject *self, LoopObject *here)
{
    for (;;) {
        queue_client *getter = exchange_first(&self->getters, here), *served;
        bool got = getter != NULL && !green_client_here(&getter->client, here) &&
                   exchange_get(self, here, &served);
        if (!got) {
            queue_client *putter = exchange_first(&self->putters, here);
            if (putter == NULL || green_client_here(&putter->client, here) ||
                !exchange_put(self, here, &served)) {
                return;
            }
        }
        if (served != NULL) {
            green_client_serve(&served->client);
        }
    }
}

void
green_queue_notify(QueueObject *self)
{
    green_usage_note(&self->usage);
    if (self->exchanging ||
        (green_list_empty(&self->getters) && green_list_empty(&self->putters))) {
        return;
    }
    LoopObject *here = green_loop_here();
    if (green_usage_shared(&self->usage)) {
        Py_INCREF(self);
        exchange_threads(self, here);
        Py_DECREF(self); /* not the last one: the caller owns another */
        if (self->exchanging) {
            return;
        }
    }
    if (here != NULL) {
        self->exchanging = true;
        self->getter_next = false;
        Py_INCREF(self);
        exchange_queue(self, here, !exchange_plain(self), false);
    }
}

GREEN_COLD bool
green_queue_serve(QueueObject *self, bool getter)
{
    LoopObject *here = green_loop_here();
    queue_client *served;
    if (!(getter ? exchange_get(self, here, &served) : exchange_put(self, here, &served))) {
        return false;
    }
    if (served != NULL) {
        green_client_serve(&served->client);
    }
    return true;
}

/* The client was not woken, or it was woken with an exception. Returns the status of its wait, or
   -1 where that exception is raised. */
GREEN_COLD static int
queue_unwait(QueueObject *self, queue_client *client, bool getter, int status)
{
    if (client->seat != NULL) {
        *client->seat = NULL;
    }
    PyObject *exception = client->exception;
    if (status == GREEN_WOKEN) {
        if (exception != NULL) {
            PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
            status = -1;
        }
    } else if (getter && client->item != NULL) {
        /* The getter was killed after it was given an item: the next one gets it. */
        PyObject *error = green_error_take();
        if (!client->peek && green_store_unget(&self->store, client->item) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        green_queue_notify(self);
        green_error_raise(error);
    }
    Py_XDECREF(exception);
    if (status != GREEN_WOKEN || !getter) {
        Py_CLEAR(client->item);
    }
    return status;
}

int
green_queue_wait(QueueObject *self, queue_client *client, bool getter, double seconds)
{
    green_link *list = getter ? &self->getters : &self->putters;
    client->exception = NULL;
    client->seat = NULL;
    int status = green_client_wait(&client->client, list, &self->usage, seconds,
                                   getter ? "Queue.get" : "Queue.put", (PyObject *)self);
    return status == GREEN_WOKEN && client->exception == NULL
               ? status
               : queue_unwait(self, client, getter, status);
}

int
green_queue_refuse(QueueObject *self, PyObject *exception)
{
    LoopObject *here = green_loop_here();
    green_link *lists[] = {&self->getters, &self->putters};
    for (int i = 0; i < 2; i++) {
        while (exchange_first(lists[i], here) != NULL) {
            PyObject *instance = PyObject_CallNoArgs(exception);
            if (instance == NULL) {
                return -1;
            }
            /* The call may have let others run, so the first client may be another one. */
            queue_client *client = exchange_first(lists[i], here);
            if (client == NULL) {
                Py_DECREF(instance);
                break;
            }
            green_list_remove(&client->client.waiter.link);
            client->exception = instance;
            green_client_serve(&client->client);
        }
    }
    return 0;
}
