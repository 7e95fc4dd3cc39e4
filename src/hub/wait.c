#include "hub/wait.h"

#include <math.h>

#include "loop/loop.h"

static GreenletObject *
waiter_turn(green_ready *ready)
{
    green_waiter *w = GREEN_CONTAINER(ready, green_waiter, ready);
    if (__builtin_expect(green_greenlet_stale(w->greenlet), 0)) {
        return NULL;
    }
    if (w->status == GREEN_PARKED) {
        w->status = GREEN_TIMED_OUT; /* the wait was only for one turn of all others */
    }
    w->greenlet->thread->value = Py_NewRef(Py_None);
    return w->greenlet;
}

static GreenletObject *
waiter_greenlet(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, green_waiter, ready)->greenlet;
}

static const green_ready_kind waiter_kind = {.turn = waiter_turn, .greenlet = waiter_greenlet};

static void
waiter_expired(green_timer *timer)
{
    green_waiter *w = GREEN_CONTAINER(timer, green_waiter, timer);
    if (w->status == GREEN_PARKED) {
        w->status = GREEN_TIMED_OUT;
        green_list_remove(&w->link);
        green_ready_push(w->loop, &w->ready);
    }
}

inline int
green_waiter_init(green_waiter *w, const char *verb, PyObject *object)
{
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return -1;
    }
    green_thread *thread = green_thread_self;
    if (__builtin_expect((GreenletObject *)hub == thread->current || thread->no_switch, 0)) {
        green_hub_refuse(thread);
        return -1;
    }
    green_list_init(&w->link);
    green_ready_init(&w->ready, &waiter_kind);
    w->timer.late = w->timer.ref = true; /* wait_start_timer keeps these */
    w->greenlet = (GreenletObject *)Py_NewRef((PyObject *)thread->current);
    w->loop = (LoopObject *)Py_NewRef((PyObject *)hub->loop);
    w->status = GREEN_PARKED;
    w->open = false;
    w->verb = verb;
    w->object = object;
    return 0;
}

inline void
green_waiter_cancel(green_waiter *w)
{
    green_list_remove(&w->link);
    green_ready_cancel(&w->ready);
    Py_DECREF(w->loop);
    Py_DECREF(w->greenlet);
}

void
green_wake(green_waiter *w)
{
    green_list_remove(&w->link);
    if (w->status == GREEN_PARKED) {
        w->status = GREEN_WOKEN;
        green_ready_push(w->loop, &w->ready);
    }
}

/* Takes the waiter out of its list and the queue. It counts as woken unless it had timed out. */
static inline void
waiter_take(green_waiter *w)
{
    green_list_remove(&w->link);
    green_ready_cancel(&w->ready);
    if (w->status == GREEN_PARKED) {
        w->status = GREEN_WOKEN;
    }
}

inline void
green_wake_next(green_waiter *w)
{
    waiter_take(w);
    green_ready_push_front(w->loop, &w->ready);
}

inline GreenletObject *
green_wake_now(green_waiter *w)
{
    waiter_take(w);
    w->greenlet->thread->value = Py_NewRef(Py_None);
    return w->greenlet;
}

/* Sets InvalidSwitchError: the switch came from somebody who did not know of the wait. */
GREEN_COLD static void
waiter_stray(green_waiter *w, PyObject *got)
{
    PyErr_Format(green_exc_InvalidSwitchError, "Invalid switch into %s of %R: got %R", w->verb,
                 w->object ? w->object : Py_None, got);
}

/* Starts the timer of the wait. For 0 seconds the waiter is queued instead, so that all others in
   the queue have one turn. */
static __attribute__((noinline)) void
wait_start_timer(green_waiter *w, double seconds)
{
    if (seconds > 0) {
        bool ref = w->timer.ref;
        green_timer_init(&w->timer, waiter_expired, w->timer.late);
        w->timer.ref = ref;
        w->timer.greenlet = w->greenlet;
        green_loop_start_timer(w->loop, &w->timer, green_time_after(seconds));
    } else if (w->status == GREEN_PARKED) {
        green_ready_push(w->loop, &w->ready);
    }
}

