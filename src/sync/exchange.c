/* Who waits for a queue, and how they are served: the part of queue.h that knows greenlets. */
#include "sync/queue.h"

enum { EXCHANGE_ROUNDS = 64 }; /* served in a row before others get their turn */

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

static inline queue_client *
exchange_first(green_link *list)
{
    return GREEN_CONTAINER(list->next, queue_client, client.waiter.link);
}

/* May an exchange be made on any stack? */
static inline bool
exchange_plain(const QueueObject *self)
{
    return green_queue_plain(self) && green_store_plain(&self->store);
}

/* The exception that serving raised becomes the client's. */
static void
exchange_fail(queue_client *client)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    client->exception = value;
}

/* As exchange_put and exchange_get, where Python code may run meanwhile. */
GREEN_COLD static queue_client *
exchange_put_called(QueueObject *self, queue_client *client)
{
    queue_client *seat = client;
    green_list_remove(&client->client.waiter.link);
    client->seat = &seat;
    PyObject *item = client->item;
    client->item = NULL;
    int result = green_queue_put_item(self, item);
    Py_DECREF(item);
    if (seat == NULL) {
        if (result < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        return NULL;
    }
    client->seat = NULL;
    if (result < 0) {
        exchange_fail(client);
    }
    return client;
}

GREEN_COLD static queue_client *
exchange_get_called(QueueObject *self, queue_client *client)
{
    queue_client *seat = client;
    green_list_remove(&client->client.waiter.link);
    client->seat = &seat;
    PyObject *item = green_queue_get_item(self, client->peek);
    if (seat == NULL) {
        if (item == NULL || green_store_unget(&self->store, item) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        Py_XDECREF(item);
        return NULL;
    }
    client->seat = NULL;
    if (item == NULL) {
        exchange_fail(client);
    } else {
        client->item = item;
    }
    return client;
}

/* The first putter's item goes into the queue. Returns who is to be served, NULL if it went
   meanwhile. */
static inline queue_client *
exchange_put(QueueObject *self)
{
    queue_client *client = exchange_first(&self->putters);
    if (GREEN_RARELY(!green_queue_push(self, client->item))) {
        return exchange_put_called(self, client);
    }
    Py_CLEAR(client->item);
    return client;
}

/* The first getter gets an item. */
static inline queue_client *
exchange_get(QueueObject *self)
{
    queue_client *client = exchange_first(&self->getters);
    PyObject *item = client->peek ? NULL : green_queue_shift(self);
    if (GREEN_RARELY(item == NULL)) {
        return exchange_get_called(self, client);
    }
    client->item = item;
    return client;
}

/* Can the first putter be served? What a subclass's _qsize() raises goes to it. */
static bool
exchange_can_put(QueueObject *self)
{
    green_clients_sweep(&self->putters);
    if (green_list_empty(&self->putters)) {
        return false;
    }
    int room = green_queue_has_room(self);
    if (room < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    return room > 0;
}

static bool
exchange_can_get(QueueObject *self)
{
    green_clients_sweep(&self->getters);
    if (green_list_empty(&self->getters)) {
        return false;
    }
    Py_ssize_t size = green_queue_size(self);
    if (size < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    return size > 0;
}

/* Serve the next, putters and getters by turns. 1: *served is who (NULL: it went); 0: nobody can
 * be. */
static int
exchange_step(QueueObject *self, queue_client **served)
{
    for (int side = 0; side < 2; side++) {
        bool getter = self->getter_next;
        self->getter_next = !getter;
        if (getter ? exchange_can_get(self) : exchange_can_put(self)) {
            *served = getter ? exchange_get(self) : exchange_put(self);
            return 1;
        }
    }
    return 0;
}

static void
exchange_queue(QueueObject *self, LoopObject *loop, bool on_hub, bool first)
{
    self->notifier.kind = on_hub ? &exchange_on_hub : &exchange_kind;
    (first ? green_ready_push_front : green_ready_push)(loop, &self->notifier);
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
    while (exchange_step(self, &served)) {
        if (served == NULL) {
            continue;
        }
        if (!green_client_near(&served->client, here)) {
            green_client_serve(&served->client);
            continue;
        }
        GreenletObject *next = green_client_turn(&served->client);
        exchange_queue(self, here, !plain, ++self->rounds % EXCHANGE_ROUNDS != 0);
        return next;
    }
    if (!on_hub && Py_REFCNT(self) == 1) {
        exchange_queue(self, here, true, true); /* its end may run Python code */
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

/* Serve those of other threads at once, as far as they come first. */
static void
exchange_threads(QueueObject *self, LoopObject *here)
{
    queue_client *served;
    for (;;) {
        if (exchange_can_get(self) &&
            !green_client_near(&exchange_first(&self->getters)->client, here)) {
            served = exchange_get(self);
        } else if (exchange_can_put(self) &&
                   !green_client_near(&exchange_first(&self->putters)->client, here)) {
            served = exchange_put(self);
        } else {
            return;
        }
        if (served != NULL) {
            green_client_serve(&served->client);
        }
    }
}

void
green_queue_notify(QueueObject *self)
{
    green_users_note(&self->users);
    if (self->exchanging ||
        (green_list_empty(&self->getters) && green_list_empty(&self->putters))) {
        return;
    }
    LoopObject *here = green_loop_here();
    if (self->users.shared) {
        Py_INCREF(self);
        exchange_threads(self, here);
        Py_DECREF(self); /* not the last: the caller has one */
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

int
green_queue_serve_getter(QueueObject *self)
{
    if (!exchange_can_get(self)) {
        return 0;
    }
    queue_client *served = exchange_get(self);
    if (served != NULL) {
        green_client_serve(&served->client);
    }
    return 1;
}

int
green_queue_serve_putter(QueueObject *self)
{
    green_clients_sweep(&self->putters);
    if (green_list_empty(&self->putters)) {
        return 0;
    }
    queue_client *served = exchange_put(self);
    if (served != NULL) {
        green_client_serve(&served->client);
    }
    return 1;
}

/* It was woken with an exception, or not at all. */
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
        /* Killed with an item in hands: the next one gets it. */
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        if (!client->peek && green_store_unget(&self->store, client->item) < 0) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        green_queue_notify(self);
        PyErr_Restore(type, value, traceback);
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
    int status = green_client_wait(&client->client, list, &self->users, seconds,
                                   getter ? "Queue.get" : "Queue.put", (PyObject *)self);
    return status == GREEN_WOKEN && client->exception == NULL
               ? status
               : queue_unwait(self, client, getter, status);
}

int
green_queue_refuse(QueueObject *self, PyObject *exception)
{
    green_link *lists[] = {&self->getters, &self->putters};
    for (int i = 0; i < 2; i++) {
        for (;;) {
            green_clients_sweep(lists[i]);
            if (green_list_empty(lists[i])) {
                break;
            }
            PyObject *instance = PyObject_CallNoArgs(exception);
            if (instance == NULL) {
                return -1;
            }
            green_clients_sweep(lists[i]); /* the call may have let others run */
            if (green_list_empty(lists[i])) {
                Py_DECREF(instance);
                break;
            }
            queue_client *client = exchange_first(lists[i]);
            green_list_remove(&client->client.waiter.link);
            client->exception = instance;
            green_client_serve(&client->client);
        }
    }
    return 0;
}
