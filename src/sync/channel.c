#include "sync/channel.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/client.h"
#include "sync/queue.h"

/* Who is in put() or get(). A putter brings an item, a getter is given one. */
typedef struct channel_client {
    green_client client;
    PyObject *item; /* owned; NULL: a putter's has gone to a getter, or a getter has none yet */
} channel_client;

typedef struct ChannelObject {
    PyObject_HEAD
    PyObject *weakrefs;
    green_link getters; /* of channel_client */
    green_link putters;
    green_usage usage;
    green_ready notifier; /* queued when two may meet; the ready queue owns a reference then */
    bool queued;
} ChannelObject;

static PyTypeObject *Channel_Type;

static GreenletObject *channel_turn(green_ready *ready);
static void channel_drop(green_ready *ready);

static const green_ready_kind channel_kind = {.turn = channel_turn, .drop = channel_drop};
static const green_ready_kind channel_on_hub = {
    .turn = channel_turn, .on_hub = true, .drop = channel_drop};

/* Returns the first client that can be served, or NULL. */
static inline channel_client *
channel_first(green_link *list, const LoopObject *here)
{
    green_client *client = green_clients_first(list, here);
    return client == NULL ? NULL : GREEN_CONTAINER(client, channel_client, client);
}

static inline void
channel_queue(ChannelObject *self, LoopObject *loop, const green_ready_kind *kind, bool first)
{
    assert(!green_ready_queued(&self->notifier));
    self->notifier.kind = kind;
    if (first) {
        green_ready_push_front(loop, &self->notifier);
    } else {
        green_ready_push(loop, &self->notifier);
    }
}

/* The first getter and the first putter meet. The getter runs first, and when it blocks, the
   putter. */
static GreenletObject *
channel_turn(green_ready *ready)
{
    ChannelObject *self = GREEN_CONTAINER(ready, ChannelObject, notifier);
    LoopObject *here = green_loop_here();
    channel_client *getter, *putter;
    while ((getter = channel_first(&self->getters, here)) != NULL &&
           (putter = channel_first(&self->putters, here)) != NULL) {
        getter->item = putter->item; /* the reference moves */
        putter->item = NULL;
        bool getter_here = green_client_here(&getter->client, here);
        bool putter_here = green_client_here(&putter->client, here);
        if (!getter_here) {
            green_client_serve(&getter->client);
        }
        if (!putter_here) {
            green_client_serve(&putter->client);
        }
        if (!getter_here && !putter_here) {
            continue;
        }
        channel_queue(self, here, &channel_kind, true);
        if (!getter_here) {
            return green_client_turn(&putter->client);
        }
        if (putter_here) {
            green_client_serve_next(&putter->client);
        }
        return green_client_turn(&getter->client);
    }
    if (!ready->kind->on_hub && Py_REFCNT(self) == 1) {
        channel_queue(self, here, &channel_on_hub, true); /* the last DECREF may run Python code */
        return NULL;
    }
    self->queued = false;
    Py_DECREF(self);
    return NULL;
}

static void
channel_drop(green_ready *ready)
{
    ChannelObject *self = GREEN_CONTAINER(ready, ChannelObject, notifier);
    self->queued = false;
    Py_DECREF(self);
}

/* --- put and get --- */

/* Meet the first client of the other side, if there is one, without waiting for a turn. Returns
   whether there was one. `here` is green_loop_here(). */
GREEN_COLD static bool
channel_meet(ChannelObject *self, const LoopObject *here, channel_client *client, bool getter)
{
    channel_client *other = channel_first(getter ? &self->putters : &self->getters, here);
    if (other == NULL) {
        return false;
    }
    *(getter ? &client->item : &other->item) = getter ? other->item : client->item; /* moves */
    *(getter ? &other->item : &client->item) = NULL;
    green_client_serve(&other->client);
    return true;
}

/* Join the getters or putters until served. Returns what green_client_wait does. */
static inline int
channel_wait(ChannelObject *self, LoopObject *here, channel_client *client, bool getter,
             double seconds)
{
    green_link *list = getter ? &self->getters : &self->putters;
    green_link *others = getter ? &self->putters : &self->getters;
    if (here == NULL) {
        if (channel_meet(self, here, client, getter)) {
            return GREEN_WOKEN;
        }
    } else if (!self->queued && channel_first(others, here) != NULL) {
        self->queued = true; /* the turn comes when this client is linked */
        Py_INCREF(self);
        channel_queue(self, here, &channel_kind, false);
    }
    return green_client_wait(&client->client, list, &self->usage, seconds,
                             getter ? "Channel.get" : "Channel.put", (PyObject *)self);
}

