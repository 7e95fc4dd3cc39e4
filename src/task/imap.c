#include "task/imap.h"

#include <structmember.h>

#include "greenlet/error.h"
#include "greenlet/type.h"
#include "sync/queue.h"
#include "sync/semaphore.h"
#include "task/group.h"
#include "task/observer.h"
#include "task/task.h"

/* A result, which the reader gets: a value, or an error to raise. */
typedef struct {
    PyObject *value;     /* owned; NULL: an error, or the end */
    PyObject *exception; /* owned; NULL and no value: the end */
    PyObject *traceback; /* owned; the exception's; may be NULL */
    bool unread;         /* the result has come, and was not read */
} imap_result;

/* This is a task of its own, which spawns one for each item, and an iterator over their results, in
   the order of the items or as they come. */
typedef struct {
    TaskObject base;
    PyObject *spawn;            /* owned; the pool's spawn(); NULL once all are spawned */
    PyObject *func;             /* owned; likewise */
    PyObject *iterable;         /* owned; likewise */
    SemaphoreObject *semaphore; /* owned; bounds the unread results; NULL: none needed (any more) */
    bool ordered;               /* an IMap */
    bool zipped;                /* items are tuples of arguments */
    bool spawning;              /* more items may come */
    bool running;               /* in _run(), which borrows the fields above */
    bool finished;              /* the end, or the error of the iterable, is among the results */
    Py_ssize_t outstanding;     /* tasks without a result */
    Py_ssize_t count;           /* how many items have a task */
    Py_ssize_t index;           /* the index of the next result to read */
    imap_result *results;       /* owned; a ring, from that result on */
    size_t room;                /* its slots, a power of two */
    size_t first;               /* the slot of that result */
    size_t unread;              /* how many unread results there are */
    green_linkable reader;      /* ready when there is something to read */
    green_pass reader_pass;
    green_link observers; /* green_task_observer.sibling; the index of each is its item's */
} ImapObject;

static PyTypeObject *ImapUnordered_Type;
static PyTypeObject *Imap_Type;

#define IMAP(op) ((ImapObject *)(op))

/* ---- results ---- */

/* The results of an IMap lie where their items' numbers say, so those that come early wait in their
   slots. A green_store fills its ring from one end, so it would not do. */

/* Returns the slot of the result that is `ahead` places behind the next one to read. */
static inline imap_result *
imap_slot(const ImapObject *self, size_t ahead)
{
    return &self->results[(self->first + ahead) & (self->room - 1)];
}

static void
result_clear(imap_result *result)
{
    Py_XDECREF(result->value);
    Py_XDECREF(result->exception);
    Py_XDECREF(result->traceback);
}

GREEN_COLD static int
imap_grow(ImapObject *self)
{
    size_t room = self->room ? self->room * 2 : 8;
    imap_result *results = PyMem_Calloc(room, sizeof(*results));
    if (results == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < self->room; i++) {
        results[i] = *imap_slot(self, i);
    }
    PyMem_Free(self->results);
    self->results = results;
    self->room = room;
    self->first = 0;
    return 0;
}

/* Have slots for all items so far, for one more and for the end, so that no result is without one.
   0, or -1 with MemoryError. */
static inline int
imap_reserve(ImapObject *self)
{
    return (size_t)(self->count - self->index) + 2 <= self->room ? 0 : imap_grow(self);
}

static bool
imap_readable(PyObject *op)
{
    return IMAP(op)->unread > 0 && imap_slot(IMAP(op), 0)->unread;
}

/* Put a result into its slot: in an IMap that of the item `index`, else the next one. Steals what
   the result owns. */
static inline void
imap_put(ImapObject *self, imap_result result, Py_ssize_t index)
{
    size_t ahead = self->ordered ? (size_t)(index - self->index) : self->unread;
    if (ahead >= self->room || imap_slot(self, ahead)->unread) {
        result_clear(&result); /* something that is no task has called its link twice */
        return;
    }
    result.unread = true;
    *imap_slot(self, ahead) = result;
    self->unread++;
    /* The notifier is queued even if there is nothing to read yet: the reader's place in the queue
       is that of the first result that has come. */
    green_linkable_notify(&self->reader);
}

