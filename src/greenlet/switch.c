/* Switching: how a greenlet starts, leaves, arrives and dies. */
#include "greenlet/greenlet.h"
#include "greenlet/arrival.h"
#include "greenlet/asyncio.h"
#include "greenlet/error.h"
#include "greenlet/locals.h"
#include "greenlet/trace.h"
#include "switch/swap.h"

/* Drop what a switch that did not come about would have handed over. The exception that is set
   stays set. */
GREEN_COLD static void
switch_abandon(green_thread *thread)
{
    PyObject *value = thread->value;
    PyObject *exception = thread->exception;
    thread->value = NULL;
    thread->exception = NULL;
    PyObject *error = green_error_take();
    Py_XDECREF(value);
    Py_XDECREF(exception);
    green_error_raise(error);
}

/* End an arrival: let go of the greenlet that was left. May run Python code, and switch. */
static inline void
switch_let_go(green_thread *thread, GreenletObject *origin)
{
    Py_DECREF(origin);
    if (GREEN_RARELY(thread->orphans != NULL)) {
        green_thread_kill_orphans(thread);
    }
}

/* Tell those who trace switches or Python code of an arrival. 0, or -1 with an exception of
   theirs. */
GREEN_COLD static int
switch_tell(green_thread *thread, bool thrown, GreenletObject *origin)
{
    if (thread->tracer != NULL && green_trace_call(thread, thrown, origin) < 0) {
        return -1;
    }
    return green_pystate_traced(thread->tstate) ? green_arrival_show(thread->tstate) : 0;
}

/* The rest of switch_arrive where there is an exception, or a tracer to be told. Steals what was
   handed over, and `origin`. */
GREEN_COLD static PyObject *
switch_arrive_seldom(green_thread *thread, PyObject *value, PyObject *exception,
                     GreenletObject *origin)
{
    if (switch_tell(thread, exception != NULL, origin) < 0) {
        Py_XDECREF(value);
        Py_XDECREF(exception);
        value = NULL;
        exception = green_error_take();
    }
    switch_let_go(thread, origin);
    if (exception != NULL) {
        green_error_raise(exception);
    }
    return value;
}

/* Take what a switch has handed over: a greenlet does this first when it gains control. Returns the
   value (new reference), or NULL with the exception set. */
static PyObject *
switch_arrive(green_thread *thread)
{
    if (thread->finished != NULL) {
        green_stack_release(thread->finished);
        thread->finished = NULL;
    }
    PyObject *value = thread->value;
    PyObject *exception = thread->exception;
    GreenletObject *origin = thread->origin;
    thread->value = NULL;
    thread->exception = NULL;
    thread->origin = NULL;
    /* From here on Python code may run, and switch, so all that matters is in local variables. */
    green_pystate_prepare(&thread->current->flow->state, thread->tstate);
    if (GREEN_RARELY(exception != NULL || thread->tracer != NULL ||
                     green_pystate_traced(thread->tstate))) {
        return switch_arrive_seldom(thread, value, exception, origin);
    }
    switch_let_go(thread, origin);
    return value;
}

static _Noreturn void switch_die(green_thread *thread, GreenletObject *self, PyObject *result);

/* The first function that runs on a greenlet's stack. */
static void
switch_enter(void *arg)
{
    green_thread *thread = arg;
    GreenletObject *self = thread->current;
    green_stack_switch_end(NULL);
    PyObject *result = switch_arrive(thread);
    if (result != NULL || self->kind->catches) {
        Py_XDECREF(result);
        result = self->kind->body(self);
    }
    switch_die(thread, self, result);
}

