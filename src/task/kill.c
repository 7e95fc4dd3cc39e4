#include "task/kill.h"

#include "greenlet/name.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"

static PyObject *base_throw; /* owned; greenlet.throw */

/* ---- exceptions ---- */

static PyObject *
exception_wrap(PyObject *object)
{
    PyObject *pair = PyTuple_Pack(1, object);
    PyObject *exception = pair == NULL ? NULL : PyObject_CallOneArg(PyExc_BaseException, pair);
    Py_XDECREF(pair);
    return exception;
}

PyObject *
green_kill_exception(PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *class = nargs > 0 ? args[0] : green_exc_GreenletExit;
    PyObject *value = nargs > 1 ? args[1] : Py_None;
    PyObject *traceback = nargs > 2 ? args[2] : Py_None;
    PyObject *exception;
    if (PyExceptionInstance_Check(class)) {
        exception = Py_NewRef(class);
    } else if (!PyExceptionClass_Check(class)) {
        return exception_wrap(class);
    } else if (PyExceptionInstance_Check(value)) {
        exception = Py_NewRef(value);
    } else if (value == Py_None) {
        exception = PyObject_CallNoArgs(class);
    } else if (PyTuple_Check(value)) {
        exception = PyObject_Call(class, value, NULL);
    } else {
        exception = PyObject_CallOneArg(class, value);
    }
    if (exception != NULL && !PyExceptionInstance_Check(exception)) {
        PyErr_Format(PyExc_TypeError, "calling %R should have given an exception, not %R", class,
                     exception);
        Py_CLEAR(exception);
    }
    if (exception != NULL && traceback != Py_None &&
        PyException_SetTraceback(exception, traceback) < 0) {
        Py_CLEAR(exception);
    }
    return exception;
}

/* Make an exception object of kill()'s argument, one object or a triple. New reference, or NULL
   with an exception. */
static PyObject *
exception_of(PyObject *argument)
{
    if (argument == NULL || argument == Py_None) {
        return green_kill_exception(NULL, 0);
    }
    if (PyTuple_Check(argument) && PyTuple_GET_SIZE(argument) == 3) {
        return green_kill_exception(&PyTuple_GET_ITEM(argument, 0), 3);
    }
    return green_kill_exception(&argument, 1);
}

/* Give a task that never ran its outcome, if it has none yet. Steals `exception`. 0, or -1 with an
   exception. */
static int
task_die_unborn(TaskObject *task, PyObject *exception)
{
    if (task->done) {
        Py_DECREF(exception);
        return 0;
    }
    return green_task_fail(task, exception);
}

/* ---- a throw in the queue ---- */

typedef struct queued_throw {
    green_ready ready;
    LoopObject *loop;           /* owned */
    GreenletObject *target;     /* owned */
    PyObject *exception;        /* owned */
    green_waiter *killer;       /* borrowed; parked until the exception has been thrown; or NULL */
    struct queued_throw **held; /* the killer's pointer to this, cleared with this; or NULL */
} queued_throw;

static void
throw_free(queued_throw *self)
{
    if (self->held != NULL) {
        *self->held = NULL;
    }
    Py_XDECREF(self->exception);
    Py_XDECREF(self->target);
    Py_DECREF(self->loop);
    PyMem_Free(self);
}

/* Put the killer at the head of the queue, so that it goes on as soon as the greenlet that is
   killed blocks or ends. */
static void
throw_wake_killer(queued_throw *self)
{
    if (self->killer != NULL && self->killer->status == GREEN_PARKED) {
        green_wake(self->killer);
        green_ready_push_front(self->loop, &self->killer->ready);
    }
}

static GreenletObject *
throw_greenlet(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, queued_throw, ready)->target;
}

static GreenletObject *throw_turn(green_ready *ready);
static void throw_drop(green_ready *ready);

static const green_ready_kind throw_kind = {
    .turn = throw_turn, .drop = throw_drop, .greenlet = throw_greenlet};
static const green_ready_kind throw_on_hub = {
    .turn = throw_turn, .on_hub = true, .drop = throw_drop, .greenlet = throw_greenlet};