static inline imap_result
imap_take(ImapObject *self)
{
    imap_slot(self, 0)->unread = false;
    imap_result result = *imap_slot(self, 0);
    self->first = (self->first + 1) & (self->room - 1);
    self->index++;
    self->unread--;
    return result;
}

static void
imap_put_end(ImapObject *self, PyObject *exception)
{
    if (self->finished) {
        return;
    }
    self->finished = true;
    PyObject *traceback = exception == NULL ? NULL : PyException_GetTraceback(exception);
    imap_put(self, (imap_result){.exception = Py_XNewRef(exception), .traceback = traceback},
             self->count);
}

/* Note a result that has come, and the end after the last one. Steals what the result owns. */
static inline void
imap_note(ImapObject *self, imap_result result, Py_ssize_t index)
{
    self->outstanding--;
    imap_put(self, result, index);
    if (!self->spawning && self->outstanding <= 0) {
        imap_put_end(self, NULL);
    }
}

/* ---- links ---- */

static GreenletObject *
imap_task_ended(green_observer *base, PyObject *op)
{
    green_task_observer *observer = (green_task_observer *)base;
    TaskObject *task = (TaskObject *)op;
    ImapObject *self = observer->owner;
    imap_result result = {0};
    Py_ssize_t index = observer->index;
    if (task->exception != NULL) {
        result.exception = Py_NewRef(task->exception);
        result.traceback = Py_XNewRef(green_task_traceback(task));
    } else {
        result.value = green_task_value(task);
        if (result.value == NULL) {
            result.exception = green_error_take();
        }
    }
    green_task_observer_free(observer);
    imap_note(self, result, index);
    return NULL;
}

/* This is linked to what is no task, and called with it. `pair` is (imap, index). */
static PyObject *
imap_other_ended(PyObject *pair, PyObject *source)
{
    ImapObject *self = IMAP(PyTuple_GET_ITEM(pair, 0));
    imap_result result = {0};
    PyObject *done = PyObject_CallMethod(source, "successful", NULL);
    int successful = done == NULL ? -1 : PyObject_IsTrue(done);
    Py_XDECREF(done);
    if (successful > 0) {
        result.value = PyObject_GetAttrString(source, "value");
    } else if (successful == 0) {
        result.exception = PyObject_GetAttrString(source, "exception");
    }
    if (result.value == NULL && result.exception == NULL) {
        result.exception = green_error_take();
    }
    if (result.exception != NULL && PyExceptionInstance_Check(result.exception)) {
        result.traceback = PyException_GetTraceback(result.exception);
    }
    imap_note(self, result, PyLong_AsSsize_t(PyTuple_GET_ITEM(pair, 1)));
    Py_RETURN_NONE;
}

static PyMethodDef imap_other_ended_def = {"_on_result", imap_other_ended, METH_O,
                                           "Take the result of a task."};

