#include "loop/loop.h"

#include "greenlet/error.h"
#include "greenlet/trim.h"
#include <sched.h>

#include "loop/errors.h"
#include "loop/interrupt.h"
#include "loop/poll.h"
#include "loop/watcher.h"
#include "switch/check.h"

/* While greenlets are ready all the time, so many turns pass between looks at the clock, and so
   many ns between polls. I/O and timers get their chance without a system call on each switch. */
#define LOOP_BUDGET 128
#define LOOP_INTERVAL 500000

/* The ns between two looks for memory to give back, and how often the loop wakes itself for one
   when nothing runs. What is unused at two looks in a row is given back. */
#define LOOP_TRIM_INTERVAL 1000000000
#define LOOP_TRIMS 3

PyTypeObject *Loop_Type;
uint64_t green_turns = 1;

green_link green_loops = {&green_loops, &green_loops};

void
green_ready_push(LoopObject *loop, green_ready *ready)
{
    if (__builtin_expect(green_ready_queued(ready), 0)) {
        return;
    }
    green_list_append(&loop->ready, &ready->link);
    if (__builtin_expect(loop->polling, 0)) {
        green_poll_wake(loop->poll);
    }
}

void
green_loop_wake_begin(LoopObject *loop)
{
    atomic_fetch_add(&loop->wakers, 1);
}

void
green_loop_wake_end(LoopObject *loop)
{
    green_poll_wake(loop->poll);
    atomic_fetch_sub(&loop->wakers, 1);
}

void
green_ready_push_front(LoopObject *loop, green_ready *ready)
{
    green_ready_cancel(ready);
    green_list_prepend(&loop->ready, &ready->link);
    if (__builtin_expect(loop->polling, 0)) {
        green_poll_wake(loop->poll);
    }
}

void
green_ready_push_later(LoopObject *loop, green_ready *ready)
{
    if (green_ready_queued(ready)) {
        return;
    }
    green_list_append(&loop->later, &ready->link);
    if (loop->polling) {
        green_poll_wake(loop->poll);
    }
}

void
green_loop_drop_trash(LoopObject *loop)
{
    PyObject *trash = loop->trash;
    loop->trash = NULL;
    /* green_error_take will not do: before 3.12 it may call the exception's class, which could
       switch. */
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    Py_XDECREF(trash);
    PyErr_Restore(type, value, traceback);
}

#ifdef GREEN_DEBUG
static void
loop_check_ready(const green_link *head)
{
    const green_link *link = head->next;
    green_list_check(head);
    for (int i = 0; i < GREEN_CHECK_REACH && link != head; i++, link = link->next) {
        assert(GREEN_CONTAINER(link, green_ready, link)->kind->turn != NULL);
    }
}

static void
loop_check(const LoopObject *loop)
{
    loop_check_ready(&loop->ready);
    loop_check_ready(&loop->later);
    green_list_check(&loop->watchers);
    for (int i = 0; i < 4; i++) {
        green_list_check(&loop->phases[i]);
    }
    green_timers_check(&loop->timers);
    assert(!green_loop_destroyed(loop) || loop->timers.count == 0);
}
#endif

inline GreenletObject *
green_loop_next(LoopObject *loop)
{
    if (__builtin_expect(loop->calling || loop->trash != NULL, 0)) {
        return NULL;
    }
    while (!green_list_empty(&loop->ready)) {
        GREEN_CHECK(loop_check(loop));
        green_ready *ready = GREEN_CONTAINER(loop->ready.next, green_ready, link);
        if (ready->kind->on_hub || --loop->budget <= 0) {
            return NULL;
        }
        green_turns++;
        green_list_remove(&ready->link);
        GreenletObject *next = ready->kind->turn(ready);
        if (next != NULL) {
            return next;
        }
    }
    return NULL;
}

/* The handler has raised instead of handling `value`. An error of its own is printed. What is no
   Exception (HubDestroyed, SystemExit) ends the run of the loop. */