static GreenletObject *
throw_turn(green_ready *ready)
{
    queued_throw *self = GREEN_CONTAINER(ready, queued_throw, ready);
    GreenletObject *target = self->target;
    LoopObject *loop = self->loop;
    bool alive = target->status != GREEN_DEAD && !green_greenlet_stranded(target);
    if (!ready->kind->on_hub && (!alive || green_loop_has_trash(loop))) {
        ready->kind = &throw_on_hub; /* what is dropped here may run Python code */
        green_ready_push_front(loop, ready);
        return NULL;
    }
    throw_wake_killer(self);
    if (alive) {
        green_loop_put_trash(loop, (PyObject *)target);
        self->target = NULL;
        green_thread_self->exception = self->exception;
        self->exception = NULL;
    }
    throw_free(self);
    return alive ? target : NULL;
}

static void
throw_drop(green_ready *ready)
{
    throw_free(GREEN_CONTAINER(ready, queued_throw, ready));
}

/* Queue a throw of `exception` (borrowed) in `target`. Returns the throw (borrowed from the queue
   until its turn has come), or NULL with MemoryError. */
static queued_throw *
throw_queue(LoopObject *loop, GreenletObject *target, PyObject *exception)
{
    queued_throw *self = PyMem_Calloc(1, sizeof(*self));
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    green_ready_init(&self->ready, &throw_kind);
    self->loop = (LoopObject *)Py_NewRef((PyObject *)loop);
    self->target = (GreenletObject *)Py_NewRef((PyObject *)target);
    self->exception = Py_NewRef(exception);
    green_ready_push(loop, &self->ready);
    return self;
}

/* Park until `throw`, the last of those queued, has been made. 0, or -1 with an exception. */
static int
throw_wait(queued_throw *throw, const char *verb)
{
    green_waiter waiter;
    if (green_waiter_init(&waiter, verb, (PyObject *) throw->target) < 0) {
        return -1;
    }
    throw->killer = &waiter;
    throw->held = &throw;
    int status = green_wait(&waiter, -1);
    if (throw != NULL) { /* something else has woken this greenlet */
        throw->killer = NULL;
        throw->held = NULL;
    }
    return status < 0 ? -1 : 0;
}

/* Returns the loop that a greenlet runs in (borrowed): its hub's, else this thread's. NULL with an
   exception. */
static LoopObject *
loop_of(GreenletObject *g)
{
    HubObject *hub = g->parent != NULL && PyObject_TypeCheck((PyObject *)g->parent, Hub_Type)
                         ? (HubObject *)g->parent
                         : green_hub_get();
    if (hub != NULL && hub->loop == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the hub of this greenlet was destroyed");
        return NULL;
    }
    return hub == NULL ? NULL : hub->loop;
}

/* Park until the task has ended, or the deadline has passed. Returns as green_wait does. */
static int
wait_until_dead(TaskObject *task, const green_deadline *deadline, const char *verb)
{
    return green_task_ready(task)
               ? GREEN_WOKEN
               : green_linkable_wait(&task->linkable, deadline->seconds, verb, false);
}

/* ---- methods ---- */

/* Cancel a task that has not begun, with what kill() was given. Returns 1 if the task is dead, 0 if
   it runs, or -1 with an exception. */
static int
kill_before_start(TaskObject *task, PyObject *argument)
{
    if (!green_task_cancel(task)) {
        return green_task_ready(task);
    }
    Py_CLEAR(task->base.run);
    Py_CLEAR(task->base.args);
    Py_CLEAR(task->base.kwargs);
    if (argument == NULL || argument == Py_None || argument == green_exc_GreenletExit) {
        green_task_exit(task);
        return 1;
    }
    PyObject *exception = exception_of(argument);
    return exception == NULL || task_die_unborn(task, exception) < 0 ? -1 : 1;
}

static int
kill_running(TaskObject *task, PyObject *exception, bool block, PyObject *timeout)
{
    LoopObject *loop = loop_of(&task->base);
    queued_throw *throw = loop == NULL ? NULL : throw_queue(loop, &task->base, exception);
    if (throw == NULL) {
        return -1;
    }
    if (!block) {
        return 0;
    }
    HubObject *here = green_hub_get();
    if (here == NULL || (here->loop == loop && throw_wait(throw, "Greenlet.kill") < 0)) {
        return -1;
    }
    if (green_task_traits(Py_TYPE(task))->overrides & TASK_HAS_JOIN) {
        PyObject *joined =
            PyObject_CallMethod((PyObject *)task, "join", "O", timeout == NULL ? Py_None : timeout);
        Py_XDECREF(joined);
        return joined == NULL ? -1 : 0;
    }
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return -1;
    }
    int status = wait_until_dead(task, &deadline, "Greenlet.kill");
    if (status < 0 && green_deadline_caught(&deadline)) {
        status = GREEN_TIMED_OUT;
    }
    return green_deadline_stop(&deadline) < 0 || status < 0 ? -1 : 0;
}