static int
imap_link_other(ImapObject *self, PyObject *source, Py_ssize_t index)
{
    PyObject *pair = Py_BuildValue("(On)", self, index);
    PyObject *callback = pair == NULL ? NULL : PyCFunction_New(&imap_other_ended_def, pair);
    Py_XDECREF(pair);
    PyObject *done =
        callback == NULL ? NULL : PyObject_CallMethod(source, "rawlink", "O", callback);
    Py_XDECREF(callback);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
imap_link(ImapObject *self, PyObject *source, Py_ssize_t index)
{
    if (!Task_Check(source) ||
        green_task_traits(Py_TYPE(source))->overrides & (TASK_HAS_RAWLINK | TASK_HAS_GET)) {
        return imap_link_other(self, source, index);
    }
    green_task_observer *observer =
        green_task_observer_new(self, &self->observers, imap_task_ended, false);
    if (observer == NULL) {
        return -1;
    }
    observer->index = index;
    green_task_observer_link(observer, (TaskObject *)source);
    return 0;
}

/* ---- the task: spawning ---- */

/* Call spawn(func, item), or spawn(func, *item) if items are tuples of arguments. New reference, or
   NULL with an exception. */
static PyObject *
imap_call_spawn(ImapObject *self, PyObject *item)
{
    if (!self->zipped) {
        PyObject *stack[] = {NULL, self->func, item};
        return green_group_call_spawn(self->spawn, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET);
    }
    PyObject *arguments = PySequence_Tuple(item);
    if (arguments == NULL) {
        return NULL;
    }
    PyObject *small[8];
    Py_ssize_t count = PyTuple_GET_SIZE(arguments);
    PyObject **stack =
        count + 2 <= 8 ? small : PyMem_Malloc((size_t)(count + 2) * sizeof(PyObject *));
    PyObject *task = NULL;
    if (stack == NULL) {
        PyErr_NoMemory();
    } else {
        stack[1] = self->func;
        for (Py_ssize_t i = 0; i < count; i++) {
            stack[i + 2] = PyTuple_GET_ITEM(arguments, i);
        }
        size_t nargs = (size_t)(count + 1);
        task =
            green_group_call_spawn(self->spawn, stack + 1, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET);
    }
    if (stack != small) {
        PyMem_Free(stack);
    }
    Py_DECREF(arguments);
    return task;
}

static int
imap_spawn_one(ImapObject *self, PyObject *item)
{
    if ((self->semaphore != NULL && green_semaphore_acquire(self->semaphore, -1) < 0) ||
        imap_reserve(self) < 0) {
        return -1;
    }
    PyObject *task = imap_call_spawn(self, item);
    self->outstanding++;
    int status = task == NULL ? -1 : imap_link(self, task, self->count++);
    if (status < 0) {
        self->outstanding--;
    }
    Py_XDECREF(task);
    return status;
}

static int
imap_spawn_all(ImapObject *self)
{
    PyObject *iterator = PyObject_GetIter(self->iterable);
    if (iterator == NULL) {
        return -1;
    }
    PyObject *item;
    int status = 0;
    while (status == 0 && (item = PyIter_Next(iterator)) != NULL) {
        status = imap_spawn_one(self, item);
        Py_DECREF(item);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? -1 : 0;
}

static PyObject *
imap_run(PyObject *op, PyObject *Py_UNUSED(none))
{
    ImapObject *self = IMAP(op);
    if (self->iterable == NULL || self->running) {
        PyErr_SetString(PyExc_RuntimeError, "not initialized, or run before");
        return NULL;
    }
    self->running = true;
    int status = imap_spawn_all(self);
    self->running = false;
    PyObject *error = green_error_take();
    self->spawning = false;
    if (status < 0 || self->outstanding <= 0) {
        imap_put_end(self, error);
    }
    Py_CLEAR(self->spawn);
    Py_CLEAR(self->func);
    Py_CLEAR(self->iterable);
    Py_CLEAR(self->semaphore);
    if (error != NULL) {
        green_error_raise(error);
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- the iterator ---- */

static int
imap_await(ImapObject *self)
{
    while (!imap_readable((PyObject *)self)) {
        if (self->finished && self->unread == 0) {
            return 0; /* the end was read before */
        }
        if (green_linkable_wait(&self->reader, -1, "imap", false) < 0) {
            return -1;
        }
    }
    return 1;
}

static PyObject *
imap_next(PyObject *op)
{
    ImapObject *self = IMAP(op);
    if (self->semaphore != NULL) {
        green_semaphore_release(self->semaphore);
    }
    if (imap_await(self) <= 0) {
        return NULL;
    }
    imap_result result = imap_take(self);
    if (result.exception != NULL) {
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(result.exception)), result.exception,
                      result.traceback);
    }
    return result.value;
}

static PyObject *
imap_method_next(PyObject *self, PyObject *Py_UNUSED(none))
{
    PyObject *value = imap_next(self);
    if (value == NULL && !PyErr_Occurred()) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    return value;
}

/* Returns a list of the results that were not read, where those that failed are exceptions. New
   reference, or NULL with an exception. */
static PyObject *
results_list(const ImapObject *self)
{
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list != NULL && i < self->room; i++) {
        const imap_result *result = imap_slot(self, i);
        PyObject *item = result->value ? result->value : result->exception;
        if (!result->unread || item == NULL) {
            continue; /* it has not come, or it is the end */
        }
        Py_INCREF(item);
        if (PyList_Append(list, item) < 0) {
            Py_CLEAR(list);
        }
        Py_DECREF(item);
    }
    return list;
}

static PyObject *
imap_get_queue(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *list = results_list(IMAP(op));
    PyObject *queue =
        list == NULL ? NULL
                     : PyObject_CallFunctionObjArgs((PyObject *)Queue_Type, Py_None, list, NULL);
    Py_XDECREF(list);
    return queue;
}

static PyGetSetDef imap_getset[] = {
    {"queue", imap_get_queue, NULL,
     "The results that have come and were not read, in a Queue of their own: to look at.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ---- the types ---- */

static const green_linkable_kind reader_kind = {
    .offset = offsetof(ImapObject, reader),
    .pass = GREEN_PASS(ImapObject, reader, reader_pass),
    .ready = imap_readable,
};

static PyObject *
imap_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    ImapObject *self = (ImapObject *)Task_Type->tp_new(type, args, kwargs);
    if (self != NULL) {
        green_linkable_init(&self->reader, &reader_kind);
        green_list_init(&self->observers);
        self->ordered = PyType_IsSubtype(type, Imap_Type);
    }
    return (PyObject *)self;
}

static int
imap_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"func", "iterable", "spawn", "maxsize", "_zipped", NULL};
    ImapObject *self = IMAP(op);
    PyObject *func, *iterable, *spawn, *maxsize = Py_None;
    int zipped = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO|Op", names, &func, &iterable, &spawn,
                                     &maxsize, &zipped)) {
        return -1;
    }
    if (self->running) {
        PyErr_SetString(PyExc_RuntimeError, "it runs already");
        return -1;
    }
    int bounded = PyObject_IsTrue(maxsize);
    PyObject *none = bounded < 0 ? NULL : PyTuple_New(0);
    if (none == NULL) {
        return -1;
    }
    int status = Task_Type->tp_init(op, none, NULL);
    Py_DECREF(none);
    if (status < 0) {
        return -1;
    }
    if (bounded) {
        PyObject *semaphore = PyObject_CallOneArg((PyObject *)Semaphore_Type, maxsize);
        if (semaphore == NULL) {
            return -1;
        }
        Py_XSETREF(self->semaphore, (SemaphoreObject *)semaphore);
    }
    Py_INCREF(spawn);
    Py_XSETREF(self->spawn, spawn);
    Py_INCREF(func);
    Py_XSETREF(self->func, func);
    Py_INCREF(iterable);
    Py_XSETREF(self->iterable, iterable);
    self->zipped = zipped;
    self->spawning = true;
    return imap_reserve(self);
}

