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

/* A job is a call for a worker thread. The greenlet that asked may wait for it in wait(); if it
   does not, `done` is called on the hub. */
typedef struct JobObject {
    PyObject_HEAD
    struct JobObject *next; /* in the queue, which owns a reference to a job until a worker does */
    PyObject *func;         /* owned; NULL in a stop, and once job_run has it, as args and kwargs */
    PyObject *args;         /* owned, a tuple */
    PyObject *kwargs;       /* owned, a dict or NULL */
    PyObject *slot;         /* owned; its release() is called at the end; NULL after that */
    PyObject *done;         /* owned; called with the job at the end, then NULL; or NULL */
    PyObject *value;        /* owned; the result, or NULL */
    PyObject *exception;    /* owned; what was raised, or NULL */
    PyObject *context;      /* owned; (worker, func) for Hub.handle_error, or NULL */
    LoopObject *loop;       /* owned; the loop of who asked; NULL in a stop */
    green_waiter *waiter;   /* of the greenlet in wait(), borrowed from its stack; or NULL */
    green_ready ready;
    bool finished;
} JobObject;

/* Jobs in the order they came. The interpreter lock guards the list. The mutex, which workers
   release while they sleep, guards the last two fields. */
typedef struct {
    PyObject_HEAD
    PyObject *weakrefs;
    JobObject *first, *last;
    Py_ssize_t unfinished; /* jobs that are not finished, and stops that are not taken */
    size_t unanswered;     /* jobs that are not finished; each has called green_loop_ref */
    LoopObject *loop;      /* owned; the pool's, which is that of its jobs */
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    size_t available;
    size_t sleepers;
} JobQueueObject;

static PyTypeObject *Job_Type;
static PyTypeObject *JobQueue_Type;
static PyObject *release_name; /* "release" */
static PyObject *get_profile;  /* sys.getprofile */
static PyObject *get_trace;    /* sys.gettrace */

/* --- Job --- */

/* Take the reference out of *place and return it; NULL: there is none. */
static PyObject *
take(PyObject **place)
{
    PyObject *value = *place;
    *place = NULL;
    return value;
}

/* Give the slot back and call done(job), each once. 0, or -1 with an exception. */
static int
job_end(JobObject *self)
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
job_turn(green_ready *ready)
{
    JobObject *self = GREEN_CONTAINER(ready, JobObject, ready);
    if (job_end(self) < 0) {
        green_loop_handle_error(self->loop, (PyObject *)self);
    }
    Py_DECREF(self); /* the ready queue's reference */
    return NULL;
}

static void
job_drop(green_ready *ready)
{
    Py_DECREF(GREEN_CONTAINER(ready, JobObject, ready));
}

static const green_ready_kind job_kind = {.turn = job_turn, .on_hub = true, .drop = job_drop};

/* The worker has done its part: tell who asked. Returns whether that loop sleeps, and is still to
   be woken. */
static bool
job_answer(JobObject *self)
{
    bool asleep = green_loop_hush(self->loop); /* the loop would only wait for the lock */
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

/* Keep the current exception as the job's. */
static void
job_fail(JobObject *self)
{
    PyObject *exception = green_error_take();
    Py_XSETREF(self->exception, exception);
}

static void
job_run(JobObject *self, PyObject *worker)
{
    PyObject *func = take(&self->func), *args = take(&self->args), *kwargs = take(&self->kwargs);
    self->value = PyObject_Call(func, args, kwargs);
    if (self->value == NULL) {
        job_fail(self);
        self->context = PyTuple_Pack(2, worker, func);
        if (self->context == NULL) {
            PyErr_Clear();
            self->context = Py_NewRef(worker); /* without a context, the hub would take the error
                                                  for its own */
        }
    }
    Py_DECREF(func);
    Py_DECREF(args);
    Py_XDECREF(kwargs);
}

static PyObject *
job_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *loop, *slot, *done, *func, *func_args, *func_kwargs = NULL;
    if (!PyArg_ParseTuple(args, "O!OOOO!|O:Task", Loop_Type, &loop, &slot, &done, &func,
                          &PyTuple_Type, &func_args, &func_kwargs)) {
        return NULL;
    }
    bool has_kwargs = func_kwargs != NULL && func_kwargs != Py_None;
    if (has_kwargs && !PyDict_Check(func_kwargs)) {
        PyErr_SetString(PyExc_TypeError, "keyword arguments must be a dict");
        return NULL;
    }
    has_kwargs = has_kwargs && PyDict_GET_SIZE(func_kwargs) > 0;
    JobObject *self = (JobObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        self->slot = Py_NewRef(slot);
        self->done = done == Py_None ? NULL : Py_NewRef(done);
        self->func = Py_NewRef(func);
        self->args = Py_NewRef(func_args);
        self->kwargs = has_kwargs ? Py_NewRef(func_kwargs) : NULL;
        green_ready_init(&self->ready, &job_kind);
    }
    return (PyObject *)self;
}