inline int
green_greenlet_begin(green_thread *thread, GreenletObject *target)
{
    size_t size = (size_t)target->stack_kib << 10;
    if (size != 0 && size < green_pystate_stack_min) {
        size = green_pystate_stack_min;
    }
    green_stack *stack = green_stack_acquire(size);
    if (GREEN_RARELY(stack == NULL)) {
        PyErr_SetString(PyExc_MemoryError, "no memory for the stack of a greenlet");
        return -1;
    }
    stack->owner = target;
    target->flow = (green_flow *)(stack->base - GREEN_FLOW_ROOM);
    assert(green_greenlet_stack(target) == stack);
    green_flow_init(target->flow);
    target->flow->sp = green_swap_prepare(target->flow, switch_enter);
    green_pystate_init(&target->flow->state, stack, thread->tstate);
    if (GREEN_RARELY((PyObject *)target->parent != thread->hub &&
                     (PyObject *)target != thread->hub)) {
        green_pystate_share_asyncio(&target->flow->state,
                                    thread->tstate); /* it serves the one that starts it */
#if PY_VERSION_HEX < 0x030D0000
        if (GREEN_RARELY(green_asyncio_tracked)) {
            green_asyncio_share(target);
        }
#endif
    }
    target->thread = thread;
    green_thread_incref(thread);
    target->status = GREEN_ACTIVE;
    target->epoch = green_epoch;
    /* Its start is queued, but somebody was quicker. */
    if (GREEN_RARELY(green_ready_queued(&target->ready))) {
        green_ready_cancel(&target->ready);
        green_ready_drop(&target->ready);
    }
    return 0;
}

/* Make `target` (stolen), which is alive, the current greenlet of the thread, and switch to it.
   `retires`: `self` has finished, so this never returns, and `fake_stack` is NULL. Otherwise the
   one that comes back gives *fake_stack to green_stack_switch_end. */
static inline void
switch_swap(green_thread *thread, GreenletObject *self, GreenletObject *target, bool retires,
            void **fake_stack)
{
    assert(target->status == GREEN_ACTIVE && target->thread == thread);
    assert((thread->value == NULL) != (thread->exception == NULL));
    assert(thread->origin == NULL && thread->tstate == PyThreadState_Get());
#if PY_VERSION_HEX < 0x030D0000
    if (GREEN_RARELY(green_asyncio_tracked)) {
        green_asyncio_switch(self, target);
    }
#endif
    thread->origin = self;
    thread->current = target;
    target->rest = 0;
    green_flow *flow = self->flow;
    if (retires) {
        self->flow = NULL;
    } else {
        green_pystate_save(&flow->state, thread->tstate);
    }
    green_pystate_load(&target->flow->state, thread->tstate);
    green_pystate_switch_context(&self->context, &target->context, thread->tstate);
    green_stack_switch_begin(fake_stack, green_greenlet_stack(target));
    green_swap(&flow->sp, target->flow->sp, thread);
}

inline PyObject *
green_greenlet_transfer(green_thread *thread, GreenletObject *target)
{
    GreenletObject *self = thread->current;
    if (GREEN_RARELY(target == self)) {
        thread->origin = (GreenletObject *)Py_NewRef(self);
        return switch_arrive(thread);
    }
    if (GREEN_RARELY(thread->no_switch > 0)) {
        PyErr_SetString(green_exc_error, "cannot switch greenlets here");
        switch_abandon(thread);
        return NULL;
    }
    if (target->status == GREEN_UNSTARTED &&
        GREEN_RARELY(green_greenlet_begin(thread, target) < 0)) {
        switch_abandon(thread);
        return NULL;
    }
    void *fake_stack;
    switch_swap(thread, self, (GreenletObject *)Py_NewRef(target), false, &fake_stack);
    green_stack_switch_end(fake_stack);
    green_pystate_arrive(thread->tstate);
    return switch_arrive(thread);
}

GreenletObject *
green_greenlet_resolve(green_thread *thread, GreenletObject *target)
{
    GreenletObject *real = NULL;
    GreenletObject *last = target;
    for (GreenletObject *g = target; g != NULL; g = g->parent) {
        if (real == NULL && g->status != GREEN_DEAD) {
            real = g;
        }
        last = g;
        /* A line of parents belongs to one thread: that of the first one in it that was ever
           started. */
        if (g->thread != NULL && (real != NULL || g->thread != thread)) {
            break;
        }
    }
    if (last->thread == NULL) {
        PyErr_SetString(green_exc_error, "cannot switch to a garbage collected greenlet");
        return NULL;
    }
    if (last->thread->tstate == NULL) {
        PyErr_SetString(green_exc_error,
                        "cannot switch to a different thread (which happens to have exited)");
        return NULL;
    }
    if (last->thread != thread) {
        PyErr_Format(green_exc_error,
                     "Cannot switch to a different thread\n\tCurrent:  %R\n\tExpected: %R",
                     thread->main, last->thread->main);
        return NULL;
    }
    return real;
}