static int
imap_traverse(PyObject *op, visitproc visit, void *arg)
{
    ImapObject *self = IMAP(op);
    Py_VISIT(self->spawn);
    Py_VISIT(self->func);
    Py_VISIT(self->iterable);
    Py_VISIT((PyObject *)self->semaphore);
    for (size_t i = 0; i < self->room; i++) {
        if (self->results[i].unread) {
            Py_VISIT(self->results[i].value);
            Py_VISIT(self->results[i].exception);
            Py_VISIT(self->results[i].traceback);
        }
    }
    int result = green_linkable_traverse(&self->reader, visit, arg);
    return result != 0 ? result : Task_Type->tp_traverse(op, visit, arg);
}

static void
imap_clear_fields(ImapObject *self)
{
    while (!green_list_empty(&self->observers)) {
        green_task_observer_free(green_task_observer_from(self->observers.next));
    }
    for (size_t i = 0; i < self->room; i++) {
        imap_result result = self->results[i];
        if (result.unread) {
            self->results[i].unread = false;
            self->unread--;
            result_clear(&result);
        }
    }
    Py_CLEAR(self->spawn);
    Py_CLEAR(self->func);
    Py_CLEAR(self->iterable);
    Py_CLEAR(self->semaphore);
    green_linkable_clear(&self->reader);
}