int
green_wait_in(HubObject *hub, green_waiter *w, double seconds)
{
    if (seconds >= 0) {
        wait_start_timer(w, seconds);
    }
    GreenletObject *greenlet = w->greenlet;
    struct green_waiter *outer = greenlet->flow->waiting;
    greenlet->flow->waiting = w;
    PyObject *got = green_hub_switch(hub);
    greenlet->flow->waiting = outer;

    int result = got == NULL ? -1 : w->status;
    if (result == GREEN_PARKED) {
        waiter_stray(w, got);
        result = -1;
    }
    Py_XDECREF(got);
    if (seconds > 0) {
        green_loop_stop_timer(w->loop, &w->timer);
    }
    green_waiter_cancel(w);
    green_hub_drop_trash();
    return result;
}

int
green_wait(green_waiter *w, double seconds)
{
    HubObject *hub = green_hub_get(); /* another hub, where the first was destroyed since init */
    if (hub == NULL) {
        green_waiter_cancel(w);
        return -1;
    }
    return green_wait_in(hub, w, seconds);
}

int
green_wait_seconds(PyObject *timeout, double *seconds)
{
    if (timeout == NULL || timeout == Py_None) {
        *seconds = -1;
        return 0;
    }
    /* An int is read without making a float object. */
    double value =
        PyLong_CheckExact(timeout) ? PyLong_AsDouble(timeout) : PyFloat_AsDouble(timeout);
    if (value == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (isnan(value)) {
        PyErr_SetString(PyExc_ValueError, "timeout must not be NaN");
        return -1;
    }
    *seconds = value > 0 ? value : 0;
    return 0;
}

static GreenletObject *
yield_turn(green_ready *ready)
{
    GreenletObject *greenlet = GREEN_CONTAINER(ready, GreenletObject, ready);
    green_thread_self->value = Py_NewRef(Py_None);
    return greenlet;
}

static GreenletObject *
yield_greenlet(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, GreenletObject, ready);
}

static const green_ready_kind yield_kind = {.turn = yield_turn, .greenlet = yield_greenlet};

int
green_wait_yield(void)
{
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return -1;
    }
    green_thread *thread = green_thread_self;
    GreenletObject *greenlet = thread->current;
    if (__builtin_expect((GreenletObject *)hub == greenlet || thread->no_switch, 0)) {
        green_hub_refuse(thread);
        return -1;
    }
    /* The node is queued already where this call is nested in another: the other's switch has
       dropped something that called this. */
    bool nested = green_ready_queued(&greenlet->ready);
    if (__builtin_expect(nested, 0)) {
        green_ready_cancel(&greenlet->ready);
    }
    Py_INCREF(greenlet); /* the queue borrows the greenlet */
    green_ready_init(&greenlet->ready, &yield_kind);
    green_ready_push(hub->loop, &greenlet->ready);
    PyObject *got = green_hub_switch(hub);
    green_ready_cancel(&greenlet->ready);
    hub = green_hub_peek();
    if (__builtin_expect(nested, 0) && hub != NULL && hub->loop != NULL) {
        green_ready_push(hub->loop, &greenlet->ready);
    }
    green_hub_drop_trash();
    Py_DECREF(greenlet);
    Py_XDECREF(got);
    return got == NULL ? -1 : 0;
}

int
green_wait_sleep(double seconds, bool ref)
{
    if (seconds <= 0) {
        return green_wait_yield();
    }
    green_waiter w;
    if (green_waiter_init(&w, "sleep", NULL) < 0) {
        return -1;
    }
    w.timer.late = false;
    w.timer.ref = ref;
    return green_wait(&w, seconds) < 0 ? -1 : 0;
}

static PyObject *
wait_waiting(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    const green_flow *flow = ((GreenletObject *)arg)->flow;
    green_waiter *w = flow == NULL ? NULL : flow->waiting;
    if (w == NULL) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(sO)", w->verb, w->object ? w->object : Py_None);
}

static PyMethodDef wait_functions[] = {
    {"waiting", wait_waiting, METH_O,
     "waiting(greenlet)\n--\n\n"
     "(what it does, on which object) of the wait that a greenlet is parked in, or None."},
    {NULL, NULL, 0, NULL},
};

int
green_wait_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, wait_functions);
}
