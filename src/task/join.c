#include "task/join.h"

#include "greenlet/error.h"
#include "greenlet/type.h"
#include "hub/wait.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"
#include "task/task.h"

/* An observer of a task, which is called without running Python code. */
typedef struct {
    green_observer observer;
    struct IwaitObject *owner; /* borrowed; it unlinks its observers before it is freed */
} join_observer;

/* An iterator over objects as they become ready. */
typedef struct IwaitObject {
    PyObject_HEAD
    PyObject *objects; /* owned tuple; NULL when the iteration is over */
    PyObject *timeout; /* owned; NULL: none */
    PyObject *results; /* owned list of the objects that are ready, in the order they became so */
    Py_ssize_t given;  /* how many of them were handed out */
    Py_ssize_t left;   /* how many more will be handed out */
    Py_ssize_t wanted; /* the waiter is woken when there are so many results */
    bool lost;         /* there was no memory for one of the results */
    bool busy;         /* a greenlet is in next() */
    bool closed;       /* the with statement has ended meanwhile; next() takes the links back */
    join_observer *observers; /* owned; one for each object; used for tasks */
    PyObject *callback;       /* owned; linked to all other objects; NULL: not needed yet */
    LoopObject *loop;         /* owned; the loop that it waits in; NULL before it began */
    green_waiter *waiter;     /* on the stack of the greenlet that waits; NULL: none does */
    uint64_t until;           /* when time is up, ns; UINT64_MAX: never */
} IwaitObject;

static PyTypeObject *Iwait_Type;

/* Note that an object is ready. Returns whether the waiter is parked and has what it wants. */
static bool
iwait_take(IwaitObject *self, PyObject *object)
{
    if (self->objects == NULL) {
        return false; /* the iteration is over */
    }
    if (PyList_Append(self->results, object) < 0) {
        PyErr_Clear(); /* the one that iterates will raise it, as `lost` */
        self->lost = true;
    }
    green_waiter *waiter = self->waiter;
    return waiter != NULL && waiter->status == GREEN_PARKED &&
           !green_greenlet_stale(waiter->greenlet) &&
           (self->lost || PyList_GET_SIZE(self->results) >= self->wanted);
}

/* Called when a task is ready. In its own loop the waiter runs at once, as it would if a link
   switched to it. */
static GreenletObject *
iwait_observe(green_observer *observer, PyObject *object)
{
    IwaitObject *self = ((join_observer *)observer)->owner;
    if (!iwait_take(self, object)) {
        return NULL;
    }
    if (green_loop_here() == self->waiter->loop) {
        return green_wake_now(self->waiter);
    }
    green_wake(self->waiter);
    return NULL;
}

/* Called when any other object is ready. On the hub, the waiter is switched to at once, so that it
   runs before what is linked behind it. */
static PyObject *
iwait_callback(PyObject *op, PyObject *object)
{
    IwaitObject *self = (IwaitObject *)op;
    if (!iwait_take(self, object)) {
        Py_RETURN_NONE;
    }
    green_waiter *waiter = self->waiter;
    green_wake(waiter);
    LoopObject *loop = waiter->loop;
    if (green_loop_here() != loop) {
        Py_RETURN_NONE;
    }
    green_ready_cancel(&waiter->ready);
    if (green_thread_self->current != (GreenletObject *)green_hub_get()) {
        green_ready_push_front(loop, &waiter->ready);
        Py_RETURN_NONE;
    }
    GreenletObject *greenlet = (GreenletObject *)Py_NewRef((PyObject *)waiter->greenlet);
    PyObject *result = green_greenlet_switch(greenlet, Py_NewRef(Py_None));
    Py_DECREF(greenlet);
    return result;
}

static PyMethodDef iwait_callback_def = {"switch", iwait_callback, METH_O,
                                         "Note that an object is ready."};

static bool
is_plain_task(PyObject *object)
{
    return Task_Check(object) &&
           !(green_task_traits(Py_TYPE(object))->overrides & TASK_HAS_RAWLINK);
}

static int
iwait_link(IwaitObject *self, Py_ssize_t i, PyObject *object)
{
    if (is_plain_task(object)) {
        TaskObject *task = (TaskObject *)object;
        join_observer *observer = &self->observers[i];
        observer->owner = self;
        green_observer_init(&observer->observer, iwait_observe, false, self->loop);
        green_list_append(&task->linkable.links, &observer->observer.link);
        green_usage_note(&task->linkable.usage);
        if (green_task_ready(task)) {
            green_linkable_notify(&task->linkable);
        }
        return 0;
    }
    if (self->callback == NULL) {
        self->callback = PyCFunction_New(&iwait_callback_def, (PyObject *)self);
        if (self->callback == NULL) {
            return -1;
        }
    }
    PyObject *rawlink = PyObject_GetAttrString(object, "rawlink");
    if (rawlink == NULL) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError)) {
            PyErr_Format(PyExc_AttributeError, "%R can't be waited for: it has no rawlink", object);
        }
        return -1;
    }
    PyObject *done = PyObject_CallOneArg(rawlink, self->callback);
    Py_DECREF(rawlink);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static void
