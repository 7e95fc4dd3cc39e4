#include "net/threadpool.h"

#include <errno.h>
#include <pthread.h>
#include <structmember.h>
#include <time.h>
#include "greenlet/error.h"
#include "greenlet/type.h"
#include "hub/hub.h"
#include "hub/wait.h"
#include "loop/loop.h"

/* A call for a worker. A greenlet may wait for it (wait()); else `done` is called on the hub. */
typedef struct TaskObject {
    PyObject_HEAD
    struct TaskObject *next; /* in the queue, which owns a reference; so does the worker later */
    PyObject *func;          /* owned; NULL once it ran, as args and kwargs */
    PyObject *args;          /* owned, a tuple */
    PyObject *kwargs;        /* owned, a dict or NULL */
    PyObject *slot;          /* owned; its release() is called at the end; NULL after it */
    PyObject *done;          /* owned; or NULL, and once called */
    PyObject *value;         /* owned; the result, or NULL */
    PyObject *exception;     /* owned; what was raised, or NULL */
    PyObject *context;       /* owned; for Hub.handle_error: (worker, func), or NULL */
    LoopObject *loop;        /* owned; who asked */
    green_waiter *waiter;    /* the greenlet in wait(), or NULL; borrowed from its stack */
    green_ready ready;
    bool finished;
} TaskObject;

/* Tasks in the order they came. The list is guarded by the interpreter lock, the number of those to
   be taken by the mutex, under which workers sleep. */
typedef struct {
    PyObject_HEAD
    PyObject *weakrefs;
    TaskObject *first, *last;
    Py_ssize_t unfinished; /* put, and neither finished nor a stop that was taken */
    size_t unanswered;     /* tasks that hold their loops */
    LoopObject *loop;      /* owned; of the pool */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    size_t available;
    size_t sleepers;
} QueueObject;

static PyTypeObject *Task_Type;
static PyTypeObject *Queue_Type;
static PyObject *release_name; /* "release" */
static PyObject *get_profile;  /* sys.getprofile */
static PyObject *get_trace;    /* sys.gettrace */

/* --- Task --- */

/* Take away: new reference, or NULL. */
static PyObject *
take(PyObject **place)
{
    PyObject *value = *place;
    *place = NULL;
    return value;
}

/* Give the slot back and call done(task), each once. -1 with an exception. */
static int
task_end(TaskObject *self)
{
    PyObject *slot = take(&self->slot), *done = take(&self->done), *result = Py_None;
    if (slot != NULL) {
        result = PyObject_CallMethodNoArgs(slot, release_name);
        Py_XDECREF(result);
    }
    if (done != NULL && result != NULL) {
        result = PyObject_CallOneArg(done, (PyObject *)self);
        Py_XDECREF(result);
    }
    Py_XDECREF(slot);
    Py_XDECREF(done);
    return result == NULL ? -1 : 0;
}

static GreenletObject *
task_turn(green_ready *ready)
{
    TaskObject *self = GREEN_CONTAINER(ready, TaskObject, ready);
    if (task_end(self) < 0) {
        green_loop_handle_error(self->loop, (PyObject *)self);
    }
    Py_DECREF(self); /* the ready queue's */
    return NULL;
}

static void
task_drop(green_ready *ready)
{
    Py_DECREF(GREEN_CONTAINER(ready, TaskObject, ready));
}

static const green_ready_kind task_kind = {.turn = task_turn, .on_hub = true, .drop = task_drop};

/* The worker is through with it: tell who asked. Returns whether its loop sleeps, and is still to
   be woken. */
static bool
task_answer(TaskObject *self)
{
    bool asleep = green_loop_hush(self->loop); /* it would only wait for the interpreter lock */
    self->finished = true;
    green_loop_unref(self->loop);
    if (self->waiter != NULL) {
        green_wake(self->waiter);
    } else if (!green_loop_destroyed(self->loop)) {
        assert(!green_ready_queued(&self->ready));
        Py_INCREF(self);
        green_ready_push(self->loop, &self->ready);
    }
    green_loop_unhush(self->loop, asleep);
    return asleep;
}

/* Keep the current exception as the task's. */
static void
task_fail(TaskObject *self)
{
    PyObject *exception = green_error_take();
    Py_XSETREF(self->exception, exception);
}

static void
task_run(TaskObject *self, PyObject *worker)
{
    PyObject *func = take(&self->func), *args = take(&self->args), *kwargs = take(&self->kwargs);
    self->value = PyObject_Call(func, args, kwargs);
    if (self->value == NULL) {
        task_fail(self);
        self->context = PyTuple_Pack(2, worker, func);
        if (self->context == NULL) {
            PyErr_Clear(); /* handle_error does without */
        }
    }
    Py_DECREF(func);
    Py_DECREF(args);
    Py_XDECREF(kwargs);
}