/* Returns None, a new reference; NULL with an exception. */
static PyObject *
channel_put_core(ChannelObject *self, PyObject *item, bool block, PyObject *timeout)
{
    LoopObject *here = green_loop_here();
    channel_client client; /* green_client_wait fills in the rest */
    client.item = item;
    if (GREEN_RARELY(green_in_hub())) {
        Py_INCREF(item);
        if (channel_meet(self, here, &client, false)) {
            Py_RETURN_NONE;
        }
        Py_DECREF(item);
        return green_queue_raise("Full");
    }
    green_deadline deadline = {0, NULL};
    if (block && green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    Py_INCREF(item);
    int status = channel_wait(self, here, &client, false, deadline.seconds);
    if (status != GREEN_WOKEN) {
        Py_XDECREF(client.item);
    }
    return green_queue_put_end(&deadline, status);
}

static PyObject *
channel_get_core(ChannelObject *self, bool block, PyObject *timeout)
{
    LoopObject *here = green_loop_here();
    channel_client client; /* green_client_wait fills in the rest */
    client.item = NULL;
    if (GREEN_RARELY(green_in_hub())) {
        if (channel_meet(self, here, &client, true)) {
            return client.item;
        }
        if (!block) {
            return green_queue_raise("Empty");
        }
    }
    green_deadline deadline = {0, NULL};
    if (block && green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status = channel_wait(self, here, &client, true, deadline.seconds);
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        Py_CLEAR(client.item); /* killed after it was given the item: nobody is left to have it */
        return NULL;
    }
    return status == GREEN_TIMED_OUT ? green_queue_raise("Empty") : client.item;
}

static PyObject *
channel_put(ChannelObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 1 && kwnames == NULL) {
        return channel_put_core(self, args[0], true, NULL);
    }
    static const char *const names[] = {"item", "block", "timeout"};
    PyObject *given[3];
    if (green_arguments_sort("put", args, nargs, kwnames, names, 3, given) < 0) {
        return NULL;
    }
    if (given[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "put() needs the argument 'item'");
        return NULL;
    }
    int block = green_argument_flag(given[1], 1);
    return block < 0 ? NULL : channel_put_core(self, given[0], block, given[2]);
}

static PyObject *
channel_get(ChannelObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"block", "timeout"};
    PyObject *given[2];
    if (green_arguments("get", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    int block = green_argument_flag(given[0], 1);
    return block < 0 ? NULL : channel_get_core(self, block, given[1]);
}

static PyObject *
channel_put_nowait(ChannelObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *item = green_argument("put_nowait", args, nargs, kwnames, "item");
    if (item == NULL) {
        return NULL;
    }
    if (!Py_IS_TYPE(self, Channel_Type)) { /* a subclass may have a put() of its own */
        return PyObject_CallMethod((PyObject *)self, "put", "(OO)", item, Py_False);
    }
    return channel_put_core(self, item, false, NULL);
}

static PyObject *
channel_get_nowait(ChannelObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_IS_TYPE(self, Channel_Type)
               ? channel_get_core(self, false, NULL)
               : PyObject_CallMethod((PyObject *)self, "get", "(O)", Py_False);
}

static PyObject *
channel_iternext(ChannelObject *self)
{
    PyObject *item = Py_IS_TYPE(self, Channel_Type)
                         ? channel_get_core(self, true, NULL)
                         : PyObject_CallMethod((PyObject *)self, "get", NULL);
    if (item == PyExc_StopIteration) {
        Py_CLEAR(item); /* NULL without an exception ends the iteration */
    }
    return item;
}

/* --- object --- */

static PyObject *
channel_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    ChannelObject *self = (ChannelObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_list_init(&self->getters);
        green_list_init(&self->putters);
        green_ready_init(&self->notifier, &channel_kind);
    }
    return (PyObject *)self;
}

static int
channel_init(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"maxsize", NULL};
    int maxsize = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|i:Channel", names, &maxsize)) {
        return -1;
    }
    if (maxsize != 1) {
        PyErr_SetString(PyExc_ValueError, "a Channel's maxsize is 1");
        return -1;
    }
    return 0;
}