static void
loop_fail(LoopObject *loop, PyObject *value)
{
    PyObject *own = green_error_take();
    if (!PyErr_GivenExceptionMatches(own, PyExc_Exception)) {
        Py_XSETREF(loop->failure, own);
        loop->stopping = true;
        return;
    }
    if (own != value) {
        PyException_SetContext(own, Py_NewRef(value));
    }
    green_error_raise(own);
    PyErr_PrintEx(0);
}

void
green_loop_handle_error(LoopObject *loop, PyObject *context)
{
    PyObject *value = green_error_take();
    if (PyErr_GivenExceptionMatches(value, green_exc_HubDestroyed)) {
        Py_XSETREF(loop->failure, value); /* no error, so the handler is not asked */
        loop->stopping = true;
        return;
    }
    PyObject *tb = PyException_GetTraceback(value);
    PyObject *done =
        PyObject_CallMethod((PyObject *)loop, "handle_error", "OOOO", context ? context : Py_None,
                            (PyObject *)Py_TYPE(value), value, tb ? tb : Py_None);
    if (done == NULL) {
        loop_fail(loop, value);
    }
    Py_XDECREF(done);
    Py_XDECREF(tb);
    Py_DECREF(value);
}

/* Takes turns from the queue until it is empty or it is time to poll. */
static void
loop_run_ready(LoopObject *loop)
{
    green_thread *thread = loop->thread;
    if (!green_list_empty(&loop->ready)) {
        loop->trims_due = LOOP_TRIMS;
    }
    for (;;) {
        if (loop->trash != NULL) {
            green_loop_drop_trash(loop);
        }
        if (loop->stopping || green_list_empty(&loop->ready)) {
            return;
        }
        if (--loop->budget <= 0) {
            loop->budget = LOOP_BUDGET;
            if (green_time_now() - loop->polled >= loop->interval) {
                return;
            }
        }
        green_ready *ready = GREEN_CONTAINER(green_list_pop(&loop->ready), green_ready, link);
        green_turns++;
        bool outer = loop->calling;
        loop->calling = ready->kind->on_hub;
        GreenletObject *next = ready->kind->turn(ready);
        loop->calling = outer;
        if (next != NULL) {
            PyObject *got = green_greenlet_transfer(thread, next);
            if (got == NULL) {
                green_loop_handle_error(loop, (PyObject *)loop);
            } else {
                Py_DECREF(got);
            }
        }
    }
}

/* Returns when the loop must wake by itself, ns. */
static uint64_t
loop_deadline(const LoopObject *loop)
{
    uint64_t timers = green_timers_deadline(&loop->timers);
    uint64_t trim_at = loop->trims_due > 0 ? loop->trimmed + LOOP_TRIM_INTERVAL : UINT64_MAX;
    uint64_t claim = green_interrupt_deadline(loop->poll, loop->polled);
    uint64_t own = trim_at < claim ? trim_at : claim;
    return timers < own ? timers : own;
}

/* Polls. What is seen is still to be told. -1 with an exception where the loop is lost. */
static int
loop_look(LoopObject *loop, bool nowait)
{
    green_poll *poll = loop->poll;
    bool sleeps = !nowait && green_poll_sleeps(poll, loop_deadline(loop));
    if (loop->state != GREEN_LOOP_OPEN || !green_poll_intact(poll, sleeps, loop->polled)) {
        loop->state = GREEN_LOOP_LOST;
        PyErr_SetString(PyExc_RuntimeError,
                        "the event loop cannot go on: its own descriptors have been closed, "
                        "by something like os.closerange()");
        return -1;
    }
    loop->polling = true;
    void (*deferred)(void *) = loop->deferred;
    loop->deferred = NULL;
    PyThreadState *ts = sleeps ? PyEval_SaveThread() : NULL;
    if (deferred != NULL) {
        deferred(loop->deferred_arg);
    }
    green_poll_run(poll, sleeps);
    if (ts != NULL) {
        PyEval_RestoreThread(ts);
    }
    loop->polling = false;
    return 0;
}