PyObject *
green_task_kill(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    TaskObject *task = (TaskObject *)op;
    static const char *const names[] = {"exception", "block", "timeout"};
    PyObject *values[3];
    if (green_arguments("kill", args, nargs, kwnames, names, 3, values) < 0) {
        return NULL;
    }
    int block = green_argument_flag(values[1], 1);
    if (block < 0) {
        return NULL;
    }
    if (task->done && task->base.status != GREEN_ACTIVE) {
        Py_RETURN_NONE;
    }
    int status = kill_before_start(task, values[0]);
    if (status == 0) {
        PyObject *exception = exception_of(values[0]);
        status = exception == NULL ? -1 : kill_running(task, exception, block, values[2]);
        Py_XDECREF(exception);
    }
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
green_task_throw(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    TaskObject *task = (TaskObject *)op;
    if (green_task_cancel(task) || task->base.status == GREEN_DEAD) {
        if (!task->done) {
            PyObject *exception = green_kill_exception(args, nargs);
            if (exception == NULL || task_die_unborn(task, exception) < 0) {
                return NULL;
            }
        }
        Py_RETURN_NONE;
    }
    PyObject *stack[4] = {op};
    if (nargs > 3) {
        PyErr_SetString(PyExc_TypeError, "throw() takes at most 3 arguments");
        return NULL;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        stack[i + 1] = args[i];
    }
    return PyObject_Vectorcall(base_throw, stack, nargs + 1, NULL);
}

/* ---- functions ---- */

PyDoc_STRVAR(
    kill_doc,
    "kill(greenlet=..., exception=None)\n--\n\n"
    "Raise `exception` (None: GreenletExit) in the greenlet at its next turn. The caller does not "
    "wait.\n\n"
    "Without a greenlet the program ends: every greenlet of this thread does, then the main\n"
    "one (see shutdown).");

static PyObject *
kill_function(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"greenlet", "exception", NULL};
    PyObject *target = NULL;
    PyObject *argument = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:kill", names, &target, &argument)) {
        return NULL;
    }
    if (target == NULL) {
        PyObject *shutdown = green_name_get("greencore._shutdown", "shutdown");
        PyObject *done = shutdown == NULL ? NULL : PyObject_CallNoArgs(shutdown);
        Py_XDECREF(shutdown);
        return done;
    }
    if (!Greenlet_Check(target)) {
        PyErr_Format(PyExc_TypeError, "kill() needs a greenlet, not %R", target);
        return NULL;
    }
    GreenletObject *g = (GreenletObject *)target;
    int status = Task_Check(target) ? kill_before_start((TaskObject *)target, argument) : 0;
    if (status == 0 && g->status != GREEN_DEAD) {
        LoopObject *loop = loop_of(g);
        PyObject *exception = loop == NULL ? NULL : exception_of(argument);
        status = exception == NULL || throw_queue(loop, g, exception) == NULL ? -1 : 0;
        Py_XDECREF(exception);
    }
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Queue throws in all of a list that run, and cancel those that have not begun. *last is set to the
   last throw (borrowed as from throw_queue), or NULL. 0, or -1 with an exception. */
static int
killall_queue(PyObject *greenlets, PyObject *argument, queued_throw **last)
{
    *last = NULL;
    PyObject *running = PyList_New(0);
    int status = running == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status >= 0 && i < PyList_GET_SIZE(greenlets); i++) {
        PyObject *g = PyList_GET_ITEM(greenlets, i);
        if (!Greenlet_Check(g)) {
            PyErr_Format(PyExc_TypeError, "killall() needs greenlets, not %R", g);
            status = -1;
            break;
        }
        int dead = ((GreenletObject *)g)->status == GREEN_DEAD;
        if (Task_Check(g)) {
            dead = kill_before_start((TaskObject *)g, argument);
        }
        status = dead < 0 ? -1 : dead ? 0 : PyList_Append(running, g);
    }
    for (Py_ssize_t i = 0; status >= 0 && i < PyList_GET_SIZE(running); i++) {
        GreenletObject *g = (GreenletObject *)PyList_GET_ITEM(running, i);
        LoopObject *loop = loop_of(g);
        PyObject *exception = loop == NULL ? NULL : exception_of(argument);
        *last = exception == NULL ? NULL : throw_queue(loop, g, exception);
        Py_XDECREF(exception);
        status = *last == NULL ? -1 : 0;
    }
    Py_XDECREF(running);
    return status;
}