int
green_greenlet_prepare(GreenletObject *g)
{
    PyObject *run = PyObject_GetAttrString((PyObject *)g, "run");
    if (run == NULL) {
        return -1;
    }
    if (g->status != GREEN_UNSTARTED) {
        Py_DECREF(run);
        return 0;
    }
    /* The new greenlet drops what was there before, since no code may run between here and
       there. */
    if (g->leftover == NULL) {
        g->leftover = g->run;
        g->run = run;
    } else {
        Py_XSETREF(g->run, run);
    }
    g->run_found = 1;
    return 0;
}

/* Returns the greenlet that runs when `target` is switched to, prepared for its start if it is
   unstarted. New reference, or NULL with an exception. */
static GreenletObject *
switch_target(green_thread *thread, GreenletObject *target)
{
    for (;;) {
        GreenletObject *real = green_greenlet_resolve(thread, target);
        if (real == NULL) {
            return NULL;
        }
        Py_INCREF(real);
        if (green_greenlet_prepared(real)) {
            return real;
        }
        if (green_greenlet_prepare(real) < 0) {
            Py_DECREF(real);
            return NULL;
        }
        Py_DECREF(real);
    }
}

/* Put `value` (stolen) where `target` will take it from. 0, or -1 with MemoryError. */
static int
switch_hand_over(green_thread *thread, GreenletObject *target, PyObject *value)
{
    if (target->status == GREEN_UNSTARTED && target->kind->calls_run && target->args == NULL &&
        target->kwargs == NULL) {
        target->args = PyTuple_Pack(1, value);
        Py_DECREF(value);
        if (target->args == NULL) {
            return -1;
        }
        value = Py_NewRef(Py_None);
    }
    thread->value = value;
    return 0;
}

PyObject *
green_greenlet_switch(GreenletObject *target, PyObject *value)
{
    green_thread *thread = green_thread_get();
    GreenletObject *real = thread == NULL ? NULL : switch_target(thread, target);
    if (real == NULL) {
        Py_DECREF(value);
        return NULL;
    }
    PyObject *result = NULL;
    if (switch_hand_over(thread, real, value) == 0) {
        result = green_greenlet_transfer(thread, real);
    }
    Py_DECREF(real);
    return result;
}

PyObject *
green_greenlet_throw(GreenletObject *target, PyObject *exception)
{
    if (target->status == GREEN_DEAD &&
        PyErr_GivenExceptionMatches(exception, green_exc_GreenletExit)) {
        /* A dead greenlet returns GreenletExit, as one does that is ended by it. */
        return green_greenlet_switch(target, exception);
    }
    green_thread *thread = green_thread_get();
    GreenletObject *real = thread == NULL ? NULL : switch_target(thread, target);
    if (real == NULL) {
        Py_DECREF(exception);
        return NULL;
    }
    thread->exception = exception;
    PyObject *result = green_greenlet_transfer(thread, real);
    Py_DECREF(real);
    return result;
}

bool
green_greenlet_kill(GreenletObject *g)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        PyErr_Clear();
        return false;
    }
    if (g->thread != thread || thread->no_switch > 0) {
        return false;
    }
    PyObject *exception = PyObject_CallFunction(
        green_exc_GreenletExit, "s", "Killing the greenlet because all references have vanished.");
    if (exception == NULL) {
        PyErr_WriteUnraisable((PyObject *)g);
        return false;
    }
    /* The one who has dropped the last reference is the parent for now, so that it goes on when `g`
       has ended. The real parent might keep it waiting. */
    GreenletObject *parent = g->parent;
    g->parent = (GreenletObject *)Py_NewRef(thread->current);
    PyObject *result = green_greenlet_throw(g, exception);
    if (result == NULL) {
        PyErr_WriteUnraisable((PyObject *)g);
    }
    Py_XDECREF(result);
    Py_SETREF(g->parent, parent);
    return true;
}