static PyObject *
task_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *loop, *slot, *done, *func, *func_args, *func_kwargs = NULL;
    if (!PyArg_ParseTuple(args, "O!OOOO!|O:Task", Loop_Type, &loop, &slot, &done, &func,
                          &PyTuple_Type, &func_args, &func_kwargs)) {
        return NULL;
    }
    if (func_kwargs == Py_None || (func_kwargs != NULL && PyObject_Size(func_kwargs) == 0)) {
        func_kwargs = NULL;
    } else if (func_kwargs != NULL && !PyDict_Check(func_kwargs)) {
        PyErr_SetString(PyExc_TypeError, "keyword arguments must be a dict");
        return NULL;
    }
    TaskObject *self = (TaskObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        self->slot = Py_NewRef(slot);
        self->done = done == Py_None ? NULL : Py_NewRef(done);
        self->func = Py_NewRef(func);
        self->args = Py_NewRef(func_args);
        self->kwargs = Py_XNewRef(func_kwargs);
        green_ready_init(&self->ready, &task_kind);
    }
    return (PyObject *)self;
}

/* The result, or the exception raised: each once. */
static PyObject *
task_result(TaskObject *self)
{
    if (self->exception != NULL) {
        PyObject *exception = take(&self->exception);
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
        Py_DECREF(exception);
        return NULL;
    }
    return self->value != NULL ? take(&self->value) : Py_NewRef(Py_None);
}

static PyObject *
task_wait(TaskObject *self, PyObject *Py_UNUSED(ignored))
{
    if (!self->finished) {
        green_waiter waiter;
        if (green_waiter_init(&waiter, "ThreadPool.apply", (PyObject *)self) < 0) {
            return NULL;
        }
        self->waiter = &waiter;
        int status = green_wait(&waiter, -1);
        self->waiter = NULL;
        if (status < 0 && !self->finished) {
            return NULL; /* when it is finished, done is called on the hub */
        }
        if (status < 0) {
            PyObject *error = green_error_take();
            Py_INCREF(self);
            task_turn(&self->ready);
            green_error_raise(error);
            return NULL;
        }
    }
    return task_end(self) < 0 ? NULL : task_result(self);
}

/* Used by workers that call func themselves. */
static PyObject *
task_set(TaskObject *self, PyObject *value)
{
    Py_XSETREF(self->value, Py_NewRef(value));
    Py_RETURN_NONE;
}

static PyObject *
task_handle_error(TaskObject *self, PyObject *args)
{
    PyObject *context, *exception;
    if (!PyArg_ParseTuple(args, "OO:handle_error", &context, &exception)) {
        return NULL;
    }
    Py_XSETREF(self->context, Py_NewRef(context));
    Py_XSETREF(self->exception, Py_NewRef(exception));
    Py_RETURN_NONE;
}

static PyObject *
task_successful(TaskObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->finished && self->exception == NULL);
}

static PyObject *
task_get_exc_info(TaskObject *self, void *Py_UNUSED(closure))
{
    if (self->exception == NULL) {
        return PyTuple_New(0);
    }
    PyObject *traceback = PyException_GetTraceback(self->exception);
    PyObject *result =
        PyTuple_Pack(3, Py_TYPE(self->exception), self->exception, traceback ? traceback : Py_None);
    Py_XDECREF(traceback);
    return result;
}

static int
task_traverse(TaskObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->func);
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    Py_VISIT(self->slot);
    Py_VISIT(self->done);
    Py_VISIT(self->value);
    Py_VISIT(self->exception);
    Py_VISIT(self->context);
    Py_VISIT(self->loop);
    return 0;
}

static int
task_clear(TaskObject *self)
{
    Py_CLEAR(self->func);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    Py_CLEAR(self->slot);
    Py_CLEAR(self->done);
    Py_CLEAR(self->value);
    Py_CLEAR(self->exception);
    Py_CLEAR(self->context);
    return 0;
}

