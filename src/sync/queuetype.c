/* The Python types of queue.h: SimpleQueue, Queue, PriorityQueue and LifoQueue. */
#include "sync/queue.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/name.h"
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"

static PyTypeObject *SimpleQueue_Type;
PyTypeObject *Queue_Type;
static PyTypeObject *PriorityQueue_Type;
static PyTypeObject *LifoQueue_Type;

/* The methods that a subclass may override. `own` is SimpleQueue's, borrowed from it: a type that
   has another one overrides the method. */
static struct {
    const char *name;
    int flag;
    PyObject *interned;
    PyObject *own;
} bottlenecks[] = {
    {"_init", QUEUE_INIT, NULL, NULL},    {"_create_queue", QUEUE_CREATE, NULL, NULL},
    {"_qsize", QUEUE_QSIZE, NULL, NULL},  {"_put", QUEUE_PUT, NULL, NULL},
    {"_get", QUEUE_GET, NULL, NULL},      {"_peek", QUEUE_PEEK, NULL, NULL},
    {"get", QUEUE_OUTER_GET, NULL, NULL}, {"put", QUEUE_OUTER_PUT, NULL, NULL},
};

static PyObject *
queue_method_init(QueueObject *self, PyObject *args)
{
    PyObject *maxsize, *items = NULL;
    if (!PyArg_ParseTuple(args, "O|O:_init", &maxsize, &items)) {
        return NULL;
    }
    if (self->overrides & QUEUE_CREATE) {
        PyObject *container =
            PyObject_CallMethod((PyObject *)self, "_create_queue", items ? "(O)" : NULL, items);
        if (container == NULL) {
            return NULL;
        }
        green_store_set_container(&self->store, container);
        Py_DECREF(container);
    } else if (green_store_fill(&self->store, items) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
queue_method_create_queue(QueueObject *self, PyObject *args)
{
    PyObject *items = NULL;
    if (!PyArg_ParseTuple(args, "|O:_create_queue", &items)) {
        return NULL;
    }
    return green_store_make(&self->store, items);
}

static PyObject *
queue_method_qsize(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t size = green_store_size(&self->store);
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

static PyObject *
queue_method_put(QueueObject *self, PyObject *item)
{
    if (green_store_put(&self->store, item) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
queue_check_filled(QueueObject *self)
{
    Py_ssize_t size = green_store_size(&self->store);
    if (size == 0) {
        green_queue_raise("Empty");
    }
    return size > 0 ? 0 : -1;
}

static PyObject *
queue_method_get(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    return queue_check_filled(self) < 0 ? NULL : green_store_get(&self->store);
}

static PyObject *
queue_method_peek(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    return queue_check_filled(self) < 0 ? NULL : green_store_peek(&self->store);
}

/* --- construction --- */

static bool
queue_is_done(PyObject *object)
{
    return ((QueueObject *)object)->unfinished <= 0;
}

static const green_linkable_kind done_kind = {
    .offset = offsetof(QueueObject, done),
    .pass = GREEN_PASS(QueueObject, done, done_pass),
    .ready = queue_is_done,
    .all = true,
};

static PyObject *
queue_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    QueueObject *self = (QueueObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    green_discipline discipline = PyType_IsSubtype(type, PriorityQueue_Type) ? GREEN_PRIORITY
                                  : PyType_IsSubtype(type, LifoQueue_Type)   ? GREEN_LIFO
                                                                             : GREEN_FIFO;
    green_store_init(&self->store, discipline);
    green_queue_exchange_init(self);
    green_linkable_init(&self->done, &done_kind);
    self->maxsize = -1;
    self->counts = PyType_IsSubtype(type, Queue_Type);
    if (type != SimpleQueue_Type && type != Queue_Type && type != PriorityQueue_Type &&
        type != LifoQueue_Type) {
        for (size_t i = 0; i < Py_ARRAY_LENGTH(bottlenecks); i++) {
            if (_PyType_Lookup(type, bottlenecks[i].interned) != bottlenecks[i].own) {
                self->overrides |= bottlenecks[i].flag;
            }
        }
    }
    return (PyObject *)self;
}

static int
queue_set_maxsize_core(QueueObject *self, PyObject *value, bool warn)
{
    Py_ssize_t maxsize = -1;
    if (value != NULL && value != Py_None) {
        maxsize = PyNumber_AsSsize_t(value, NULL);
        if (maxsize == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (maxsize == 0 && warn &&
            PyErr_WarnEx(PyExc_DeprecationWarning,
                         "Queue(0) has no limit, as Queue(None); for a hand-over use Channel",
                         1) < 0) {
            return -1;
        }
    }
    self->maxsize = maxsize > 0 ? maxsize : -1;
    return 0;
}

static PyObject *
queue_maxsize(QueueObject *self)
{
    return self->maxsize < 0 ? Py_NewRef(Py_None) : PyLong_FromSsize_t(self->maxsize);
}

/* Call _init(), with the items only where there are some: subclasses written for the standard
   library's queues take none. 0, or -1 with an exception. */
static int
queue_call_init(QueueObject *self, PyObject *items)
{
    int given = items == NULL ? 0 : PyObject_IsTrue(items);
    if (given < 0) {
        return -1;
    }
    if (!(self->overrides & (QUEUE_INIT | QUEUE_CREATE))) {
        return green_store_fill(&self->store, given ? items : NULL);
    }
    PyObject *maxsize = queue_maxsize(self);
    PyObject *done = maxsize == NULL ? NULL
                     : given ? PyObject_CallMethod((PyObject *)self, "_init", "OO", maxsize, items)
                             : PyObject_CallMethod((PyObject *)self, "_init", "(O)", maxsize);
    Py_XDECREF(maxsize);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
queue_init(QueueObject *self, PyObject *args, PyObject *kwargs)
{
    static char *simple_names[] = {"maxsize", "items", "_warn_depth", NULL};
    static char *names[] = {"maxsize", "items", "unfinished_tasks", NULL};
    PyObject *maxsize = NULL, *items = NULL, *third = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOO:Queue",
                                     self->counts ? names : simple_names, &maxsize, &items,
                                     &third)) {
        return -1;
    }
    if (queue_set_maxsize_core(self, maxsize, true) < 0 || queue_call_init(self, items) < 0) {
        return -1;
    }
    if (self->counts) {
        int given = third == NULL ? 0 : PyObject_IsTrue(third);
        self->unfinished = given <= 0 ? given : PyNumber_AsSsize_t(third, PyExc_OverflowError);
        if (self->unfinished == 0 && items != NULL) {
            self->unfinished = green_queue_size(self);
        }
        if (self->unfinished < 0) {
            if (!PyErr_Occurred()) {
                PyErr_SetString(PyExc_ValueError, "unfinished_tasks must not be negative");
            }
            return -1;
        }
    }
    return 0;
}

static int
queue_traverse(QueueObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->dict);
    Py_VISIT(self->conditions);
    int result = green_store_traverse(&self->store, visit, arg);
    return result != 0 ? result : green_linkable_traverse(&self->done, visit, arg);
}

static int
queue_clear(QueueObject *self)
{
    Py_CLEAR(self->dict);
    Py_CLEAR(self->conditions);
    green_store_clear(&self->store);
    green_linkable_clear(&self->done);
    return 0;
}

static void
queue_dealloc(QueueObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    queue_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
queue_put(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 1 && kwnames == NULL) {
        if (self->is_shutdown || !green_queue_push(self, args[0])) {
            return green_queue_put(self, args[0], true, NULL);
        }
        if (!green_list_empty(&self->getters)) {
            green_queue_notify(self);
        }
        Py_RETURN_NONE;
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
    return block < 0 ? NULL : green_queue_put(self, given[0], block, given[2]);
}

static PyObject *
queue_put_nowait(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *item = green_argument("put_nowait", args, nargs, kwnames, "item");
    if (item == NULL) {
        return NULL;
    }
    if (self->overrides & QUEUE_OUTER_PUT) {
        return PyObject_CallMethod((PyObject *)self, "put", "OO", item, Py_False);
    }
    return green_queue_put(self, item, false, NULL);
}

static PyObject *
queue_take(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames, bool peek)
{
    static const char *const names[] = {"block", "timeout"};
    PyObject *given[2];
    if (green_arguments(peek ? "peek" : "get", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    int block = green_argument_flag(given[0], 1);
    return block < 0 ? NULL : green_queue_get(self, peek, block, given[1]);
}

static PyObject *
queue_get(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 0 && kwnames == NULL) {
        PyObject *item = green_queue_shift(self);
        if (item == NULL) {
            return green_queue_get(self, false, true, NULL);
        }
        if (!green_list_empty(&self->putters)) {
            green_queue_notify(self);
        }
        return item;
    }
    return queue_take(self, args, nargs, kwnames, false);
}

static PyObject *
queue_peek(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return queue_take(self, args, nargs, kwnames, true);
}

static PyObject *
queue_get_nowait(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->overrides & QUEUE_OUTER_GET) {
        return PyObject_CallMethod((PyObject *)self, "get", "O", Py_False);
    }
    return green_queue_get(self, false, false, NULL);
}

static PyObject *
queue_peek_nowait(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    return green_queue_get(self, true, false, NULL);
}

static PyObject *
queue_iternext(QueueObject *self)
{
    PyObject *item = self->overrides & QUEUE_OUTER_GET
                         ? PyObject_CallMethod((PyObject *)self, "get", NULL)
                         : green_queue_get(self, false, true, NULL);
    if (item == PyExc_StopIteration) {
        Py_CLEAR(item); /* NULL without an exception ends the iteration */
    }
    return item;
}

/* --- looking --- */

static PyObject *
queue_qsize(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t size = green_queue_size(self);
    return size < 0 ? NULL : PyLong_FromSsize_t(size);
}

static PyObject *
queue_empty(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    Py_ssize_t size = green_queue_size(self);
    return size < 0 ? NULL : PyBool_FromLong(size == 0);
}

static PyObject *
queue_full(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    int room = green_queue_has_room(self);
    return room < 0 ? NULL : PyBool_FromLong(!room);
}

static int
queue_bool(PyObject *Py_UNUSED(self))
{
    return 1;
}

static PyObject *
queue_copy(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *items = green_store_copy(&self->store), *maxsize = queue_maxsize(self);
    PyObject *copy = NULL;
    if (items != NULL && maxsize != NULL) {
        copy = self->counts
                   ? PyObject_CallFunction((PyObject *)Py_TYPE(self), "OOn", maxsize, items,
                                           self->unfinished)
                   : PyObject_CallFunction((PyObject *)Py_TYPE(self), "OO", maxsize, items);
    }
    Py_XDECREF(items);
    Py_XDECREF(maxsize);
    return copy;
}

static PyObject *
queue_format(QueueObject *self, bool with_address)
{
    PyObject *parts = PyList_New(0);
    PyObject *items = parts == NULL ? NULL : green_store_copy(&self->store);
    Py_ssize_t size = items == NULL ? -1 : PyObject_Size(items);
    bool good = parts != NULL && size >= 0;
#define QUEUE_PART(condition, ...)                                                                 \
    if (good && (condition)) {                                                                     \
        PyObject *part = PyUnicode_FromFormat(__VA_ARGS__);                                        \
        good = part != NULL && PyList_Append(parts, part) == 0;                                    \
        Py_XDECREF(part);                                                                          \
    }
    QUEUE_PART(true, "<%s", _PyType_Name(Py_TYPE(self)))
    QUEUE_PART(with_address, "at %p", self)
    QUEUE_PART(self->maxsize >= 0, "maxsize=%zd", self->maxsize)
    QUEUE_PART(size > 0, "queue=%R", items)
    QUEUE_PART(!green_list_empty(&self->getters), "getters[%zd]",
               green_clients_count(&self->getters))
    QUEUE_PART(!green_list_empty(&self->putters), "putters[%zd]",
               green_clients_count(&self->putters))
    QUEUE_PART(self->unfinished > 0, "tasks=%zd", self->unfinished)
#undef QUEUE_PART
    PyObject *space = good ? PyUnicode_FromString(" ") : NULL;
    PyObject *text = space == NULL ? NULL : PyUnicode_Join(space, parts);
    PyObject *result = text == NULL ? NULL : PyUnicode_FromFormat("%U>", text);
    Py_XDECREF(space);
    Py_XDECREF(text);
    Py_XDECREF(items);
    Py_XDECREF(parts);
    return result;
}

static PyObject *
queue_repr(QueueObject *self)
{
    return queue_format(self, true);
}

static PyObject *
queue_str(QueueObject *self)
{
    return queue_format(self, false);
}

static PyObject *
queue_get_queue(QueueObject *self, void *Py_UNUSED(closure))
{
    return green_store_container(&self->store);
}

static int
queue_set_queue(QueueObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete queue");
        return -1;
    }
    green_store_set_container(&self->store, value);
    return 0;
}

static PyObject *
queue_get_maxsize(QueueObject *self, void *Py_UNUSED(closure))
{
    return queue_maxsize(self);
}

static int
queue_set_maxsize(QueueObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    if (queue_set_maxsize_core(self, value, false) < 0) {
        return -1;
    }
    green_queue_notify(self);
    return 0;
}

static PyObject *
queue_get_getters(QueueObject *self, void *Py_UNUSED(closure))
{
    return green_clients_list(&self->getters);
}

static PyObject *
queue_get_putters(QueueObject *self, void *Py_UNUSED(closure))
{
    return green_clients_list(&self->putters);
}

static PyObject *
queue_get_hub(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    return Py_XNewRef((PyObject *)green_hub_get());
}

/* --- tasks --- */

/* Count `count` tasks as done. 0, or -1 with an exception. */
static int
queue_finish_tasks(QueueObject *self, Py_ssize_t count)
{
    self->unfinished -= count;
    if (self->unfinished > 0) {
        return 0;
    }
    green_linkable_notify(&self->done);
    return green_queue_tell(self, "done");
}

static PyObject *
queue_task_done(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->unfinished <= 0) {
        PyErr_SetString(PyExc_ValueError, "task_done() called too many times");
        return NULL;
    }
    if (queue_finish_tasks(self, 1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
queue_join(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    green_deadline deadline;
    if (green_arguments("join", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (self->unfinished <= 0) {
        if (green_linkable_wait_behind(&self->done, "Queue.join") < 0) {
            return NULL;
        }
        Py_RETURN_TRUE;
    }
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status = green_linkable_wait(&self->done, deadline.seconds, "Queue.join", false);
    if (status < 0 && green_deadline_caught(&deadline)) {
        status = GREEN_TIMED_OUT;
    }
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        return NULL;
    }
    return PyBool_FromLong(status == GREEN_WOKEN);
}

static int
queue_shutdown_core(QueueObject *self, bool immediate)
{
    self->is_shutdown = true;
    Py_ssize_t size;
    while (immediate && (size = green_queue_size(self)) != 0) {
        PyObject *item = size < 0 ? NULL : green_queue_get_item(self, false);
        if (item == NULL) {
            return -1;
        }
        Py_DECREF(item);
        if (self->unfinished > 0 && queue_finish_tasks(self, 1) < 0) {
            return -1;
        }
    }
    while (green_queue_serve(self, true)) { /* those are served whose item is there already */
    }
    PyObject *exception = green_name_get("greencore.queue", "ShutDown");
    int result = exception == NULL ? -1 : green_queue_refuse(self, exception);
    Py_XDECREF(exception);
    return result < 0 ? -1 : green_queue_tell(self, "shutdown");
}

static PyObject *
queue_shutdown(QueueObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"immediate"};
    PyObject *given;
    if (green_arguments("shutdown", args, nargs, kwnames, names, 1, &given) < 0) {
        return NULL;
    }
    int immediate = green_argument_flag(given, 0);
    if (immediate < 0 || queue_shutdown_core(self, immediate) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
queue_get_condition(QueueObject *self, void *closure)
{
    if (self->conditions == NULL) {
        PyObject *class = green_name_get("greencore.queue", "_Conditions");
        PyObject *conditions = class == NULL ? NULL : PyObject_CallNoArgs(class);
        Py_XDECREF(class);
        if (conditions == NULL) {
            return NULL;
        }
        Py_XSETREF(self->conditions, conditions);
    }
    return PyObject_GetAttrString(self->conditions, closure);
}

static PyObject *
queue_get_unfinished(QueueObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromSsize_t(self->unfinished);
}

static int
queue_set_unfinished(QueueObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_ssize_t unfinished = value == NULL ? 0 : PyNumber_AsSsize_t(value, PyExc_OverflowError);
    if (unfinished == -1 && PyErr_Occurred()) {
        return -1;
    }
    self->unfinished = unfinished;
    return queue_finish_tasks(self, 0);
}

/* --- types --- */

PyDoc_STRVAR(
    queue_put_doc,
    "put($self, /, item, block=True, timeout=None)\n--\n\n"
    "Put an item in. While there is no room: raise Full at once if not `block`, else wait,\n"
    "and raise Full once `timeout` seconds (None: without limit) have passed. Those who wait\n"
    "are served in the order they came. The hub never waits: it gets Full.\n"
    "Raises ValueError for a negative timeout, ShutDown after shutdown().");
PyDoc_STRVAR(
    queue_get_doc,
    "get($self, /, block=True, timeout=None)\n--\n\n"
    "Take an item out and return it. While there is none: raise Empty at once if not\n"
    "`block`, else wait, and raise Empty once `timeout` seconds (None: without limit) have\n"
    "passed. Those who wait are served in the order they came. The hub never waits: it gets\n"
    "Empty. Raises ValueError for a negative timeout, ShutDown when empty after shutdown().");
PyDoc_STRVAR(queue_peek_doc,
             "peek($self, /, block=True, timeout=None)\n--\n\n"
             "Return the item that get() would take out, and leave it in. Waits and raises as\n"
             "get(block, timeout).");
PyDoc_STRVAR(queue_copy_doc, "copy($self, /)\n--\n\n"
                             "Return a new queue of the same class, size and items.");

static PyMethodDef simple_methods[] = {
    {"put", (PyCFunction)(void (*)(void))queue_put, METH_FASTCALL | METH_KEYWORDS, queue_put_doc},
    {"get", (PyCFunction)(void (*)(void))queue_get, METH_FASTCALL | METH_KEYWORDS, queue_get_doc},
    {"peek", (PyCFunction)(void (*)(void))queue_peek, METH_FASTCALL | METH_KEYWORDS,
     queue_peek_doc},
    {"put_nowait", (PyCFunction)(void (*)(void))queue_put_nowait, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR(
         "put_nowait($self, /, item)\n--\n\n"
         "put(item, block=False). Raises Full when there is no room, ShutDown after shutdown().")},
    {"get_nowait", (PyCFunction)queue_get_nowait, METH_NOARGS,
     PyDoc_STR("get_nowait($self, /)\n--\n\n"
               "get(block=False). Raises Empty when there is no item, ShutDown when empty after\n"
               "shutdown().")},
    {"peek_nowait", (PyCFunction)queue_peek_nowait, METH_NOARGS,
     PyDoc_STR("peek_nowait($self, /)\n--\n\n"
               "peek(block=False). Raises Empty when there is no item, ShutDown when empty after\n"
               "shutdown().")},
    {"qsize", (PyCFunction)queue_qsize, METH_NOARGS,
     PyDoc_STR("qsize($self, /)\n--\n\n"
               "Return how many items there are.")},
    {"empty", (PyCFunction)queue_empty, METH_NOARGS,
     PyDoc_STR("empty($self, /)\n--\n\n"
               "Return whether there is no item: get() would wait.")},
    {"full", (PyCFunction)queue_full, METH_NOARGS,
     PyDoc_STR("full($self, /)\n--\n\n"
               "Return whether there is no room: put() would wait. Never, without maxsize.")},
    {"copy", (PyCFunction)queue_copy, METH_NOARGS, queue_copy_doc},
    {"_init", (PyCFunction)queue_method_init, METH_VARARGS,
     PyDoc_STR("_init($self, maxsize, items=(), /)\n--\n\nSet up the container.")},
    {"_create_queue", (PyCFunction)queue_method_create_queue, METH_VARARGS,
     PyDoc_STR("_create_queue($self, items=(), /)\n--\n\nA container of these items.")},
    {"_qsize", (PyCFunction)queue_method_qsize, METH_NOARGS, PyDoc_STR("Items in the container.")},
    {"_put", (PyCFunction)queue_method_put, METH_O, PyDoc_STR("Add to the container.")},
    {"_get", (PyCFunction)queue_method_get, METH_NOARGS, PyDoc_STR("Take from the container.")},
    {"_peek", (PyCFunction)queue_method_peek, METH_NOARGS,
     PyDoc_STR("What _get() would take from the container.")},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, PyDoc_STR("See PEP 585.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef simple_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(QueueObject, dict), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(QueueObject, weakrefs), READONLY, NULL},
    {"is_shutdown", T_BOOL, offsetof(QueueObject, is_shutdown), READONLY,
     PyDoc_STR("Whether shutdown() was called.")},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef simple_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {"queue", (getter)queue_get_queue, (setter)queue_set_queue,
     PyDoc_STR("The container of the items: a deque, or a list for Lifo and Priority."), NULL},
    {"maxsize", (getter)queue_get_maxsize, (setter)queue_set_maxsize,
     PyDoc_STR("How many items there is room for; None: any number."), NULL},
    {"getters", (getter)queue_get_getters, NULL,
     PyDoc_STR("A new list of the greenlets in get() and peek()."), NULL},
    {"putters", (getter)queue_get_putters, NULL, PyDoc_STR("A new list of the greenlets in put()."),
     NULL},
    {"hub", queue_get_hub, NULL, PyDoc_STR("The running thread's hub."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    simple_doc,
    "SimpleQueue(maxsize=None, items=())\n--\n\n"
    "A first-in, first-out queue between greenlets, of any threads. At most `maxsize` items;\n"
    "None or less than 1: any number. It begins with `items`. Iterating gets items until one\n"
    "is the class StopIteration. len() is qsize(), but a queue is always true.");

static PyType_Slot simple_slots[] = {
    {Py_tp_doc, (void *)simple_doc},  {Py_tp_new, queue_new},
    {Py_tp_init, queue_init},         {Py_tp_dealloc, queue_dealloc},
    {Py_tp_traverse, queue_traverse}, {Py_tp_clear, queue_clear},
    {Py_tp_repr, queue_repr},         {Py_tp_str, queue_str},
    {Py_tp_iter, PyObject_SelfIter},  {Py_tp_iternext, queue_iternext},
    {Py_sq_length, green_queue_size}, {Py_nb_bool, queue_bool},
    {Py_tp_methods, simple_methods},  {Py_tp_members, simple_members},
    {Py_tp_getset, simple_getset},    {0, NULL},
};

static PyType_Spec simple_spec = {
    .name = "greencore.queue.SimpleQueue",
    .basicsize = sizeof(QueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = simple_slots,
};

PyDoc_STRVAR(
    queue_task_done_doc,
    "task_done($self, /)\n--\n\n"
    "One item that was gotten has been dealt with. Raises ValueError when called more often\n"
    "than items were put.");
PyDoc_STRVAR(
    queue_join_doc,
    "join($self, /, timeout=None)\n--\n\n"
    "Wait until task_done() was called for every item put, at most `timeout` seconds (None:\n"
    "without limit). Returns whether that is so.");
PyDoc_STRVAR(
    queue_shutdown_doc,
    "shutdown($self, /, immediate=False)\n--\n\n"
    "From now on put() raises ShutDown, and get() once there is no item left; so do those\n"
    "who wait. With `immediate` the items are dropped, and count as dealt with.");

static PyMethodDef queue_methods[] = {
    {"task_done", (PyCFunction)queue_task_done, METH_NOARGS, queue_task_done_doc},
    {"join", (PyCFunction)(void (*)(void))queue_join, METH_FASTCALL | METH_KEYWORDS,
     queue_join_doc},
    {"shutdown", (PyCFunction)(void (*)(void))queue_shutdown, METH_FASTCALL | METH_KEYWORDS,
     queue_shutdown_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef queue_getset[] = {
    {"unfinished_tasks", (getter)queue_get_unfinished, (setter)queue_set_unfinished,
     PyDoc_STR("Items put for which task_done() was not called."), NULL},
    {"mutex", (getter)queue_get_condition, NULL,
     PyDoc_STR("A lock that the conditions share. The queue itself does not need it."), "mutex"},
    {"not_empty", (getter)queue_get_condition, NULL,
     PyDoc_STR("A condition that every put notifies."), "not_empty"},
    {"not_full", (getter)queue_get_condition, NULL,
     PyDoc_STR("A condition that every get notifies."), "not_full"},
    {"all_tasks_done", (getter)queue_get_condition, NULL,
     PyDoc_STR("A condition notified when no task is left."), "all_tasks_done"},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(queue_doc, "Queue(maxsize=None, items=(), unfinished_tasks=None)\n--\n\n"
                        "A SimpleQueue that also counts tasks: see task_done(), join(), "
                        "shutdown(). unfinished_tasks:\nhow many there are to begin with, by "
                        "default one for each of `items`.");

static PyType_Slot queue_slots[] = {
    {Py_tp_doc, (void *)queue_doc},   {Py_tp_methods, queue_methods}, {Py_tp_getset, queue_getset},
    {Py_tp_traverse, queue_traverse}, {Py_tp_clear, queue_clear},     {0, NULL},
};

static PyType_Spec queue_spec = {
    .name = "greencore.queue.Queue",
    .basicsize = sizeof(QueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = queue_slots,
};

PyDoc_STRVAR(priority_doc,
             "PriorityQueue(maxsize=None, items=(), unfinished_tasks=None)\n--\n\n"
             "A Queue whose least item comes first. What comparing items raises, put() or get()\n"
             "raises, and the queue stays as it was.");

static PyType_Slot priority_slots[] = {
    {Py_tp_doc, (void *)priority_doc},
    {Py_tp_traverse, queue_traverse},
    {Py_tp_clear, queue_clear},
    {0, NULL},
};

static PyType_Spec priority_spec = {
    .name = "greencore.queue.PriorityQueue",
    .basicsize = sizeof(QueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = priority_slots,
};

PyDoc_STRVAR(lifo_doc, "LifoQueue(maxsize=None, items=(), unfinished_tasks=None)\n--\n\n"
                       "A Queue whose last item comes first.");

static PyType_Slot lifo_slots[] = {
    {Py_tp_doc, (void *)lifo_doc},
    {Py_tp_traverse, queue_traverse},
    {Py_tp_clear, queue_clear},
    {0, NULL},
};

static PyType_Spec lifo_spec = {
    .name = "greencore.queue.LifoQueue",
    .basicsize = sizeof(QueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = lifo_slots,
};

static PyTypeObject *
queue_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    PyTypeObject *type = (PyTypeObject *)green_type_new(module, spec, (PyObject *)base);
    if (type != NULL && PyModule_AddType(module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int
green_queue_exec(PyObject *module)
{
    if ((SimpleQueue_Type = queue_add_type(module, &simple_spec, NULL)) == NULL ||
        (Queue_Type = queue_add_type(module, &queue_spec, SimpleQueue_Type)) == NULL ||
        (PriorityQueue_Type = queue_add_type(module, &priority_spec, Queue_Type)) == NULL ||
        (LifoQueue_Type = queue_add_type(module, &lifo_spec, Queue_Type)) == NULL) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(bottlenecks); i++) {
        bottlenecks[i].interned = PyUnicode_InternFromString(bottlenecks[i].name);
        if (bottlenecks[i].interned == NULL) {
            return -1;
        }
        bottlenecks[i].own = _PyType_Lookup(SimpleQueue_Type, bottlenecks[i].interned);
    }
    return 0;
}
