#include "task/task.h"

#include "greenlet/call.h"
#include "greenlet/error.h"
#include "greenlet/spare.h"
#include "greenlet/type.h"
#include "loop/timer.h"
#include "task/attributes.h"
#include "task/kill.h"

PyTypeObject *Task_Type;

static PyObject *spawn_callbacks; /* owned set; NULL while there are none */

/* The delay of a task: a timer that will queue its start. */
struct task_delay {
    green_timer timer;
    HubObject *hub;   /* owned */
    LoopObject *loop; /* owned; the hub's */
    TaskObject *task; /* owned */
};

/* ---- making ---- */

static green_spares spares; /* dead objects of exactly Task_Type */

static PyObject *
task_alloc(PyTypeObject *type, Py_ssize_t count)
{
    TaskObject *self = type == Task_Type ? (TaskObject *)green_spares_take(&spares, type) : NULL;
    if (self == NULL) {
        return PyType_GenericAlloc(type, count);
    }
    /* The dealloc has cleared all references, so only these fields are left to set. */
    self->phase = TASK_NEW;
    self->done = self->exited = false;
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static void
task_free(void *op)
{
    if (!Py_IS_TYPE((PyObject *)op, Task_Type) || !green_spares_put(&spares, op)) {
        PyObject_GC_Del(op);
    }
}

static bool
task_linkable_ready(PyObject *op)
{
    return green_task_ready((TaskObject *)op);
}

static const green_linkable_kind task_linkable_kind = {
    .offset = offsetof(TaskObject, linkable),
    .ready = task_linkable_ready,
    .all = true,
    .once = true,
};

static PyObject *task_body(GreenletObject *base);
static void task_unborn(GreenletObject *base);

static const green_greenlet_kind task_kind = {.body = task_body, .unborn = task_unborn};

static inline TaskObject *
task_make(PyTypeObject *type)
{
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return NULL;
    }
    TaskObject *self = (TaskObject *)green_greenlet_new(type, NULL, NULL, NULL, &hub->base);
    if (self != NULL) {
        self->base.kind = &task_kind;
        self->ident = -1;
        green_linkable_init(&self->linkable, &task_linkable_kind);
    }
    return self;
}

static PyObject *
task_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    return (PyObject *)task_make(type);
}

GREEN_COLD static int
task_refuse(void)
{
    PyErr_SetString(PyExc_TypeError, "The run argument or self._run must be callable");
    return -1;
}

/* Set what the task will run. `run` is borrowed; NULL or None is for the class's own. 0, or -1 with
   an exception. */
static inline int
task_set_run(TaskObject *self, PyObject *run)
{
    if (run == Py_None) {
        run = NULL;
    }
    if (run != NULL && !PyCallable_Check(run)) {
        return task_refuse();
    }
    if (__builtin_expect(green_task_traits(Py_TYPE(self))->overrides & TASK_HAS_RUN_METHOD, 0)) {
        if (run != NULL && PyObject_SetAttrString((PyObject *)self, "_run", run) < 0) {
            return -1;
        }
        PyObject *method = PyObject_GetAttrString((PyObject *)self, "_run");
        if (method == NULL) {
            return -1;
        }
        bool callable = PyCallable_Check(method);
        Py_DECREF(method);
        return callable ? 0 : task_refuse();
    }
    Py_XINCREF(run);
    Py_XSETREF(self->base.run, run);
    return 0;
}

static inline int
task_note_ancestry(TaskObject *self)
{
    if (!green_ancestry_tracking || self->ancestry.spawner != NULL) {
        return 0;
    }
    int limit = green_task_traits(Py_TYPE(self))->stack_limit;
    if (__builtin_expect(self->base.dict != NULL, 0)) {
        PyObject *own =
            PyDict_GetItemString(self->base.dict, "spawning_stack_limit"); /* borrowed */
        limit = own == NULL ? limit : green_task_stack_limit(own);
    }
    return green_ancestry_note(&self->ancestry, limit);
}

/* Keep the positional arguments of the run. A `count` of 0 or less means that there are none. 0, or
   -1 with an exception. */
static int
task_set_args(TaskObject *self, PyObject *const *args, Py_ssize_t count)
{
    PyObject *kept = NULL;
    if (count == 1 && !PyTuple_CheckExact(args[0])) {
        kept = Py_NewRef(args[0]);
    } else if (count > 0) {
        kept = PyTuple_New(count);
        if (kept == NULL) {
            return -1;
        }
        for (Py_ssize_t i = 0; i < count; i++) {
            PyTuple_SET_ITEM(kept, i, Py_NewRef(args[i]));
        }
    }
    Py_XSETREF(self->base.args, kept);
    return 0;
}