static void
loop_poll(LoopObject *loop, bool nowait)
{
    loop->iteration++;
    loop->budget = LOOP_BUDGET;
    int claimed = green_interrupt_claim(loop->poll, loop->polled);
    if (claimed < 0) {
        green_loop_handle_error(loop, NULL);
    } else if (claimed > 0) {
        loop->state = GREEN_LOOP_LOST;
    }
    if (green_loop_destroyed(loop) || loop->stopping) { /* by a signal's handler */
        return;
    }
    if (green_timers_settle(&loop->timers) < 0) {
        PyErr_NoMemory();
        green_loop_handle_error(loop, NULL);
    }
    if (loop->trims_due > 0 && loop->polled - loop->trimmed >= LOOP_TRIM_INTERVAL) {
        loop->trimmed = loop->polled;
        loop->trims_due -= !green_trim();
    }
    nowait = nowait || !green_list_empty(&loop->ready) || !green_list_empty(&loop->later) ||
             !green_list_empty(&loop->phases[GREEN_IDLE]);
    if (loop_look(loop, nowait) < 0) {
        Py_XSETREF(loop->failure, green_error_take());
        loop->stopping = true;
        return;
    }
    if (green_loop_destroyed(loop)) {
        return;
    }
    /* Timers come before I/O, and time-outs last, so that what came in time counts. */
    loop->polled = green_time_now();
    green_list_splice(&loop->ready, &loop->later);
    if (green_timers_deadline(&loop->timers) <= loop->polled) {
        green_timers_expire(&loop->timers, loop->polled, false);
        green_poll_tell(loop->poll);
        green_timers_expire(&loop->timers, loop->polled, true);
    } else {
        green_poll_tell(loop->poll);
    }
    if (green_interrupt_check(loop->poll) < 0) {
        green_loop_handle_error(loop, NULL);
    }
}

void
green_loop_set_handler(LoopObject *loop, PyObject *handler)
{
    Py_XSETREF(loop->error_handler, Py_XNewRef(handler));
}

void
green_loop_hold(LoopObject *loop, green_thread *thread)
{
    loop->held = true;
    loop->thread = thread;
}

void
green_loop_release(LoopObject *loop)
{
    loop->held = false;
    if (loop->runner == NULL) {
        loop->thread = NULL;
    }
}

static bool
loop_alive(LoopObject *loop)
{
    return !green_list_empty(&loop->ready) || !green_list_empty(&loop->later) || loop->refs ||
           loop->timers.refs || green_poll_alive(loop->poll);
}

int
green_loop_run(LoopObject *loop, bool nowait, bool once)
{
    if (green_loop_destroyed(loop)) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return -1;
    }
    green_thread *owner = loop->thread;
    if (owner != NULL && owner != thread) {
        PyErr_SetString(PyExc_RuntimeError, "the loop belongs to another thread");
        return -1;
    }
    if (loop->polling) {
        PyErr_SetString(PyExc_RuntimeError,
                        "the loop is polling: it cannot be run by what it calls");
        return -1;
    }
    Py_INCREF(loop);
    loop->thread = thread;
    GreenletObject *outer = loop->runner;
    loop->runner = thread->current;
    loop->stopping = false;
    int more;
    for (;;) {
        if (!green_list_empty(&loop->phases[GREEN_PREPARE])) {
            green_watcher_push_phase(loop, GREEN_PREPARE);
        }
        loop_run_ready(loop);
        more = !green_loop_destroyed(loop) && loop_alive(loop);
        if (loop->stopping || !more) {
            break;
        }
        loop_poll(loop, nowait);
        if (green_loop_destroyed(loop)) {
            more = 0;
            break;
        }
        if (!green_list_empty(&loop->phases[GREEN_IDLE]) && green_list_empty(&loop->ready)) {
            green_watcher_push_phase(loop, GREEN_IDLE);
        }
        if (!green_list_empty(&loop->phases[GREEN_CHECK])) {
            green_watcher_push_phase(loop, GREEN_CHECK);
        }
        if (nowait || once) {
            loop_run_ready(loop);
            more = !green_loop_destroyed(loop) && loop_alive(loop);
            break;
        }
    }
    loop->stopping = false;
    loop->runner = outer;
    if (outer == NULL && !loop->held) {
        loop->thread = NULL; /* anybody may run it next */
    }
    if (loop->failure != NULL) {
        PyObject *failure = loop->failure;
        loop->failure = NULL;
        green_error_raise(failure);
        more = -1;
    }
    Py_DECREF(loop);
    return more;
}