static int
imap_clear(PyObject *op)
{
    if (((GreenletObject *)op)->status != GREEN_ACTIVE) {
        imap_clear_fields(IMAP(op));
    }
    return Task_Type->tp_clear(op);
}

static void
imap_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    if (green_greenlet_survives((GreenletObject *)op)) {
        return;
    }
    imap_clear_fields(IMAP(op));
    PyMem_Free(IMAP(op)->results);
    Task_Type->tp_dealloc(op);
}

static PyMethodDef imap_methods[] = {
    {"_run", imap_run, METH_NOARGS, "_run($self)\n--\n\nSpawn a task for each item."},
    {"next", imap_method_next, METH_NOARGS,
     "next($self)\n--\n\nReturn the next result, or raise what the task raised."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef imap_members[] = {
    {"finished", T_BOOL, offsetof(ImapObject, finished), READONLY,
     "Whether the end is among the results."},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    unordered_doc,
    "IMapUnordered(func, iterable, spawn, maxsize=None, _zipped=False)\n--\n\n"
    "A greenlet that calls spawn(func, item) for each item, and an iterator over the results as\n"
    "they come.\n\n"
    "maxsize: how many results may wait for the reader before no more is spawned.");

static PyType_Slot unordered_slots[] = {
    {Py_tp_doc, (void *)unordered_doc},
    {Py_tp_new, imap_new},
    {Py_tp_init, imap_init},
    {Py_tp_dealloc, imap_dealloc},
    {Py_tp_traverse, imap_traverse},
    {Py_tp_clear, imap_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, imap_next},
    {Py_tp_methods, imap_methods},
    {Py_tp_getset, imap_getset},
    {Py_tp_members, imap_members},
    {0, NULL},
};

static PyType_Spec unordered_spec = {
    .name = "greencore.pool.IMapUnordered",
    .basicsize = sizeof(ImapObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = unordered_slots,
};

static PyType_Slot ordered_slots[] = {
    {Py_tp_doc, "IMap(func, iterable, spawn, maxsize=None, _zipped=False)\n--\n\n"
                "As IMapUnordered, with the results in the order of the items."},
    {0, NULL},
};

static PyType_Spec ordered_spec = {
    .name = "greencore.pool.IMap",
    .basicsize = sizeof(ImapObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = ordered_slots,
};

static PyTypeObject *
type_of(PyType_Spec *spec, PyTypeObject *base)
{
    PyObject *bases = PyTuple_Pack(1, base);
    PyObject *type = bases == NULL ? NULL : green_type_new(NULL, spec, bases);
    Py_XDECREF(bases);
    return (PyTypeObject *)type;
}

int
green_imap_exec(PyObject *module)
{
    ImapUnordered_Type = type_of(&unordered_spec, Task_Type);
    Imap_Type = ImapUnordered_Type == NULL ? NULL : type_of(&ordered_spec, ImapUnordered_Type);
    if (Imap_Type == NULL ||
        PyModule_AddObjectRef(module, "IMapUnordered", (PyObject *)ImapUnordered_Type) < 0) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "IMap", (PyObject *)Imap_Type);
}