PyObject *
green_task_args(TaskObject *self)
{
    PyObject *args = Py_XNewRef(self->base.args);
    if (args == NULL) {
        return PyTuple_New(0);
    }
    if (!PyTuple_CheckExact(args)) {
        Py_SETREF(args, PyTuple_Pack(1, args));
    }
    return args;
}

static int
task_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    TaskObject *self = (TaskObject *)op;
    PyObject *run = NULL; /* borrowed */
    PyObject *keywords = kwargs != NULL && PyDict_GET_SIZE(kwargs) ? PyDict_Copy(kwargs) : NULL;
    if (keywords == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (PyTuple_GET_SIZE(args) > 0) {
        run = PyTuple_GET_ITEM(args, 0);
    }
    PyObject *named =
        keywords != NULL ? PyDict_GetItemString(keywords, "run") : NULL; /* borrowed */
    int status = -1;
    if (named != NULL) {
        if (run != NULL) {
            PyErr_SetString(PyExc_TypeError, "Greenlet() got multiple values for argument 'run'");
            goto done;
        }
        run = PyDict_GetItemString(kwargs, "run");
        if (PyDict_DelItemString(keywords, "run") < 0) {
            goto done;
        }
    }
    if (task_set_args(self, &PyTuple_GET_ITEM(args, 0) + 1, PyTuple_GET_SIZE(args) - 1) < 0) {
        goto done;
    }
    Py_XINCREF(keywords);
    Py_XSETREF(self->base.kwargs, keywords);
    status = task_set_run(self, run);
    if (status == 0) {
        status = task_note_ancestry(self);
    }
done:
    Py_XDECREF(keywords);
    return status;
}