static int
channel_traverse(ChannelObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void
channel_dealloc(ChannelObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
channel_zero(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(0);
}

static PyObject *
channel_true(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_TRUE;
}

static PyObject *
channel_repr(ChannelObject *self)
{
    return PyUnicode_FromFormat("<%s at %p getters[%zd] putters[%zd]>", _PyType_Name(Py_TYPE(self)),
                                self, green_clients_count(&self->getters),
                                green_clients_count(&self->putters));
}

static PyObject *
channel_get_balance(ChannelObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(green_clients_count(&self->putters) -
                              green_clients_count(&self->getters));
}

static PyObject *
channel_get_getters(ChannelObject *self, void *Py_UNUSED(closure))
{
    return green_clients_list(&self->getters);
}

static PyObject *
channel_get_putters(ChannelObject *self, void *Py_UNUSED(closure))
{
    return green_clients_list(&self->putters);
}

static PyObject *
channel_get_hub(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    return Py_XNewRef((PyObject *)green_hub_get());
}

PyDoc_STRVAR(
    channel_put_doc,
    "put($self, /, item, block=True, timeout=None)\n--\n\n"
    "Hand `item` to a greenlet in get(), waiting for one. Raises Full once `timeout` seconds\n"
    "(None: without limit) have passed; without `block`, after others have run once. In the\n"
    "hub it raises Full unless somebody is in get().");
PyDoc_STRVAR(
    channel_get_doc,
    "get($self, /, block=True, timeout=None)\n--\n\n"
    "Return the item of a greenlet in put(), waiting for one. Raises Empty once `timeout`\n"
    "seconds (None: without limit) have passed; without `block`, after others have run once.");

static PyMethodDef channel_methods[] = {
    {"put", (PyCFunction)(void (*)(void))channel_put, METH_FASTCALL | METH_KEYWORDS,
     channel_put_doc},
    {"get", (PyCFunction)(void (*)(void))channel_get, METH_FASTCALL | METH_KEYWORDS,
     channel_get_doc},
    {"put_nowait", (PyCFunction)(void (*)(void))channel_put_nowait, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR(
         "put_nowait($self, /, item)\n--\n\n"
         "put(item, block=False). Raises Full unless a greenlet takes the item, or is in get().")},
    {"get_nowait", (PyCFunction)channel_get_nowait, METH_NOARGS,
     PyDoc_STR(
         "get_nowait($self, /)\n--\n\n"
         "get(block=False). Raises Empty unless a greenlet is in put(), or comes meanwhile.")},
    {"qsize", channel_zero, METH_NOARGS,
     PyDoc_STR("qsize($self, /)\n--\n\n"
               "Return 0: a channel keeps nothing.")},
    {"empty", channel_true, METH_NOARGS,
     PyDoc_STR("empty($self, /)\n--\n\n"
               "Return True: a channel keeps nothing.")},
    {"full", channel_true, METH_NOARGS,
     PyDoc_STR("full($self, /)\n--\n\n"
               "Return True: a channel keeps nothing.")},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, PyDoc_STR("See PEP 585.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef channel_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(ChannelObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef channel_getset[] = {
    {"balance", (getter)channel_get_balance, NULL,
     PyDoc_STR("How many are in put(), less those in get()."), NULL},
    {"getters", (getter)channel_get_getters, NULL,
     PyDoc_STR("A new list of the greenlets in get()."), NULL},
    {"putters", (getter)channel_get_putters, NULL,
     PyDoc_STR("A new list of the greenlets in put()."), NULL},
    {"hub", channel_get_hub, NULL, PyDoc_STR("The running thread's hub."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    channel_doc,
    "Channel(maxsize=1)\n--\n\n"
    "Hands items from greenlets in put() to greenlets in get(): each waits for the other.\n"
    "First come, first served. Iterating gets items until one is the class StopIteration.");

static PyType_Slot channel_slots[] = {
    {Py_tp_doc, (void *)channel_doc},   {Py_tp_new, channel_new},
    {Py_tp_init, channel_init},         {Py_tp_dealloc, channel_dealloc},
    {Py_tp_traverse, channel_traverse}, {Py_tp_repr, channel_repr},
    {Py_tp_iter, PyObject_SelfIter},    {Py_tp_iternext, channel_iternext},
    {Py_tp_methods, channel_methods},   {Py_tp_members, channel_members},
    {Py_tp_getset, channel_getset},     {0, NULL},
};

static PyType_Spec channel_spec = {
    .name = "greencore.queue.Channel",
    .basicsize = sizeof(ChannelObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = channel_slots,
};

int
green_channel_exec(PyObject *module)
{
    Channel_Type = (PyTypeObject *)green_type_new(module, &channel_spec, NULL);
    return Channel_Type == NULL ? -1 : PyModule_AddType(module, Channel_Type);
}
