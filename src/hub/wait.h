/* The one blocking call. A greenlet that has to wait makes a waiter on its own stack, puts it where
   whoever will wake the greenlet finds it, and calls green_wait. Everything that blocks is made of
   this. */
#ifndef GREEN_HUB_WAIT_H
#define GREEN_HUB_WAIT_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "greenlet/ready.h"
#include "hub/hub.h"
#include "loop/timer.h"
#include "switch/list.h"

typedef enum {
    GREEN_PARKED = 0,
    GREEN_WOKEN,
    GREEN_TIMED_OUT,
} green_wait_status;

typedef struct green_waiter {
    green_link link;          /* in the list of what is waited for, or a circle of one */
    green_ready ready;        /* queued once woken or timed out */
    green_timer timer;        /* laid out by green_wait, if there is a time-out to come */
    GreenletObject *greenlet; /* owned from init to finish */
    struct LoopObject *loop;  /* of the hub that it waits in; owned likewise */
    int status;               /* green_wait_status */
    bool open;                /* any thread may end it */
    const char *verb;         /* for LoopExit: "Event.wait", a literal */
    PyObject *object;         /* what is waited for; borrowed, may be NULL; for LoopExit too */
} green_waiter;

/* Prepare a wait of the running greenlet. -1 with an exception where none may block: in the hub
   (BlockingSwitchOutError), in a section that forbids switches. Makes the thread's hub if need be.
 */
int green_waiter_init(green_waiter *w, const char *verb, PyObject *object);

/* Park until green_wake(w), or `seconds` have passed (negative: for ever; 0: let others run once,
   then time out unless woken). Returns GREEN_WOKEN or GREEN_TIMED_OUT, or -1 when an exception was
   thrown into the greenlet (kill, Timeout, LoopExit, a stray switch()). On return w is in no list
   and owns nothing: it needs no further clean-up, whatever the result. */
int green_wait(green_waiter *w, double seconds);

/* As green_wait, where nothing has run since green_waiter_init. `hub` is the thread's hub, which
   that call has found. */
int green_wait_in(HubObject *hub, green_waiter *w, double seconds);

/* For a waiter that was prepared but will not wait after all. */
void green_waiter_cancel(green_waiter *w);

/* Let the waiting greenlet run, behind what is ready already, and remove w from its list. Does
   nothing where the waiter was woken or timed out before. Any thread that holds the interpreter
   lock may call this. */
void green_wake(green_waiter *w);

/* As green_wake, but the greenlet runs ahead of what is ready. Only in a turn of its own loop. */
void green_wake_next(green_waiter *w);

/* As green_wake, but the greenlet runs at once. Only in a turn of its own loop, and the turn must
   return what this returns. */
GreenletObject *green_wake_now(green_waiter *w);

/* Parse a Python time-out: None is for ever (*seconds = -1), else a number of seconds, negative
   counting as 0. NaN: ValueError; no number: TypeError. 0 or -1. */
int green_wait_seconds(PyObject *timeout, double *seconds);

/* Let all others that are ready run once. 0, or -1 with what was thrown in. */
int green_wait_yield(void);

/* Sleep for `seconds`; with 0 or less, let all others that are ready run once. `ref`: the sleep
   keeps the loop running. 0, or -1 with what was thrown in. */
int green_wait_sleep(double seconds, bool ref);

int green_wait_exec(PyObject *module);

#endif