/* Keep vectorcall's keyword arguments, where there are any. 0, or -1 with an exception. */
static int
task_set_kwargs(TaskObject *self, PyObject *const *values, PyObject *kwnames)
{
    if (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0) {
        return 0;
    }
    self->base.kwargs = PyDict_New();
    if (self->base.kwargs == NULL) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyDict_SetItem(self->base.kwargs, PyTuple_GET_ITEM(kwnames, i), values[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Take `run` out of the keywords. Returns it (borrowed from the caller's array); NULL where there
   is none, or with an exception. */
GREEN_COLD static PyObject *
task_run_keyword(TaskObject *self, bool positional)
{
    PyObject *run = PyDict_GetItemString(self->base.kwargs, "run");
    if (run == NULL) {
        return NULL;
    }
    if (positional) {
        PyErr_SetString(PyExc_TypeError, "Greenlet() got multiple values for argument 'run'");
        return NULL;
    }
    return PyDict_DelItemString(self->base.kwargs, "run") < 0 ? NULL : run;
}

inline PyObject *
green_task_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyTypeObject *type = (PyTypeObject *)callable;
    if (!PyType_Check(callable) || type->tp_new != task_new || type->tp_init != task_init) {
        return PyObject_Vectorcall(callable, args, nargsf, kwnames);
    }
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    TaskObject *self = task_make(type);
    if (self == NULL) {
        return NULL;
    }
    PyObject *run = nargs > 0 ? args[0] : NULL; /* borrowed */
    if ((nargs > 1 && task_set_args(self, args + 1, nargs - 1) < 0) ||
        task_set_kwargs(self, args + nargs, kwnames) < 0) {
        goto error;
    }
    if (self->base.kwargs != NULL) {
        PyObject *named = task_run_keyword(self, run != NULL);
        if (PyErr_Occurred()) {
            goto error;
        }
        run = named != NULL ? named : run; /* the caller's array has a reference */
    }
    if (task_set_run(self, run) < 0 || task_note_ancestry(self) < 0) {
        goto error;
    }
    return (PyObject *)self;
error:
    Py_DECREF(self);
    return NULL;
}

/* ---- the extra ---- */

task_extra *
green_task_extra(TaskObject *self)
{
    if (self->extra == NULL && (self->extra = PyMem_Calloc(1, sizeof(task_extra))) == NULL) {
        PyErr_NoMemory();
    }
    return self->extra;
}

static void
task_drop_extra(TaskObject *self)
{
    task_extra *extra = self->extra;
    if (extra != NULL) {
        self->extra = NULL;
        Py_XDECREF(extra->name);
        Py_XDECREF(extra->info);
        Py_XDECREF(extra->traceback);
        PyMem_Free(extra);
    }
}

/* Note that the delay has gone. Free the extra if it was there for that alone, as most are. */
static void
task_drop_empty_extra(TaskObject *self)
{
    self->extra->delay = NULL;
    if (self->extra->name == NULL && self->extra->info == NULL && self->extra->traceback == NULL) {
        task_drop_extra(self);
    }
}

/* ---- starting ---- */

HubObject *
green_task_hub(TaskObject *self)
{
    PyObject *parent = (PyObject *)self->base.parent;
    green_thread *thread = green_thread_self;
    if (__builtin_expect(thread != NULL && parent == thread->hub && parent != NULL, 1)) {
        return (HubObject *)parent;
    }
    if (__builtin_expect(parent == NULL || !PyObject_TypeCheck(parent, Hub_Type), 0)) {
        PyErr_Format(PyExc_TypeError, "Cannot convert the parent of a Greenlet to a hub: %R",
                     parent == NULL ? Py_None : parent);
        return NULL;
    }
    return (HubObject *)parent;
}

/* Returns the task's hub if it has a loop (borrowed); NULL with an exception. */
static inline HubObject *
task_live_hub(TaskObject *self)
{
    HubObject *hub = green_task_hub(self);
    if (hub != NULL && hub->loop == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the hub of this Greenlet was destroyed");
        return NULL;
    }
    return hub;
}

GREEN_COLD static int
task_call_spawn_callbacks(TaskObject *self)
{
    PyObject *callbacks = PySequence_List(spawn_callbacks);
    int status = callbacks == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *done = PyObject_CallOneArg(PyList_GET_ITEM(callbacks, i), (PyObject *)self);
        status = done == NULL ? -1 : 0;
        Py_XDECREF(done);
    }
    Py_XDECREF(callbacks);
    return status;
}

static inline int
task_announce(TaskObject *self)
{
    return spawn_callbacks == NULL ? 0 : task_call_spawn_callbacks(self);
}

inline int
green_task_start(TaskObject *self)
{
    if (self->phase != TASK_NEW || self->base.status != GREEN_UNSTARTED) {
        return 0;
    }
    HubObject *hub = task_live_hub(self);
    if (hub == NULL || task_announce(self) < 0) {
        return -1;
    }
    if (self->phase == TASK_NEW) { /* no callback has started it */
        self->phase = TASK_QUEUED;
        green_hub_start(hub, &self->base);
    }
    return 0;
}

static void
delay_free(struct task_delay *delay)
{
    TaskObject *task = delay->task;
    LoopObject *loop = delay->loop;
    HubObject *hub = delay->hub;
    task_drop_empty_extra(task);
    PyMem_Free(delay);
    Py_DECREF(loop);
    Py_DECREF(hub);
    Py_DECREF(task);
}

static void
delay_expired(green_timer *timer)
{
    struct task_delay *delay = GREEN_CONTAINER(timer, struct task_delay, timer);
    TaskObject *task = delay->task;
    HubObject *hub = delay->hub;
    if (hub->loop != NULL) {
        task->phase = TASK_QUEUED;
        green_hub_start(hub, &task->base);
    }
    delay_free(delay);
}

static void
delay_dropped(green_timer *timer)
{
    delay_free(GREEN_CONTAINER(timer, struct task_delay, timer));
}

int
green_task_start_later(TaskObject *self, double seconds)
{
    if (self->phase != TASK_NEW || self->base.status != GREEN_UNSTARTED) {
        return 0;
    }
    HubObject *hub = task_live_hub(self);
    if (hub == NULL || task_announce(self) < 0) {
        return -1;
    }
    if (self->phase != TASK_NEW) {
        return 0;
    }
    task_extra *extra = green_task_extra(self);
    if (extra == NULL) {
        return -1;
    }
    struct task_delay *delay = PyMem_Malloc(sizeof(*delay));
    if (delay == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    delay->hub = (HubObject *)Py_NewRef((PyObject *)hub);
    delay->loop = (LoopObject *)Py_NewRef((PyObject *)hub->loop);
    delay->task = (TaskObject *)Py_NewRef((PyObject *)self);
    green_timer_init(&delay->timer, delay_expired, false);
    delay->timer.dropped = delay_dropped;
    delay->timer.greenlet = &self->base;
    green_loop_start_timer(hub->loop, &delay->timer, green_time_after(seconds));
    extra->delay = delay;
    self->phase = TASK_LATER;
    return 0;
}

GREEN_COLD static void
task_stop_delay(TaskObject *self)
{
    struct task_delay *delay = self->extra->delay;
    if (delay == NULL) {
        return;
    }
    green_loop_stop_timer(delay->loop, &delay->timer);
    delay_free(delay); /* not the last reference to the task: the caller has one */
}

bool
green_task_cancel(TaskObject *self)
{
    if (self->base.status != GREEN_UNSTARTED) {
        return false;
    }
    if (self->phase != TASK_CANCELLED) {
        if (self->extra != NULL) {
            task_stop_delay(self);
        }
        green_hub_unstart(&self->base);
        self->phase = TASK_CANCELLED;
    }
    return true;
}

/* ---- running ---- */

/* Drop the attribute _run: the function that a task of a subclass with a method _run was given. */
GREEN_COLD static void
task_forget_run(PyObject *dict)
{
    if (PyDict_GetItemString(dict, "_run") != NULL && PyDict_DelItemString(dict, "_run") < 0) {
        PyErr_Clear();
    }
}

static inline void
task_forget_call(TaskObject *self)
{
    Py_CLEAR(self->base.run);
    Py_CLEAR(self->base.args);
    Py_CLEAR(self->base.kwargs);
    if (GREEN_RARELY(self->base.dict != NULL)) {
        task_forget_run(self->base.dict);
    }
}

static inline PyObject *
task_call_function(TaskObject *self, int overrides)
{
    PyObject *func;
    if (__builtin_expect(overrides & TASK_HAS_RUN_METHOD, 0)) {
        func = PyObject_GetAttrString((PyObject *)self, "_run");
        if (func == NULL) {
            return NULL;
        }
    } else {
        func = Py_XNewRef(self->base.run);
        if (func == NULL) {
            Py_RETURN_NONE;
        }
    }
    PyObject *kwargs = Py_XNewRef(self->base.kwargs);
    PyObject *args = kwargs == NULL ? Py_XNewRef(self->base.args) : green_task_args(self);
    PyObject *result;
    if (kwargs != NULL) {
        result = args == NULL ? NULL : PyObject_Call(func, args, kwargs);
    } else if (args != NULL && PyTuple_CheckExact(args)) {
        result = green_call(func, &PyTuple_GET_ITEM(args, 0), (size_t)PyTuple_GET_SIZE(args));
    } else {
        PyObject *stack[] = {NULL, args};
        size_t nargs = args != NULL;
        result = green_call(func, stack + 1, nargs | PY_VECTORCALL_ARGUMENTS_OFFSET);
    }
    Py_XDECREF(args);
    Py_XDECREF(kwargs);
    Py_DECREF(func);
    return result;
}

GREEN_COLD static int
task_call_hook(TaskObject *self, const char *name, PyObject *argument)
{
    if (argument == NULL) {
        return -1;
    }
    PyObject *done = PyObject_CallMethod((PyObject *)self, name, "(O)", argument);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Report the exception that the run has raised, and which is set. 0, or -1 with an exception. */
GREEN_COLD static int
task_report_error(TaskObject *self, int overrides)
{
    PyObject *exception = green_error_take();
    if (!(overrides & TASK_HAS_REPORT_ERROR)) {
        return green_task_fail(self, exception);
    }
    PyObject *traceback = PyException_GetTraceback(exception);
    PyObject *info =
        PyTuple_Pack(3, Py_TYPE(exception), exception, traceback != NULL ? traceback : Py_None);
    int status = task_call_hook(self, "_report_error", info);
    Py_XDECREF(info);
    Py_XDECREF(traceback);
    Py_DECREF(exception);
    return status;
}

/* Report how the run has ended. `result` is stolen; NULL: the exception that it has raised is set.
   0, or -1 with an exception. */
static inline int
task_report(TaskObject *self, PyObject *result, int overrides)
{
    if (GREEN_RARELY(result == NULL)) {
        return task_report_error(self, overrides);
    }
    int status = 0;
    if (GREEN_RARELY(overrides & TASK_HAS_REPORT_RESULT)) {
        status = task_call_hook(self, "_report_result", result);
    } else {
        green_task_succeed(self, result);
    }
    Py_DECREF(result);
    return status;
}

/* The task runs now. That may be before its turn, where somebody has switched to it, so its delay
   is stopped. */
static void
task_begin(TaskObject *self)
{
    if (GREEN_RARELY(self->extra != NULL)) {
        task_stop_delay(self);
    }
    self->phase = TASK_BEGUN;
}

inline int
green_task_run(TaskObject *self)
{
    task_begin(self);
    int overrides = green_task_traits(Py_TYPE(self))->overrides;
    int status = task_report(self, task_call_function(self, overrides), overrides);
    task_forget_call(self);
    return status;
}

static PyObject *
task_body(GreenletObject *base)
{
    TaskObject *self = (TaskObject *)base;
    green_hub_drop_trash();
    if (__builtin_expect(green_task_traits(Py_TYPE(self))->overrides & TASK_HAS_RUN, 0)) {
        task_begin(self);
        return PyObject_CallMethod((PyObject *)self, "run", NULL);
    }
    if (green_task_run(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

GREEN_COLD static void
task_unborn(GreenletObject *base)
{
    TaskObject *self = (TaskObject *)base;
    PyObject *exception = green_error_take();
    self->phase = TASK_CANCELLED;
    task_forget_call(self);
    if (green_task_fail(self, exception) < 0) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
}

/* ---- the outcome ---- */

bool
green_task_ready(const TaskObject *self)
{
    return self->done || self->base.status == GREEN_DEAD || self->phase == TASK_CANCELLED ||
           green_greenlet_stranded(&self->base);
}

inline void
green_task_succeed(TaskObject *self, PyObject *value)
{
    self->done = true;
    Py_INCREF(value);
    Py_XSETREF(self->value, value);
    green_linkable_notify(&self->linkable);
}

void
green_task_exit(TaskObject *self)
{
    if (!self->done) {
        self->done = self->exited = true;
        green_linkable_notify(&self->linkable);
    }
}

PyObject *
green_task_value(TaskObject *self)
{
    if (self->exited) {
        PyObject *value = PyObject_CallNoArgs(green_exc_GreenletExit);
        if (value == NULL) {
            return NULL;
        }
        self->exited = false;
        Py_XSETREF(self->value, value);
    }
    return Py_NewRef(self->value != NULL ? self->value : Py_None);
}

GREEN_COLD int
green_task_fail(TaskObject *self, PyObject *exception)
{
    if (PyErr_GivenExceptionMatches(exception, green_exc_GreenletExit)) {
        green_task_succeed(self, exception);
        Py_DECREF(exception);
        return 0;
    }
    PyObject *traceback = PyException_GetTraceback(exception);
    self->done = true;
    if (traceback != NULL && green_task_extra(self) == NULL) {
        /* The exception itself has the traceback, though later calls may add to that. */
        PyErr_Clear();
    } else if (traceback != NULL) {
        Py_XSETREF(self->extra->traceback, Py_NewRef(traceback));
    }
    Py_INCREF(exception);
    Py_XSETREF(self->exception, exception);
    green_linkable_notify(&self->linkable);

    HubObject *hub = green_hub_get();
    PyObject *done = hub == NULL ? NULL
                                 : PyObject_CallMethod((PyObject *)hub, "handle_error", "OOOO",
                                                       self, Py_TYPE(exception), exception,
                                                       traceback != NULL ? traceback : Py_None);
    Py_XDECREF(done);
    Py_XDECREF(traceback);
    Py_DECREF(exception);
    return done == NULL ? -1 : 0;
}

PyObject *
green_task_raise(TaskObject *self)
{
    if (self->exception == NULL) {
        PyErr_Format(green_exc_error, "%R has no result: its thread has ended", self);
        return NULL;
    }
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(self->exception)), Py_NewRef(self->exception),
                  Py_XNewRef(green_task_traceback(self)));
    return NULL;
}

PyObject *
green_task_result(TaskObject *self)
{
    if (self->done && self->exception == NULL) {
        return green_task_value(self);
    }
    return green_task_raise(self);
}

/* ---- spawn callbacks ---- */

PyObject *
green_task_add_spawn_callback(PyObject *Py_UNUSED(none), PyObject *callback)
{
    if (spawn_callbacks == NULL && (spawn_callbacks = PySet_New(NULL)) == NULL) {
        return NULL;
    }
    if (PySet_Add(spawn_callbacks, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
green_task_remove_spawn_callback(PyObject *Py_UNUSED(none), PyObject *callback)
{
    if (spawn_callbacks != NULL) {
        if (PySet_Discard(spawn_callbacks, callback) < 0) {
            return NULL;
        }
        if (PySet_GET_SIZE(spawn_callbacks) == 0) {
            Py_CLEAR(spawn_callbacks);
        }
    }
    Py_RETURN_NONE;
}

/* ---- the type ---- */

static int
task_traverse(PyObject *op, visitproc visit, void *arg)
{
    TaskObject *self = (TaskObject *)op;
    Py_VISIT(self->value);
    Py_VISIT(self->exception);
    if (self->extra != NULL) {
        Py_VISIT(self->extra->name);
        Py_VISIT(self->extra->traceback);
    }
    int result = green_ancestry_traverse(&self->ancestry, visit, arg);
    if (result == 0) {
        result = green_linkable_traverse(&self->linkable, visit, arg);
    }
    return result != 0 ? result : Greenlet_Type->tp_traverse(op, visit, arg);
}

static inline void
task_clear_fields(TaskObject *self)
{
    Py_CLEAR(self->value);
    Py_CLEAR(self->exception);
    task_drop_extra(self); /* there is no delay, which would keep the task alive */
    green_ancestry_clear(&self->ancestry);
    green_linkable_clear(&self->linkable);
}

/* Unlink the observers: they belong to those who set them, and may outlive the task. */
static void
task_unlink_observers(green_link *head)
{
    while (!green_list_empty(head)) {
        green_list_pop(head);
    }
}

static int
task_clear(PyObject *op)
{
    TaskObject *self = (TaskObject *)op;
    if (self->base.status != GREEN_ACTIVE) {
        task_clear_fields(self);
    }
    return Greenlet_Type->tp_clear(op);
}

static void
task_dealloc(PyObject *op)
{
    TaskObject *self = (TaskObject *)op;
    PyObject_GC_UnTrack(op);
    if (green_greenlet_survives(&self->base)) {
        return;
    }
    task_clear_fields(self);
    task_unlink_observers(&self->linkable.links);
    Greenlet_Type->tp_dealloc(op);
}

PyDoc_STRVAR(
    task_doc,
    "Greenlet(run=None, *args, **kwargs)\n--\n\n"
    "A greenlet that runs run(*args, **kwargs) when the hub gets to it, and keeps the result.\n\n"
    "run: a callable; without it the method _run is called, which subclasses define.\n"
    "Raises TypeError for what can't be called. It runs after start(); spawn() does both.\n"
    "As a context manager it is waited for at the end of the body, and killed when the body\n"
    "raises.");

static PyType_Slot task_slots[] = {
    {Py_tp_doc, (void *)task_doc},
    {Py_tp_new, task_new},
    {Py_tp_init, task_init},
    {Py_tp_alloc, task_alloc},
    {Py_tp_free, task_free},
    {Py_tp_dealloc, task_dealloc},
    {Py_tp_traverse, task_traverse},
    {Py_tp_clear, task_clear},
    {Py_tp_repr, green_task_repr},
    {Py_nb_bool, green_task_bool},
    {Py_tp_methods, green_task_methods},
    {Py_tp_getset, green_task_getset},
    {0, NULL},
};

static PyType_Spec task_spec = {
    .name = "greencore.greenlet.Greenlet",
    .basicsize = sizeof(TaskObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = task_slots,
};

int
green_task_type_exec(PyObject *module)
{
    PyObject *bases = PyTuple_Pack(1, Greenlet_Type);
    if (bases == NULL) {
        return -1;
    }
    Task_Type = (PyTypeObject *)green_type_new(NULL, &task_spec, bases);
    Py_DECREF(bases);
    if (Task_Type == NULL) {
        return -1;
    }
    PyObject *limit = PyLong_FromLong(10);
    if (limit == NULL ||
        PyObject_SetAttrString((PyObject *)Task_Type, "spawning_stack_limit", limit) < 0) {
        Py_XDECREF(limit);
        return -1;
    }
    Py_DECREF(limit);
    return green_ancestry_register(Task_Type, offsetof(TaskObject, ancestry)) < 0
               ? -1
               : PyModule_AddObjectRef(module, "Greenlet", (PyObject *)Task_Type);
}