iwait_unlink(IwaitObject *self, Py_ssize_t i, PyObject *object)
{
    if (self->observers[i].owner != NULL) {
        green_list_remove(&self->observers[i].observer.link);
        self->observers[i].owner = NULL;
        return;
    }
    if (self->callback == NULL) {
        return;
    }
    PyObject *unlink = PyObject_GetAttrString(object, "unlink");
    PyObject *done = unlink == NULL ? NULL : PyObject_CallOneArg(unlink, self->callback);
    if (done == NULL) {
        if (unlink != NULL) {
            PyErr_WriteUnraisable(unlink);
        }
        PyErr_Clear();
    }
    Py_XDECREF(done);
    Py_XDECREF(unlink);
}

/* End the iteration: take the links back. The exception that is set stays set. */
static void
iwait_finish(IwaitObject *self)
{
    PyObject *objects = self->objects;
    if (objects == NULL) {
        return;
    }
    self->objects = NULL;
    PyObject *error = green_error_take();
    for (Py_ssize_t i = 0; self->observers != NULL && i < PyTuple_GET_SIZE(objects); i++) {
        iwait_unlink(self, i, PyTuple_GET_ITEM(objects, i));
    }
    PyMem_Free(self->observers);
    self->observers = NULL;
    Py_CLEAR(self->callback);
    Py_DECREF(objects);
    green_error_raise(error);
}