/* Returns those of a list that have not died, as a new list, or NULL with an exception. */
static PyObject *
killall_diehards(PyObject *greenlets)
{
    PyObject *alive = PyList_New(0);
    for (Py_ssize_t i = 0; alive != NULL && i < PyList_GET_SIZE(greenlets); i++) {
        PyObject *g = PyList_GET_ITEM(greenlets, i);
        bool dead = Task_Check(g) ? green_task_ready((TaskObject *)g)
                                  : ((GreenletObject *)g)->status == GREEN_DEAD;
        if (!dead && PyList_Append(alive, g) < 0) {
            Py_CLEAR(alive);
        }
    }
    return alive;
}

static int
killall_join(PyObject *greenlets, PyObject *timeout, uint64_t until)
{
    PyObject *alive = killall_diehards(greenlets);
    int status = alive == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; status == 0 && i < PyList_GET_SIZE(alive); i++) {
        PyObject *g = PyList_GET_ITEM(alive, i);
        if (!Task_Check(g)) {
            PyErr_Format(PyExc_AttributeError, "%R can't be waited for: it has no rawlink", g);
            status = -1;
            break;
        }
        uint64_t now = green_time_now();
        green_deadline left = {.seconds = until == UINT64_MAX ? -1
                                          : now < until       ? (double)(until - now) / 1e9
                                                              : 0};
        int woken = wait_until_dead((TaskObject *)g, &left, "killall");
        status = woken < 0 ? -1 : 0;
        if (woken == GREEN_TIMED_OUT && !green_task_ready((TaskObject *)g)) {
            green_timeout_raise(timeout);
            status = -1;
        }
    }
    Py_XDECREF(alive);
    return status;
}

/* Wait until those of a list have ended. `last` is the last throw that was queued for them. */
static int
killall_wait(PyObject *greenlets, queued_throw *last, PyObject *timeout)
{
    last->held =
        &last; /* Python code may let the throw be made before this greenlet waits for it */
    HubObject *here = green_hub_get();
    bool local = here != NULL && last != NULL && last->loop == here->loop;
    green_deadline deadline;
    int status = here == NULL ? -1 : green_deadline_start(&deadline, timeout);
    if (last != NULL) {
        last->held = NULL;
    }
    if (status < 0) {
        return -1;
    }
    uint64_t until = deadline.seconds < 0 ? UINT64_MAX : green_time_after(deadline.seconds);
    if (local && last != NULL) {
        status = throw_wait(last, "killall");
    }
    if (status == 0) {
        status = killall_join(greenlets, timeout, until);
    }
    return green_deadline_stop(&deadline) < 0 ? -1 : status;
}

PyDoc_STRVAR(
    killall_doc,
    "killall(greenlets, exception=None, block=True, timeout=None)\n--\n\n"
    "Raise `exception` (None: GreenletExit) in all the greenlets, of one hub, and wait until they "
    "have ended.\n\n"
    "Those that have not begun never will. Raises Timeout when `timeout` seconds pass before\n"
    "all have ended; with block false it does not wait. Raw greenlets may be among them.");

static PyObject *
killall(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"greenlets", "exception", "block", "timeout", NULL};
    PyObject *iterable, *argument = NULL, *timeout = Py_None;
    int block = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OpO:killall", names, &iterable, &argument,
                                     &block, &timeout)) {
        return NULL;
    }
    PyObject *greenlets = PySequence_List(iterable);
    queued_throw *last = NULL;
    int status = greenlets == NULL ? -1 : killall_queue(greenlets, argument, &last);
    if (status == 0 && block && last != NULL) {
        status = killall_wait(greenlets, last, timeout);
    }
    Py_XDECREF(greenlets);
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef kill_functions[] = {
    {"kill", (PyCFunction)(void (*)(void))kill_function, METH_VARARGS | METH_KEYWORDS, kill_doc},
    {"killall", (PyCFunction)(void (*)(void))killall, METH_VARARGS | METH_KEYWORDS, killall_doc},
    {NULL, NULL, 0, NULL},
};

int
green_kill_exec(PyObject *module)
{
    base_throw = PyObject_GetAttrString((PyObject *)Greenlet_Type, "throw");
    return base_throw == NULL ? -1 : PyModule_AddFunctions(module, kill_functions);
}