/* Returns the result, or raises the exception. Either is given away, so this is called once. */
static PyObject *
job_result(JobObject *self)
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
job_wait(JobObject *self, PyObject *Py_UNUSED(ignored))
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
            return NULL; /* once the job is finished, `done` is called on the hub */
        }
        if (status < 0) {
            PyObject *error = green_error_take();
            Py_INCREF(self);
            job_turn(&self->ready);
            green_error_raise(error);
            return NULL;
        }
    }
    return job_end(self) < 0 ? NULL : job_result(self);
}

/* Workers that call `func` themselves use this and the next one. */
static PyObject *
job_set(JobObject *self, PyObject *value)
{
    Py_XSETREF(self->value, Py_NewRef(value));
    Py_RETURN_NONE;
}

static PyObject *
job_handle_error(JobObject *self, PyObject *args)
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
job_successful(JobObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->finished && self->exception == NULL);
}

static PyObject *
job_get_exc_info(JobObject *self, void *Py_UNUSED(closure))
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
job_traverse(JobObject *self, visitproc visit, void *arg)
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
job_clear(JobObject *self)
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
job_dealloc(JobObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    job_clear(self);
    Py_XDECREF(self->loop);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef job_methods[] = {
    {"wait", (PyCFunction)job_wait, METH_NOARGS,
     "wait($self, /)\n--\n\nWait until it ran. Returns its result, or raises what it raised; the "
     "slot is\n"
     "released first. When the wait is interrupted, the hub does that later."},
    {"set", (PyCFunction)job_set, METH_O,
     "set($self, value, /)\n--\n\n"
     "Give it the result `value`. Called by the worker."},
    {"handle_error", (PyCFunction)job_handle_error, METH_VARARGS,
     "handle_error($self, context, exception, /)\n--\n\n"
     "Give it the exception that its function raised; context: (worker, function). Called by\n"
     "the worker."},
    {"successful", (PyCFunction)job_successful, METH_NOARGS,
     "successful($self, /)\n--\n\n"
     "Return whether it ran and raised nothing."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef job_members[] = {
    {"func", T_OBJECT, offsetof(JobObject, func), READONLY, "What to call; None once it ran."},
    {"args", T_OBJECT, offsetof(JobObject, args), READONLY, "Its arguments; None once it ran."},
    {"kwargs", T_OBJECT, offsetof(JobObject, kwargs), READONLY, "Its keyword arguments or None."},
    {"value", T_OBJECT, offsetof(JobObject, value), READONLY, "Its result."},
    {"exception", T_OBJECT, offsetof(JobObject, exception), READONLY, "What it raised, or None."},
    {"context", T_OBJECT, offsetof(JobObject, context), READONLY, "Where: (worker, function)."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef job_getset[] = {
    {"exc_info", (getter)job_get_exc_info, NULL, "(type, exception, traceback), or ().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot job_slots[] = {
    {Py_tp_doc,
     "Task(loop, slot, done, func, args, kwargs=None)\n--\n\nA call for a worker thread.\n"
     "When it ran, slot.release() is called on the hub, and done(task) unless that is None."},
    {Py_tp_new, job_new},
    {Py_tp_dealloc, job_dealloc},
    {Py_tp_traverse, job_traverse},
    {Py_tp_clear, job_clear},
    {Py_tp_methods, job_methods},
    {Py_tp_members, job_members},
    {Py_tp_getset, job_getset},
    {0, NULL},
};

static PyType_Spec job_spec = {
    .name = "greencore._core.Task",
    .basicsize = sizeof(JobObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = job_slots,
};

/* --- JobQueue --- */

static void
jobs_init_locks(JobQueueObject *self)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&self->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

static PyObject *
jobs_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *loop;
    if (!PyArg_ParseTuple(args, "O!:TaskQueue", Loop_Type, &loop)) {
        return NULL;
    }
    JobQueueObject *self = (JobQueueObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->loop = (LoopObject *)Py_NewRef(loop);
        jobs_init_locks(self);
    }
    return (PyObject *)self;
}

static void
jobs_signal(void *self)
{
    pthread_cond_signal(&((JobQueueObject *)self)->wake);
}

/* Append `item` (stolen). A worker that is woken while this thread has the interpreter lock only
   waits for the lock. So where nothing else is to run here, and the caller is about to wait, the
   loop wakes the worker when it gives up the lock. */
static void
jobs_append(JobQueueObject *self, JobObject *item, bool waiting)
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
        green_loop_defer(self->loop, jobs_signal, self);
    } else {
        jobs_signal(self);
    }
}

static PyObject *
jobs_put(JobQueueObject *self, PyObject *args)
{
    PyObject *item;
    int waiting = 0;
    if (!PyArg_ParseTuple(args, "O|p:put", &item, &waiting)) {
        return NULL;
    }
    if (item != Py_None && !Py_IS_TYPE(item, Job_Type)) {
        PyErr_SetString(PyExc_TypeError, "an item must be a Task, or None to stop one worker");
        return NULL;
    }
    JobObject *job;
    if (item == Py_None) {
        job = PyObject_GC_New(JobObject, Job_Type);
        if (job == NULL) {
            return NULL;
        }
        memset((char *)job + sizeof(PyObject), 0, sizeof(*job) - sizeof(PyObject));
        PyObject_GC_Track(job);
    } else {
        job = (JobObject *)Py_NewRef(item);
        green_loop_ref(job->loop);
        self->unanswered++;
    }
    jobs_append(self, job, waiting);
    Py_RETURN_NONE;
}

/* Sleep until an item is available, at most `seconds` (negative: for ever), and count it as taken.
   Returns whether one is. Called without the interpreter lock, which nobody takes while having the
   mutex: others take the mutex while having that lock. */
static bool
jobs_sleep(JobQueueObject *self, double seconds)
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

/* Returns the next item, a new reference; NULL when none came within `seconds`. `asleep` (borrowed;
   NULL: none) is a loop to be woken as soon as the interpreter lock is free for it. */
static JobObject *
jobs_get(JobQueueObject *self, double seconds, LoopObject *asleep)
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
        found = jobs_sleep(self, seconds);
        PyEval_RestoreThread(ts);
        green_threads_idle--;
    }
    if (!found) {
        return NULL;
    }
    JobObject *item = self->first;
    self->first = item->next;
    if (self->first == NULL) {
        self->last = NULL;
    }
    return item;
}

/* Whether threading.setprofile or threading.settrace wants to see jobs. `threading` is the dict of
   that module, or None. */
static bool
jobs_traced(PyObject *threading)
{
    if (threading == Py_None) {
        return false;
    }
    PyObject *profile = PyDict_GetItemString(threading, "_profile_hook"); /* borrowed */
    PyObject *trace = PyDict_GetItemString(threading, "_trace_hook");     /* borrowed */
    return (profile != NULL && profile != Py_None) || (trace != NULL && trace != Py_None);
}

/* Whether a job has left a hub, a profile or a trace function on this thread. */
static bool
jobs_dirty(void)
{
    if (green_hub_peek() != NULL) {
        return true;
    }
    PyObject *profile = PyObject_CallNoArgs(get_profile);
    PyObject *trace = profile == NULL ? NULL : PyObject_CallNoArgs(get_trace);
    bool clean = profile == Py_None && trace == Py_None;
    if (profile == NULL || trace == NULL) {
        PyErr_Clear(); /* this counts as dirty: whoever cleans will ask again */
    }
    Py_XDECREF(profile);
    Py_XDECREF(trace);
    return !clean;
}

/* Count the job as finished, and answer it. Returns what job_answer does. */
static bool
jobs_finish(JobQueueObject *self, JobObject *job)
{
    self->unfinished--;
    self->unanswered--;
    return job_answer(job);
}

/* Wake a loop that sleeps. `asleep` is stolen; NULL: does nothing. */
static void
jobs_wake(LoopObject *asleep)
{
    if (asleep != NULL) {
        green_loop_wake_begin(asleep);
        green_loop_wake_end(asleep);
        Py_DECREF(asleep);
    }
}

static PyObject *
jobs_serve(JobQueueObject *self, PyObject *args)
{
    PyObject *worker, *threading, *clean;
    double seconds;
    if (!PyArg_ParseTuple(args, "OdOO:serve", &worker, &seconds, &threading, &clean)) {
        return NULL;
    }
    LoopObject *asleep = NULL;
    for (;;) {
        JobObject *job = jobs_get(self, seconds, asleep);
        Py_CLEAR(asleep);
        if (job == NULL) {
            Py_RETURN_FALSE;
        }
        if (job->func == NULL) { /* this is a stop */
            self->unfinished--;
            Py_DECREF(job);
            Py_RETURN_NONE;
        }
        if (clean == Py_None || jobs_traced(threading)) {
            return (PyObject *)job;
        }
        job_run(job, worker);
        PyObject *result = jobs_dirty() ? PyObject_CallNoArgs(clean) : Py_NewRef(Py_None);
        if (jobs_finish(self, job)) {
            asleep = (LoopObject *)Py_NewRef((PyObject *)job->loop);
        }
        Py_DECREF(job);
        if (result == NULL) {
            jobs_wake(asleep);
            return NULL;
        }
        Py_DECREF(result);
    }
}

static PyObject *
jobs_task_done(JobQueueObject *self, PyObject *job)
{
    if (!Py_IS_TYPE(job, Job_Type) || ((JobObject *)job)->finished) {
        PyErr_SetString(PyExc_ValueError, "task_done() takes a Task that is not finished");
        return NULL;
    }
    LoopObject *loop = ((JobObject *)job)->loop;
    jobs_wake(jobs_finish(self, (JobObject *)job) ? (LoopObject *)Py_NewRef((PyObject *)loop)
                                                  : NULL);
    Py_RETURN_NONE;
}

static void
jobs_drop_all(JobQueueObject *self)
{
    JobObject *job = self->first;
    self->first = self->last = NULL;
    while (job != NULL) {
        JobObject *next = job->next;
        if (job->loop != NULL && self->unanswered > 0) { /* a job that nobody will answer */
            self->unanswered--;
            green_loop_unref(job->loop);
        }
        Py_DECREF(job);
        job = next;
    }
}

static PyObject *
jobs_kill(JobQueueObject *self, PyObject *Py_UNUSED(ignored))
{
    jobs_init_locks(self);
    self->available = self->sleepers = 0;
    self->unfinished = 0;
    for (; self->unanswered > 0; self->unanswered--) {
        green_loop_unref(self->loop);
    }
    jobs_drop_all(self);
    Py_RETURN_NONE;
}

static PyObject *
jobs_qsize(JobQueueObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(self->available);
}

static int
jobs_traverse(JobQueueObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    for (JobObject *job = self->first; job != NULL; job = job->next) {
        Py_VISIT(job);
    }
    return 0;
}

static int
jobs_clear(JobQueueObject *self)
{
    jobs_drop_all(self);
    return 0;
}

static void
jobs_dealloc(JobQueueObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    jobs_drop_all(self);
    if (self->loop != NULL) {
        green_loop_undefer(self->loop, jobs_signal, self);
    }
    Py_XDECREF(self->loop);
    pthread_cond_destroy(&self->wake);
    pthread_mutex_destroy(&self->mutex);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(
    serve_doc,
    "serve($self, worker, timeout, threading, clean, /)\n--\n\n"
    "Run tasks on this thread, until one needs more than this: then it is returned, and the\n"
    "caller runs it and calls task_done(task). That is so when clean is None, and while\n"
    "`threading`, the dict of that module, has a trace or profile function. clean() is called "
    "after\n"
    "a task run here that left such a function, or a hub. Returns False when no task came for "
    "timeout seconds (-1: waits for\n"
    "ever), None when told to stop.");

static PyMethodDef jobs_methods[] = {
    {"put", (PyCFunction)jobs_put, METH_VARARGS,
     "put($self, item, waiting=False, /)\n--\n\n"
     "Append a Task, or None: whoever takes that stops. waiting: the caller waits for it at once."},
    {"serve", (PyCFunction)jobs_serve, METH_VARARGS, serve_doc},
    {"task_done", (PyCFunction)jobs_task_done, METH_O,
     "task_done($self, task, /)\n--\n\n"
     "Have `task`, which serve() returned and the worker ran, answered for on the hub."},
    {"qsize", (PyCFunction)jobs_qsize, METH_NOARGS,
     "qsize($self, /)\n--\n\n"
     "Return how many items no worker has taken."},
    {"kill", (PyCFunction)jobs_kill, METH_NOARGS,
     "kill($self, /)\n--\n\nForget everything. For a forked child, where there are no workers."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef jobs_members[] = {
    {"unfinished_tasks", T_PYSSIZET, offsetof(JobQueueObject, unfinished), READONLY,
     "How many items are in the queue or with a worker."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(JobQueueObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot jobs_slots[] = {
    {Py_tp_doc, "TaskQueue(loop)\n--\n\nWhat the worker threads of a pool have to do."},
    {Py_tp_new, jobs_new},
    {Py_tp_dealloc, jobs_dealloc},
    {Py_tp_traverse, jobs_traverse},
    {Py_tp_clear, jobs_clear},
    {Py_tp_methods, jobs_methods},
    {Py_tp_members, jobs_members},
    {0, NULL},
};

static PyType_Spec jobs_spec = {
    .name = "greencore._core.TaskQueue",
    .basicsize = sizeof(JobQueueObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = jobs_slots,
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
    Job_Type = add_type(module, &job_spec, "Task");
    JobQueue_Type = Job_Type == NULL ? NULL : add_type(module, &jobs_spec, "TaskQueue");
    return JobQueue_Type == NULL ? -1 : 0;
}