LoopObject *
green_loop_new(PyTypeObject *type, bool is_default)
{
    LoopObject *loop = (LoopObject *)type->tp_alloc(type, 0);
    if (loop == NULL) {
        return NULL;
    }
    green_list_init(&loop->ready);
    green_list_init(&loop->later);
    green_list_init(&loop->watchers);
    green_list_init(&loop->link);
    for (int phase = 0; phase < 4; phase++) {
        green_list_init(&loop->phases[phase]);
    }
    green_timers_init(&loop->timers);
    loop->budget = LOOP_BUDGET;
    loop->interval = LOOP_INTERVAL;
    loop->is_default = is_default;
    loop->state = GREEN_LOOP_DESTROYED; /* until there is something to destroy */
    loop->poll = green_poll_new();
    if (loop->poll == NULL) {
        Py_DECREF(loop);
        return NULL;
    }
    loop->state = GREEN_LOOP_OPEN;
    green_list_append(&green_loops, &loop->link);
    return loop;
}

int
green_loop_forked(LoopObject *loop)
{
    loop->thread = green_thread_self;
    loop->polling = false;
    atomic_store(&loop->wakers, 0);
    if (loop->state == GREEN_LOOP_OPEN &&
        (green_poll_forked(loop->poll) < 0 ||
         /* This thread may not have been the main one before the fork. It is now. */
         (loop->held && green_interrupt_install(loop->poll) < 0))) {
        return -1;
    }
    green_watcher_push_phase(loop, GREEN_FORK);
    return 0;
}

void
green_loop_abandon(LoopObject *loop)
{
    loop->state = GREEN_LOOP_DESTROYED;
    loop->polling = false;
    loop->deferred = NULL;
    green_list_remove(&loop->link);
    green_poll_free(loop->poll, true);
    loop->poll = NULL;
}

void
green_loop_prune(LoopObject *loop, bool (*stale)(const GreenletObject *))
{
    green_link queue;
    green_list_init(&queue);
    green_list_splice(&queue, &loop->ready);
    while (!green_list_empty(&queue)) {
        green_ready *ready = GREEN_CONTAINER(green_list_pop(&queue), green_ready, link);
        if (ready->kind->greenlet != NULL && stale(ready->kind->greenlet(ready))) {
            green_ready_drop(ready);
        } else {
            green_list_append(&loop->ready, &ready->link);
        }
    }
    green_timers_prune(&loop->timers, stale);
    green_poll_prune(loop->poll, stale);
}

int
green_loop_exec(PyObject *module)
{
    return green_loop_type_exec(module);
}

void
green_loop_drop_ready(LoopObject *loop)
{
    green_list_splice(&loop->ready, &loop->later);
    while (!green_list_empty(&loop->ready)) {
        green_ready_drop(GREEN_CONTAINER(green_list_pop(&loop->ready), green_ready, link));
    }
}

void
green_loop_destroy(LoopObject *loop)
{
    if (green_loop_destroyed(loop)) {
        return;
    }
    bool lost = loop->state == GREEN_LOOP_LOST;
    loop->state = GREEN_LOOP_DESTROYED;
    green_list_remove(&loop->link);
    green_watcher_stop_all(loop);
    green_loop_drop_ready(loop);
    if (loop->deferred != NULL) {
        loop->deferred(loop->deferred_arg);
        loop->deferred = NULL;
    }
    while (atomic_load(&loop->wakers) > 0) {
        Py_BEGIN_ALLOW_THREADS;
        sched_yield();
        Py_END_ALLOW_THREADS;
    }
    green_timers_free(&loop->timers);
    green_poll_free(loop->poll, lost);
    loop->poll = NULL;
    Py_CLEAR(loop->trash);
    if (loop->runner == NULL) {
        Py_CLEAR(loop->error_handler); /* else who runs the loop still needs it */
    }
}
