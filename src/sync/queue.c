#include "sync/queue.h"

#include "greenlet/name.h"

PyObject *
green_queue_raise(const char *name)
{
    PyObject *exception = green_name_get("greencore.queue", name);
    if (exception != NULL) {
        PyErr_SetNone(exception);
        Py_DECREF(exception);
    }
    return NULL;
}

/* --- bottlenecks --- */

GREEN_COLD Py_ssize_t
green_queue_call_qsize(QueueObject *self)
{
    PyObject *result = PyObject_CallMethod((PyObject *)self, "_qsize", NULL);
    Py_ssize_t size = result == NULL ? -1 : PyLong_AsSsize_t(result);
    Py_XDECREF(result);
    if (size < 0 && !PyErr_Occurred()) {
        PyErr_SetString(PyExc_ValueError, "_qsize() must not be negative");
    }
    return size;
}

int
green_queue_tell(QueueObject *self, const char *what)
{
    if (self->conditions == NULL) {
        return 0;
    }
    PyObject *done = PyObject_CallMethod(self->conditions, what, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
green_queue_put_item(QueueObject *self, PyObject *item)
{
    if (self->overrides & QUEUE_PUT) {
        PyObject *done = PyObject_CallMethod((PyObject *)self, "_put", "(O)", item);
        if (done == NULL) {
            return -1;
        }
        Py_DECREF(done);
    } else if (green_store_put(&self->store, item) < 0) {
        return -1;
    }
    self->unfinished += self->counts;
    return green_queue_tell(self, "put");
}

PyObject *
green_queue_get_item(QueueObject *self, bool peek)
{
    if (peek) {
        return self->overrides & QUEUE_PEEK ? PyObject_CallMethod((PyObject *)self, "_peek", NULL)
                                            : green_store_peek(&self->store);
    }
    PyObject *item = self->overrides & QUEUE_GET
                         ? PyObject_CallMethod((PyObject *)self, "_get", NULL)
                         : green_store_get(&self->store);
    if (item != NULL && green_queue_tell(self, "get") < 0) {
        Py_CLEAR(item);
    }
    return item;
}

/* --- put and get --- */

/* Refuse a number below 0, as the standard library does. 0, or -1 with an exception. */
static int
queue_check_timeout(PyObject *timeout)
{
    if (timeout == NULL || timeout == Py_None || PyObject_TypeCheck(timeout, Timeout_Type)) {
        return 0;
    }
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds < 0) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_ValueError, "'timeout' must be a non-negative number");
        }
        return -1;
    }
    return 0;
}

PyObject *
green_queue_put_end(green_deadline *deadline, int status)
{
    if (green_deadline_stop(deadline) < 0 || status < 0) {
        return NULL;
    }
    return status == GREEN_TIMED_OUT ? green_queue_raise("Full") : Py_NewRef(Py_None);
}

static __attribute__((noinline)) PyObject *
queue_put_wait(QueueObject *self, PyObject *item, PyObject *timeout)
{
    queue_client client; /* green_queue_wait fills in the rest */
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    client.item = Py_NewRef(item);
    if (!green_list_empty(&self->getters)) {
        green_queue_notify(self);
    }
    int status = green_queue_wait(self, &client, false, deadline.seconds);
    return green_queue_put_end(&deadline, status);
}

/* In the hub, which cannot wait: serve getters for as long as there is no room, putters for as long
   as there is no item. They return what green_queue_has_room and green_queue_size return then. */
GREEN_COLD static int
queue_make_room(QueueObject *self)
{
    int room = 0;
    while (room == 0 && green_queue_serve(self, true)) {
        room = green_queue_has_room(self);
    }
    return room;
}

GREEN_COLD static Py_ssize_t
queue_make_size(QueueObject *self)
{
    Py_ssize_t size = 0;
    while (size == 0 && green_queue_serve(self, false)) {
        size = green_queue_size(self);
    }
    return size;
}

PyObject *
green_queue_put(QueueObject *self, PyObject *item, bool block, PyObject *timeout)
{
    if (self->is_shutdown) {
        return green_queue_raise("ShutDown");
    }
    if (block && timeout != NULL && queue_check_timeout(timeout) < 0) {
        return NULL;
    }
    int room = green_queue_has_room(self);
    if (room == 0) {
        if (!green_in_hub()) {
            return block ? queue_put_wait(self, item, timeout) : green_queue_raise("Full");
        }
        room = queue_make_room(self);
        if (room == 0) {
            return green_queue_raise("Full");
        }
    }
    if (room < 0 || green_queue_put_item(self, item) < 0) {
        return NULL;
    }
    if (!green_list_empty(&self->getters)) {
        green_queue_notify(self);
    }
    Py_RETURN_NONE;
}

static __attribute__((noinline)) PyObject *
queue_get_wait(QueueObject *self, bool peek, PyObject *timeout)
{
    queue_client client; /* green_queue_wait fills in the rest */
    client.item = NULL;
    client.peek = peek;
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    if (!green_list_empty(&self->putters)) {
        green_queue_notify(self);
    }
    int status = green_queue_wait(self, &client, true, deadline.seconds);
    if (green_deadline_stop(&deadline) < 0) {
        Py_CLEAR(client.item);
        return NULL;
    }
    return status < 0 ? NULL : status == GREEN_TIMED_OUT ? green_queue_raise("Empty") : client.item;
}

PyObject *
green_queue_get(QueueObject *self, bool peek, bool block, PyObject *timeout)
{
    Py_ssize_t size = green_queue_size(self);
    if (size == 0) {
        if (self->is_shutdown) {
            return green_queue_raise("ShutDown");
        }
        if (block && timeout != NULL && queue_check_timeout(timeout) < 0) {
            return NULL;
        }
        if (!green_in_hub()) {
            return block ? queue_get_wait(self, peek, timeout) : green_queue_raise("Empty");
        }
        size = queue_make_size(self);
        if (size == 0) {
            return green_queue_raise("Empty");
        }
    }
    if (size < 0) {
        return NULL;
    }
    PyObject *item = green_queue_get_item(self, peek);
    if (!peek && !green_list_empty(&self->putters)) {
        green_queue_notify(self);
    }
    return item;
}