static void
task_dealloc(TaskObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    task_clear(self);
    Py_XDECREF(self->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef task_methods[] = {
    {"wait", (PyCFunction)task_wait, METH_NOARGS,
     "wait($self, /)\n--\n\nWait until it ran. Returns its result, or raises what it raised; the "
     "slot is\n"
     "released first. When the wait is interrupted, the hub does that later."},
    {"set", (PyCFunction)task_set, METH_O,
     "set($self, value, /)\n--\n\n"
     "Give it the result `value`. Called by the worker."},
    {"handle_error", (PyCFunction)task_handle_error, METH_VARARGS,
     "handle_error($self, context, exception, /)\n--\n\n"
     "Give it the exception that its function raised; context: (worker, function). Called by\n"
     "the worker."},
    {"successful", (PyCFunction)task_successful, METH_NOARGS,
     "successful($self, /)\n--\n\n"
     "Return whether it ran and raised nothing."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef task_members[] = {
    {"func", T_OBJECT, offsetof(TaskObject, func), READONLY, "What to call; None once it ran."},
    {"args", T_OBJECT, offsetof(TaskObject, args), READONLY, "Its arguments; None once it ran."},
    {"kwargs", T_OBJECT, offsetof(TaskObject, kwargs), READONLY, "Its keyword arguments or None."},
    {"value", T_OBJECT, offsetof(TaskObject, value), READONLY, "Its result."},
    {"exception", T_OBJECT, offsetof(TaskObject, exception), READONLY, "What it raised, or None."},
    {"context", T_OBJECT, offsetof(TaskObject, context), READONLY, "Where: (worker, function)."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef task_getset[] = {
    {"exc_info", (getter)task_get_exc_info, NULL, "(type, exception, traceback), or ().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot task_slots[] = {
    {Py_tp_doc,
     "Task(loop, slot, done, func, args, kwargs=None)\n--\n\nA call for a worker thread.\n"
     "When it ran, slot.release() is called on the hub, and done(task) unless that is None."},
    {Py_tp_new, task_new},
    {Py_tp_dealloc, task_dealloc},
    {Py_tp_traverse, task_traverse},
    {Py_tp_clear, task_clear},
    {Py_tp_methods, task_methods},
    {Py_tp_members, task_members},
    {Py_tp_getset, task_getset},
    {0, NULL},
};

static PyType_Spec task_spec = {
    .name = "greencore._core.Task",
    .basicsize = sizeof(TaskObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = task_slots,
};

/* --- TaskQueue --- */

static void
queue_init_locks(QueueObject *self)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static PyObject *
queue_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *loop;
    if (!PyArg_ParseTuple(args, "O!:TaskQueue", Loop_Type, &loop)) {
        return NULL;
    }
    QueueObject *self = (QueueObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        queue_init_locks(self);
    }
    return (PyObject *)self;
}

static void
queue_signal(void *self)
{
    pthread_cond_signal(&((QueueObject *)self)->wake);
}

/* Steals `item`. A worker that is woken while this thread has the interpreter lock only waits for
   it: if nothing else is to run here, and the caller is about to wait, the loop wakes it when it
   lets go. */
static void
queue_append(QueueObject *self, TaskObject *item, bool waiting)
{
    item->next = NULL;
    if (self->last == NULL) {
        self->first = item;
    } else {
        self->last->next = item;
    }
    self->last = item;
    self->unfinished++;
    pthread_mutex_lock(&self->mutex);
    self->available++;
    bool sleeping = self->sleepers > 0;
    pthread_mutex_unlock(&self->mutex);
    if (!sleeping) {
        return;
    }
    if (waiting && green_loop_idle(self->loop)) {
        green_loop_defer(self->loop, queue_signal, self);
    } else {
        queue_signal(self);
    }
}

static PyObject *
queue_put(QueueObject *self, PyObject *args)
{
    PyObject *item;
    int waiting = 0;
    if (!PyArg_ParseTuple(args, "O|p:put", &item, &waiting)) {
        return NULL;
    }
    if (item != Py_None && !Py_IS_TYPE(item, Task_Type)) {
        PyErr_SetString(PyExc_TypeError, "an item must be a Task, or None to stop one worker");
        return NULL;
    }
    TaskObject *task;
    if (item == Py_None) {
        task = PyObject_GC_New(TaskObject, Task_Type);
        if (task == NULL) {
            return NULL;
        }
        memset((char *)task + sizeof(PyObject), 0, sizeof(*task) - sizeof(PyObject));
        PyObject_GC_Track(task);
    } else {
        task = (TaskObject *)Py_NewRef(item);
        green_loop_ref(task->loop);
        self->unanswered++;
    }
    queue_append(self, task, waiting);
    Py_RETURN_NONE;
}

/* Sleep until something is available. Returns whether there is. Without the interpreter lock, as
   all with a mutex that others hold without it. */
static bool
queue_sleep(QueueObject *self, double seconds)
{
    struct timespec deadline;
    if (seconds >= 0) {
        uint64_t at = green_time_after(seconds);
        deadline.tv_sec = (time_t)(at / 1000000000);
        deadline.tv_nsec = (long)(at % 1000000000);
    }
    int code = 0;
    pthread_mutex_lock(&self->mutex);
    self->sleepers++;
    while (self->available == 0 && code != ETIMEDOUT) {
        code = seconds < 0 ? pthread_cond_wait(&self->wake, &self->mutex)
                           : pthread_cond_timedwait(&self->wake, &self->mutex, &deadline);
    }
    self->sleepers--;
    bool found = self->available > 0;
    self->available -= found;
    pthread_mutex_unlock(&self->mutex);
    return found;
}

/* The next item (new reference), or NULL when none came in time. `asleep`: a loop to be woken as
   soon as the interpreter lock is free for it; NULL: none. */
static TaskObject *
queue_get(QueueObject *self, double seconds, LoopObject *asleep)
{
    pthread_mutex_lock(&self->mutex);
    bool found = self->available > 0;
    self->available -= found;
    pthread_mutex_unlock(&self->mutex);
    if (asleep != NULL) {
        green_loop_wake_begin(asleep);
    }
    if (found) {
        if (asleep != NULL) {
            green_loop_wake_end(asleep);
        }
    } else {
        green_threads_idle++;
        PyThreadState *ts = PyEval_SaveThread();
        if (asleep != NULL) {
            green_loop_wake_end(asleep);
        }
        found = queue_sleep(self, seconds);
        PyEval_RestoreThread(ts);
        green_threads_idle--;
    }
    if (!found) {
        return NULL;
    }
    TaskObject *item = self->first;
    self->first = item->next;
    if (self->first == NULL) {
        self->last = NULL;
    }
    return item;
}

/* Does threading.setprofile or settrace want to see tasks? `hooks`: the dict of `threading`, or
 * None. */
static bool
queue_hooked(PyObject *hooks)
{
    if (hooks == Py_None) {
        return false;
    }
    PyObject *profile = PyDict_GetItemString(hooks, "_profile_hook"); /* borrowed */
    PyObject *trace = PyDict_GetItemString(hooks, "_trace_hook");     /* borrowed */
    return (profile != NULL && profile != Py_None) || (trace != NULL && trace != Py_None);
}

/* Has a task left a hub, a profile or a trace function on this thread? */
static bool
queue_dirty(void)
{
    if (green_hub_peek() != NULL) {
        return true;
    }
    PyObject *profile = PyObject_CallNoArgs(get_profile), *trace = PyObject_CallNoArgs(get_trace);
    bool clean = profile == Py_None && trace == Py_None;
    Py_XDECREF(profile);
    Py_XDECREF(trace);
    return !clean;
}

/* Returns what task_answer does. */
static bool
queue_finish(QueueObject *self, TaskObject *task)
{
    self->unfinished--;
    self->unanswered--;
    return task_answer(task);
}

/* `asleep` is stolen; NULL: nothing to do. */
static void
queue_wake(LoopObject *asleep)
{
    if (asleep != NULL) {
        green_loop_wake_begin(asleep);
        green_loop_wake_end(asleep);
        Py_DECREF(asleep);
    }
}

static PyObject *
queue_serve(QueueObject *self, PyObject *args)
{
    PyObject *worker, *hooks, *clean;
    double seconds;
    if (!PyArg_ParseTuple(args, "OdOO:serve", &worker, &seconds, &hooks, &clean)) {
        return NULL;
    }
    LoopObject *asleep = NULL;
    for (;;) {
        TaskObject *task = queue_get(self, seconds, asleep);
        Py_CLEAR(asleep);
        if (task == NULL) {
            Py_RETURN_FALSE;
        }
        if (task->func == NULL) { /* a stop */
            self->unfinished--;
            Py_DECREF(task);
            Py_RETURN_NONE;
        }
        if (clean == Py_None || queue_hooked(hooks)) {
            return (PyObject *)task;
        }
        task_run(task, worker);
        PyObject *result = queue_dirty() ? PyObject_CallNoArgs(clean) : Py_NewRef(Py_None);
        if (queue_finish(self, task)) {
            asleep = (LoopObject *)Py_NewRef((PyObject *)task->loop);
        }
        Py_DECREF(task);
        if (result == NULL) {
            queue_wake(asleep);
            return NULL;
        }
        Py_DECREF(result);
    }
}

static PyObject *
queue_task_done(QueueObject *self, PyObject *task)
{
    if (!Py_IS_TYPE(task, Task_Type) || ((TaskObject *)task)->finished) {
        PyErr_SetString(PyExc_ValueError, "task_done() takes a Task that is not finished");
        return NULL;
    }
    LoopObject *loop = ((TaskObject *)task)->loop;
    queue_wake(queue_finish(self, (TaskObject *)task) ? (LoopObject *)Py_NewRef((PyObject *)loop)
                                                      : NULL);
    Py_RETURN_NONE;
}

static void
queue_drop_all(QueueObject *self)
{
    TaskObject *task = self->first;
    self->first = self->last = NULL;
    while (task != NULL) {
        TaskObject *next = task->next;
        Py_DECREF(task);
        task = next;
    }
}

static PyObject *
queue_kill(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    queue_init_locks(self);
    self->available = self->sleepers = 0;
    self->unfinished = 0;
    for (; self->unanswered > 0; self->unanswered--) {
        green_loop_unref(self->loop);
    }
    queue_drop_all(self);
    Py_RETURN_NONE;
}

static PyObject *
queue_qsize(QueueObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(self->available);
}

static int
queue_traverse(QueueObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    for (TaskObject *task = self->first; task != NULL; task = task->next) {
        Py_VISIT(task);
    }
    return 0;
}

static int
queue_clear(QueueObject *self)
{
    queue_drop_all(self);
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
    queue_drop_all(self);
    if (self->loop != NULL) {
        green_loop_undefer(self->loop, queue_signal, self);
    }
    Py_XDECREF(self->loop);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    serve_doc,
    "serve($self, worker, timeout, hooks, clean, /)\n--\n\n"
    "Run tasks on this thread, until one needs more than this: then it is returned, and the\n"
    "caller runs it and calls task_done(task). That is so when clean is None, and while\n"
    "hooks, the dict of threading, has a trace or profile function. clean() is called after\n"
    "a task run here that left such a function, or a hub. Returns False when no task came for "
    "timeout seconds (-1: waits for\n"
    "ever), None when told to stop.");

static PyMethodDef queue_methods[] = {
    {"put", (PyCFunction)queue_put, METH_VARARGS,
     "put($self, item, waiting=False, /)\n--\n\n"
     "Append a Task, or None: whoever takes that stops. waiting: the caller waits for it at once."},
    {"serve", (PyCFunction)queue_serve, METH_VARARGS, serve_doc},
    {"task_done", (PyCFunction)queue_task_done, METH_O,
     "task_done($self, task, /)\n--\n\n"
     "Have `task`, which serve() returned and the worker ran, answered for on the hub."},
    {"qsize", (PyCFunction)queue_qsize, METH_NOARGS,
     "qsize($self, /)\n--\n\n"
     "Return how many items no worker has taken."},
    {"kill", (PyCFunction)queue_kill, METH_NOARGS,
     "kill($self, /)\n--\n\nForget everything. For a forked child, where there are no workers."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef queue_members[] = {
    {"unfinished_tasks", T_PYSSIZET, offsetof(QueueObject, unfinished), READONLY,
     "How many items are in the queue or with a worker."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(QueueObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot queue_slots[] = {
    {Py_tp_doc, "TaskQueue(loop)\n--\n\nWhat the worker threads of a pool have to do."},
    {Py_tp_new, queue_new},
    {Py_tp_dealloc, queue_dealloc},
    {Py_tp_traverse, queue_traverse},
    {Py_tp_clear, queue_clear},
    {Py_tp_methods, queue_methods},
    {Py_tp_members, queue_members},
    {0, NULL},
};

static PyType_Spec queue_spec = {
    .name = "greencore._core.TaskQueue",
    .basicsize = sizeof(QueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = queue_slots,
};

/* --- module --- */

static PyTypeObject *
add_type(PyObject *module, PyType_Spec *spec, const char *name)
{
    PyTypeObject *type = (PyTypeObject *)green_type_new(module, spec, NULL);
    if (type != NULL && PyModule_AddObjectRef(module, name, (PyObject *)type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

int
green_threadpool_exec(PyObject *module)
{
    PyObject *profile = PySys_GetObject("getprofile"), *trace = PySys_GetObject("gettrace");
    release_name = PyUnicode_InternFromString("release");
    get_profile = Py_XNewRef(profile);
    get_trace = Py_XNewRef(trace);
    if (release_name == NULL || profile == NULL || trace == NULL) {
        return -1;
    }
    Task_Type = add_type(module, &task_spec, "Task");
    Queue_Type = add_type(module, &queue_spec, "TaskQueue");
    return Task_Type == NULL || Queue_Type == NULL ? -1 : 0;
}