/* Finish the state again: code that ran while the successor was chosen may have changed it. What is
   dropped must not switch, since the successor is chosen. */
GREEN_COLD static void
switch_finish_again(green_thread *thread)
{
    PyObject *value = thread->value, *exception = thread->exception;
    thread->value = thread->exception = NULL;
    thread->no_switch++;
    green_pystate_finish(thread->tstate);
    thread->no_switch--;
    thread->value = value;
    thread->exception = exception;
}

/* Choose who runs when `self` has ended, and hand over the result or the exception of `self` (both
   stolen, one is NULL). Returns a greenlet of this thread that is alive (new reference). */
GREEN_COLD static GreenletObject *
switch_successor(green_thread *thread, GreenletObject *self, PyObject *result, PyObject *exception)
{
    for (GreenletObject *parent = self->parent; parent != NULL; parent = parent->parent) {
        GreenletObject *successor = switch_target(thread, parent);
        if (successor != NULL) {
            int handed = 0;
            if (exception != NULL) {
                thread->exception = exception;
            } else {
                handed = switch_hand_over(thread, successor, result);
            }
            if (handed == 0 && (successor->status == GREEN_ACTIVE ||
                                green_greenlet_begin(thread, successor) == 0)) {
                if (green_pystate_has_rare(thread->tstate)) {
                    switch_finish_again(thread);
                }
                return successor;
            }
            result = thread->value;
            exception = thread->exception;
            thread->value = NULL;
            thread->exception = NULL;
        }
        /* The error is raised in the next parent instead. */
        PyObject *error = green_error_take();
        Py_XDECREF(result);
        Py_XDECREF(exception);
        Py_XDECREF(successor);
        result = NULL;
        exception = error;
    }
    Py_FatalError("greencore: a greenlet died and none of its parents can run");
}

/* Whether `parent` is a hub that has ended. Its greenlets go on under the thread's next hub. */
static inline bool
switch_hub_has_gone(const GreenletObject *parent)
{
    return GREEN_RARELY(parent->kind->catches && parent->status == GREEN_DEAD);
}

static _Noreturn void
switch_die(green_thread *thread, GreenletObject *self, PyObject *result)
{
    PyObject *exception = NULL;
    if (GREEN_RARELY(result == NULL)) {
        exception = green_error_take();
        if (PyErr_GivenExceptionMatches(exception, green_exc_GreenletExit)) {
            result = exception;
            exception = NULL;
        }
    }
    if (self->kind->calls_run) {
        Py_CLEAR(self->run);
        Py_CLEAR(self->leftover);
        Py_CLEAR(self->args);
        Py_CLEAR(self->kwargs);
    }
    if (GREEN_RARELY(self->locals != NULL)) {
        green_locals_end(self);
    }
    GreenletObject *successor = NULL;
    if (exception == NULL && thread->next != NULL &&
        ((PyObject *)self->parent == thread->hub || switch_hub_has_gone(self->parent))) {
        /* The hub takes no interest in results, so go straight to the one that it would switch
           to. */
        Py_DECREF(result);
        green_pystate_finish(thread->tstate);
        self->status = GREEN_DEAD; /* a throw whose turn comes now is too late */
        successor = (GreenletObject *)Py_NewRef(thread->next(thread));
        if (successor->status == GREEN_UNSTARTED &&
            GREEN_RARELY(green_greenlet_begin(thread, successor) < 0)) {
            exception = green_error_take();
            Py_CLEAR(thread->value);
            Py_CLEAR(thread->exception);
            Py_DECREF(successor);
            successor = switch_successor(thread, self, NULL, exception);
        }
    } else {
        green_pystate_finish(thread->tstate);
        successor = switch_successor(thread, self, result, exception);
    }
    self->status = GREEN_DEAD;
    thread->finished = green_greenlet_stack(self);
    switch_swap(thread, self, successor, true, NULL);
    __builtin_unreachable();
}