static int
iwait_begin(IwaitObject *self)
{
    double seconds;
    if (green_wait_seconds(self->timeout, &seconds) < 0) {
        return -1;
    }
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return -1;
    }
    self->until = seconds < 0 ? UINT64_MAX : green_time_after(seconds);
    Py_ssize_t count = PyTuple_GET_SIZE(self->objects);
    self->loop = (LoopObject *)Py_NewRef((PyObject *)hub->loop);
    self->observers = PyMem_Calloc(count > 0 ? count : 1, sizeof(join_observer));
    if (self->observers == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (iwait_link(self, i, PyTuple_GET_ITEM(self->objects, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Park until there are `wanted` results or time is up. Returns as green_wait does. */
static int
iwait_park(IwaitObject *self, Py_ssize_t wanted)
{
    green_waiter waiter;
    if (green_waiter_init(&waiter, "gevent.wait", self->objects) < 0) {
        return -1;
    }
    double seconds = -1;
    if (self->until != UINT64_MAX) {
        uint64_t now = green_time_now();
        /* Time is not up before the next poll, so that what is ready goes first. */
        seconds = now < self->until ? (double)(self->until - now) / 1e9 : 1e-9;
    }
    self->waiter = &waiter;
    self->wanted = wanted;
    int status = green_wait(&waiter, seconds);
    self->waiter = NULL;
    return status;
}

/* Wait until there are `count` more results than were handed out, or time is up. 0, or -1 with an
   exception. */
static int
iwait_fill(IwaitObject *self, Py_ssize_t count)
{
    if (self->loop == NULL && iwait_begin(self) < 0) {
        return -1;
    }
    Py_ssize_t wanted = self->given + count;
    int status = GREEN_WOKEN;
    while (status == GREEN_WOKEN && PyList_GET_SIZE(self->results) < wanted && !self->lost &&
           !self->closed) {
        status = iwait_park(self, wanted);
    }
    if (status == GREEN_WOKEN && self->lost) {
        PyErr_NoMemory();
        return -1;
    }
    return status < 0 ? -1 : 0;
}

/* Returns the next object (new reference), or NULL, with an exception or at the end. */
static PyObject *
iwait_step(IwaitObject *self)
{
    if (self->left == 0) {
        if (self->loop == NULL) {
            iwait_begin(self); /* for what it may raise */
        }
        return NULL;
    }
    self->left--;
    if (iwait_fill(self, 1) < 0 || self->given == PyList_GET_SIZE(self->results)) {
        return NULL;
    }
    PyObject *object = Py_NewRef(PyList_GET_ITEM(self->results, self->given));
    Py_INCREF(Py_None);
    if (PyList_SetItem(self->results, self->given, Py_None) < 0) {
        Py_CLEAR(object);
    }
    self->given++;
    return object;
}

static PyObject *
iwait_next(IwaitObject *self)
{
    if (self->objects == NULL) {
        return NULL;
    }
    if (self->busy) {
        PyErr_SetString(green_exc_ConcurrentObjectUseError,
                        "another greenlet waits with this iterator");
        return NULL;
    }
    self->busy = true;
    PyObject *object = iwait_step(self);
    self->busy = false;
    if (object == NULL || self->closed) {
        iwait_finish(self);
    }
    return object;
}

static IwaitObject *
iwait_new(PyObject *objects, PyObject *timeout, PyObject *count)
{
    PyObject *tuple = PySequence_Tuple(objects);
    if (tuple == NULL) {
        return NULL;
    }
    Py_ssize_t left = PyTuple_GET_SIZE(tuple);
    if (count != NULL && count != Py_None) {
        Py_ssize_t limit = PyNumber_AsSsize_t(count, PyExc_OverflowError);
        if (limit == -1 && PyErr_Occurred()) {
            Py_DECREF(tuple);
            return NULL;
        }
        left = limit < left ? limit : left;
    }
    IwaitObject *self = (IwaitObject *)Iwait_Type->tp_alloc(Iwait_Type, 0);
    if (self == NULL) {
        Py_DECREF(tuple);
        return NULL;
    }
    self->objects = tuple;
    self->left = left < 0 ? 0 : left;
    self->timeout = timeout == NULL || timeout == Py_None ? NULL : Py_NewRef(timeout);
    self->results = PyList_New(0);
    if (self->results == NULL) {
        Py_CLEAR(self);
    }
    return self;
}

static int
iwait_traverse(IwaitObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->objects);
    Py_VISIT(self->timeout);
    Py_VISIT(self->results);
    Py_VISIT(self->callback);
    Py_VISIT((PyObject *)self->loop);
    return 0;
}

static int
iwait_clear(IwaitObject *self)
{
    iwait_finish(self);
    Py_CLEAR(self->results);
    return 0;
}

static void
iwait_dealloc(IwaitObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    iwait_finish(self);
    Py_XDECREF(self->timeout);
    Py_XDECREF(self->results);
    Py_XDECREF((PyObject *)self->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
iwait_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return Py_NewRef(self);
}

static PyObject *
iwait_exit(IwaitObject *self, PyObject *Py_UNUSED(args))
{
    if (!self->busy) {
        iwait_finish(self);
        Py_RETURN_NONE;
    }
    self->closed = true;
    if (self->waiter != NULL && self->waiter->status == GREEN_PARKED) {
        green_wake(self->waiter);
    }
    Py_RETURN_NONE;
}

static PyMethodDef iwait_methods[] = {
    {"__enter__", iwait_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)iwait_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot iwait_slots[] = {
    {Py_tp_doc,
     "Yields objects as they become ready. As a context manager it takes its links back."},
    {Py_tp_dealloc, iwait_dealloc},
    {Py_tp_traverse, iwait_traverse},
    {Py_tp_clear, iwait_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, iwait_next},
    {Py_tp_methods, iwait_methods},
    {0, NULL},
};

static PyType_Spec iwait_spec = {
    .name = "greencore._core.WaitIterator",
    .basicsize = sizeof(IwaitObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = iwait_slots,
};

/* ---- functions ---- */

/* Call hub.join(timeout), which is what waiting for no objects means. New reference, or NULL with
   an exception. */
static PyObject *
join_hub(PyObject *timeout)
{
    HubObject *hub = green_hub_get();
    return hub == NULL ? NULL
                       : PyObject_CallMethod((PyObject *)hub, "join", "O",
                                             timeout == NULL ? Py_None : timeout);
}

static const char *const wait_names[] = {"objects", "timeout", "count"};

PyDoc_STRVAR(
    iwait_doc,
    "iwait(objects=None, timeout=None, count=None)\n--\n\n"
    "Return an iterator over `objects` as they become ready, until all of them, or `count`, are, "
    "or\n"
    "`timeout` seconds have passed since the first step.\n\n"
    "The objects have rawlink() and unlink(). Use it in a with statement when you may stop early.");

static PyObject *
join_iwait(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *values[3];
    if (green_arguments("iwait", args, nargs, kwnames, wait_names, 3, values) < 0) {
        return NULL;
    }
    if (values[0] != NULL && values[0] != Py_None) {
        return (PyObject *)iwait_new(values[0], values[1], values[2]);
    }
    PyObject *empty = join_hub(values[1]);
    PyObject *list = empty == NULL ? NULL : PyList_New(1);
    if (list == NULL) {
        Py_XDECREF(empty);
        return NULL;
    }
    PyList_SET_ITEM(list, 0, empty);
    return list;
}

/* Returns all results at once, as a list (new reference), or NULL with an exception. The caller is
   woken for the last one only. */
static PyObject *
join_all(PyObject *objects, PyObject *timeout, PyObject *count)
{
    IwaitObject *self = iwait_new(objects, timeout, count);
    if (self == NULL) {
        return NULL;
    }
    PyObject *results = NULL;
    int status = iwait_fill(self, self->left);
    iwait_finish(self);
    if (status == 0) {
        results = PyList_GetSlice(self->results, 0, self->left);
    }
    Py_DECREF(self);
    return results;
}

PyDoc_STRVAR(
    wait_doc,
    "wait(objects=None, timeout=None, count=None)\n--\n\n"
    "Wait until all of `objects`, or `count` of them, are ready, or `timeout` seconds have\n"
    "passed. Return those ready, in the order in which they became so.\n\n"
    "The objects have rawlink() and unlink(). Without any, wait until the loop has nothing\n"
    "left to do and return whether it came to that.");

static PyObject *
join_wait(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *values[3];
    if (green_arguments("wait", args, nargs, kwnames, wait_names, 3, values) < 0) {
        return NULL;
    }
    if (values[0] == NULL || values[0] == Py_None) {
        return join_hub(values[1]);
    }
    return join_all(values[0], values[1], values[2]);
}

/* Raise the error that an object has ended with. -1 with an exception; 0 where it has not
   failed. */
static int
join_raise(PyObject *object)
{
    if (Task_Check(object)) {
        if (((TaskObject *)object)->exception == NULL) {
            return 0;
        }
        green_task_raise((TaskObject *)object);
        return -1;
    }
    PyObject *exception = PyObject_GetAttrString(object, "exception");
    if (exception == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    if (exception == Py_None) {
        Py_DECREF(exception);
        return 0;
    }
    PyObject *done = PyObject_CallMethod(object, "_raise_exception", NULL);
    if (done != NULL || PyErr_ExceptionMatches(PyExc_AttributeError)) {
        Py_XDECREF(done);
        PyErr_Clear();
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    }
    Py_DECREF(exception);
    return -1;
}

PyDoc_STRVAR(
    joinall_doc,
    "joinall(greenlets, timeout=None, raise_error=False, count=None)\n--\n\n"
    "Wait until the greenlets, or `count` of them, have ended, or `timeout` seconds have passed.\n"
    "Return those that have, in the order in which they did.\n\n"
    "With raise_error the first error among them is raised as soon as it is there.");

static PyObject *
join_joinall(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
             PyObject *kwnames)
{
    static const char *const names[] = {"greenlets", "timeout", "raise_error", "count"};
    PyObject *values[4];
    if (green_arguments("joinall", args, nargs, kwnames, names, 4, values) < 0) {
        return NULL;
    }
    if (values[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "joinall() needs the greenlets");
        return NULL;
    }
    int raise_error = green_argument_flag(values[2], 0);
    if (raise_error < 0) {
        return NULL;
    }
    if (!raise_error) {
        return values[0] == Py_None ? join_hub(values[1])
                                    : join_all(values[0], values[1], values[3]);
    }
    IwaitObject *self = iwait_new(values[0], values[1], values[3]);
    PyObject *done = self == NULL ? NULL : PyList_New(0);
    PyObject *object;
    while (done != NULL && (object = iwait_next(self)) != NULL) {
        if (join_raise(object) < 0 || PyList_Append(done, object) < 0) {
            Py_CLEAR(done);
        }
        Py_DECREF(object);
    }
    if (self != NULL) {
        iwait_finish(self);
        Py_DECREF(self);
    }
    if (PyErr_Occurred()) {
        Py_CLEAR(done);
    }
    return done;
}

static PyMethodDef join_functions[] = {
    {"iwait", (PyCFunction)(void (*)(void))join_iwait, METH_FASTCALL | METH_KEYWORDS, iwait_doc},
    {"wait", (PyCFunction)(void (*)(void))join_wait, METH_FASTCALL | METH_KEYWORDS, wait_doc},
    {"joinall", (PyCFunction)(void (*)(void))join_joinall, METH_FASTCALL | METH_KEYWORDS,
     joinall_doc},
    {NULL, NULL, 0, NULL},
};

int
green_join_exec(PyObject *module)
{
    Iwait_Type = (PyTypeObject *)green_type_new(NULL, &iwait_spec, NULL);
    return Iwait_Type == NULL ? -1 : PyModule_AddFunctions(module, join_functions);
}
