#include "hub/loop.h"

#include "greenlet/error.h"
#include "hub/hub.h"
#include "hub/interrupt.h"
#include "hub/poll.h"
#include "hub/watcher.h"

/* Turns between looks at the clock, and ns between polls, while greenlets are ready all the time:
   I/O and timers get their chance without a system call on each switch. */
#define LOOP_BUDGET 128
#define LOOP_INTERVAL 500000

/* ns between looks for stack memory to give back */
#define LOOP_TRIM_INTERVAL 1000000000

PyTypeObject *Loop_Type;

void
green_ready_push(LoopObject *loop, green_ready *ready)
{
    green_list_append(&loop->ready, &ready->link);
    if (__builtin_expect(loop->polling, 0)) {
        green_poll_wake(loop->poll);
    }
}

void
green_ready_push_front(LoopObject *loop, green_ready *ready)
{
    green_list_prepend(&loop->ready, &ready->link);
    if (__builtin_expect(loop->polling, 0)) {
        green_poll_wake(loop->poll);
    }
}

void
green_ready_fire(LoopObject *loop, green_ready *ready)
{
    green_list_append(&loop->fired, &ready->link);
}

GreenletObject *
green_loop_next(LoopObject *loop)
{
    if (__builtin_expect(loop->keep != NULL, 0)) {
        Py_CLEAR(loop->keep);
    }
    if (__builtin_expect(loop->calling, 0)) {
        return NULL;
    }
    while (!green_list_empty(&loop->ready)) {
        green_ready *ready = GREEN_CONTAINER(loop->ready.next, green_ready, link);
        if (ready->kind->on_hub || --loop->budget <= 0) {
            return NULL;
        }
        green_list_remove(&ready->link);
        GreenletObject *next = ready->kind->turn(ready);
        if (next != NULL) {
            return next;
        }
    }
    return NULL;
}

/* The handler raised instead of handling `value`: an error of its own is printed; what is no
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

/* Take the turns of the queue until it is empty or it is time to poll. */
static void
loop_run_ready(LoopObject *loop)
{
    green_thread *thread = loop->thread;
    while (!green_list_empty(&loop->ready)) {
        if (--loop->budget <= 0) {
            loop->budget = LOOP_BUDGET;
            if (green_time_now() - loop->polled >= loop->interval) {
                return;
            }
        }
        green_ready *ready = GREEN_CONTAINER(green_list_pop(&loop->ready), green_ready, link);
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
        if (loop->keep != NULL) {
            Py_CLEAR(loop->keep);
        }
        if (loop->stopping) {
            return;
        }
    }
}

static void
loop_poll(LoopObject *loop, bool nowait)
{
    loop->iteration++;
    loop->budget = LOOP_BUDGET;
    if (green_timers_settle(&loop->timers) < 0) {
        PyErr_NoMemory();
        green_loop_handle_error(loop, NULL);
    }
    green_interrupt_claim(loop, loop->polled);
    if (loop->polled - loop->trimmed >= LOOP_TRIM_INTERVAL) {
        loop->trimmed = loop->polled;
        green_stack_trim();
    }
    green_poll_run(loop, nowait || !green_list_empty(&loop->ready) ||
                             !green_list_empty(&loop->phases[GREEN_IDLE]));
    if (loop->destroyed) {
        return;
    }
    /* Timers before I/O, and time-outs last: what came in time counts. */
    loop->polled = green_time_now();
    if (green_timers_deadline(&loop->timers) <= loop->polled) {
        green_timers_expire(&loop->timers, loop->polled, false);
        green_list_splice(&loop->ready, &loop->fired);
        green_timers_expire(&loop->timers, loop->polled, true);
    } else {
        green_list_splice(&loop->ready, &loop->fired);
    }
    if (green_interrupt_check(loop) < 0) {
        green_loop_handle_error(loop, NULL);
    }
}

static bool
loop_alive(LoopObject *loop)
{
    return !green_list_empty(&loop->ready) || loop->refs || loop->timers.refs ||
           green_poll_alive(loop->poll);
}

int
green_loop_run(LoopObject *loop, bool nowait, bool once)
{
    if (loop->destroyed) {
        PyErr_SetString(PyExc_ValueError, "operation on destroyed loop");
        return -1;
    }
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return -1;
    }
    if (loop->thread != NULL && loop->thread != thread) {
        PyErr_SetString(PyExc_RuntimeError, "the loop belongs to another thread");
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
        more = !loop->destroyed && loop_alive(loop);
        if (loop->stopping || !more) {
            break;
        }
        loop_poll(loop, nowait);
        if (loop->destroyed) {
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
            more = !loop->destroyed && loop_alive(loop);
            break;
        }
    }
    loop->stopping = false;
    loop->runner = outer;
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
    green_list_init(&loop->fired);
    for (int phase = 0; phase < 4; phase++) {
        green_list_init(&loop->phases[phase]);
    }
    green_timers_init(&loop->timers);
    loop->budget = LOOP_BUDGET;
    loop->interval = LOOP_INTERVAL;
    loop->is_default = is_default;
    loop->destroyed = true; /* until there is something to destroy */
    loop->poll = green_poll_new(loop);
    if (loop->poll == NULL) {
        Py_DECREF(loop);
        return NULL;
    }
    loop->destroyed = false;
    return loop;
}

void
green_loop_destroy(LoopObject *loop)
{
    if (loop->destroyed) {
        return;
    }
    loop->destroyed = true;
    green_interrupt_uninstall(loop);
    while (!green_list_empty(&loop->ready)) {
        green_ready_drop(GREEN_CONTAINER(green_list_pop(&loop->ready), green_ready, link));
    }
    green_timers_free(&loop->timers);
    green_poll_free(loop->poll);
    loop->poll = NULL;
    Py_CLEAR(loop->keep);
    Py_CLEAR(loop->error_handler);
}
