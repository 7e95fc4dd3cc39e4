/* The loop: a ready queue, timers, and libuv behind them. No uv.h here: what sync/, task/ and net/
   need is this much. */
#ifndef GREEN_LOOP_LOOP_H
#define GREEN_LOOP_LOOP_H

#include <Python.h>
#include <stdatomic.h>
#include "greenlet/greenlet.h"
#include "greenlet/ready.h"
#include "loop/timer.h"

typedef enum {
    GREEN_LOOP_OPEN,
    GREEN_LOOP_LOST,      /* somebody has closed what it polls with: all but polling goes on */
    GREEN_LOOP_DESTROYED, /* it has neither poll nor timers */
} green_loop_state;

/* Its fields are for files in loop/ only; others call the functions below. */
typedef struct LoopObject {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    green_loop_state state;
    green_link ready; /* green_ready nodes, FIFO; guarded by the interpreter lock */
    green_link later; /* green_ready nodes that the next poll puts behind those; likewise */
    green_timers timers;
    int budget;             /* turns until the clock is looked at */
    uint64_t polled;        /* when the loop last polled, ns */
    uint64_t trimmed;       /* when it last gave memory back, ns */
    int trims_due;          /* how many more times it will, should nothing run meanwhile */
    uint64_t interval;      /* ns between polls while greenlets are ready all the time */
    green_thread *thread;   /* whose loop it is; NULL until it first runs or a hub has it */
    GreenletObject *runner; /* inside green_loop_run: owned by its frame; NULL when not running */
    PyObject *trash;        /* owned; what a turn gave up, until green_loop_drop_trash; or NULL */
    green_link watchers;    /* started ones: the loop owns a reference to each */
    green_link phases[4];   /* those of each green_phase */
    size_t refs;            /* what is started and keeps the loop running, timers apart */
    unsigned long iteration;
    bool polling;  /* inside libuv, which may have released the interpreter lock */
    bool stopping; /* break_() was called */
    bool calling;  /* inside an on_hub turn: who blocks in it returns to it first */
    bool is_default;
    bool held;                   /* a hub has it: `thread` is the hub's, whether it runs or not */
    bool reinited;               /* since the last fork, by its handler */
    PyObject *failure;           /* owned; what the handler raised: the run ends with it */
    PyObject *error_handler;     /* owned; object with handle_error, or NULL */
    void (*deferred)(void *arg); /* of green_loop_defer; NULL: none */
    void *deferred_arg;
    atomic_int wakers;       /* between green_loop_wake_begin and _end */
    struct green_poll *poll; /* libuv's side: loop/poll.h; NULL once destroyed */
    green_link link;         /* among all loops not destroyed */
} LoopObject;

typedef enum { GREEN_IDLE, GREEN_PREPARE, GREEN_CHECK, GREEN_FORK } green_phase;

extern PyTypeObject *Loop_Type;

static inline bool
green_loop_destroyed(const LoopObject *loop)
{
    return loop->state == GREEN_LOOP_DESTROYED;
}

/* Is it a default loop: one that a hub leaves when it is destroyed? */
static inline bool
green_loop_is_default(const LoopObject *loop)
{
    return loop->is_default;
}

/* Who is inside green_loop_run, borrowed; NULL: nobody. */
static inline GreenletObject *
green_loop_runner(const LoopObject *loop)
{
    return loop->runner;
}

/* Is nothing ready in it, so that it polls next? */
static inline bool
green_loop_idle(const LoopObject *loop)
{
    return green_list_empty(&loop->ready) && !green_loop_destroyed(loop);
}

/* Errors go to `handler` (borrowed) from now on; NULL: to nobody. May run Python code. */
void green_loop_set_handler(LoopObject *loop, PyObject *handler);

/* When it last polled, ns. */
static inline uint64_t
green_loop_polled(const LoopObject *loop)
{
    return loop->polled;
}

/* Start a stopped timer, to end at a time in ns. */
static inline void
green_loop_start_timer(LoopObject *loop, green_timer *timer, uint64_t deadline)
{
    green_timer_start(&loop->timers, timer, deadline);
}

/* Harmless on a stopped one, as all are once the loop is destroyed. */
static inline void
green_loop_stop_timer(LoopObject *loop, green_timer *timer)
{
    green_timer_stop(&loop->timers, timer);
}

/* Something will make this loop's greenlets ready from outside of it (another thread's work): while
   it is referenced, waiting for ever is no LoopExit. Any thread, with the interpreter lock. */
static inline void
green_loop_ref(LoopObject *loop)
{
    loop->refs++;
}

static inline void
green_loop_unref(LoopObject *loop)
{
    loop->refs--;
}

/* Is another thread inside libuv with it? Then nothing of libuv's may be touched. */
static inline bool
green_loop_polled_elsewhere(const LoopObject *loop)
{
    return loop->polling && loop->thread != green_thread_self;
}

/* Does it belong to another thread? Then libuv's handles in it are that one's to touch. */
static inline bool
green_loop_foreign(const LoopObject *loop)
{
    return loop->thread != NULL && loop->thread != green_thread_self && !green_loop_destroyed(loop);
}

/* A hub of this thread (borrowed) takes it; lets it go. */
void green_loop_hold(LoopObject *loop, green_thread *thread);
void green_loop_release(LoopObject *loop);

/* How often it has polled, and in *when the end of the last time, ns. */
static inline unsigned long
green_loop_polls(const LoopObject *loop, uint64_t *when)
{
    *when = loop->polled;
    return loop->iteration;
}

/* Queue a node; one that is queued keeps its place. From another thread it also wakes the loop. A
   node whose place owns something must not be queued: its callers assert it. */
void green_ready_push(LoopObject *loop, green_ready *ready);

/* End its sleep from another thread, in two steps: the first with the interpreter lock, the second
   without, so that the loop's thread finds the lock free. In between the loop is not destroyed. */
void green_loop_wake_begin(LoopObject *loop);
void green_loop_wake_end(LoopObject *loop);

/* What is pushed between these two does not end its sleep: the caller will. The first returns
   whether it sleeps, which the second is told. */
static inline bool
green_loop_hush(LoopObject *loop)
{
    bool asleep = loop->polling;
    loop->polling = false;
    return asleep;
}

static inline void
green_loop_unhush(LoopObject *loop, bool asleep)
{
    loop->polling = asleep;
}

/* Call `function(arg)` once when the loop next polls, without the interpreter lock if it sleeps
   then: the time to wake a thread that needs that lock first of all. */
static inline void
green_loop_defer(LoopObject *loop, void (*function)(void *), void *arg)
{
    if (loop->deferred != NULL) {
        loop->deferred(loop->deferred_arg);
    }
    loop->deferred = function;
    loop->deferred_arg = arg;
}

/* Not any more, if that call is still to be made. */
static inline void
green_loop_undefer(LoopObject *loop, void (*function)(void *), const void *arg)
{
    if (loop->deferred == function && loop->deferred_arg == arg) {
        loop->deferred = NULL;
    }
}

/* Queue it as the next one, wherever it was queued. */
void green_ready_push_front(LoopObject *loop, green_ready *ready);

/* Queue it behind all that is ready, and behind what that makes ready in turn: ahead of what the
   next poll finds. One that is queued keeps its place. */
void green_ready_push_later(LoopObject *loop, green_ready *ready);

/* Turns may run no Python code, so what one gave up is kept until somebody has arrived: that one
   drops it. The current exception stays. */
void green_loop_drop_trash(LoopObject *loop);

/* Is something kept already? */
static inline bool
green_loop_has_trash(const LoopObject *loop)
{
    return loop->trash != NULL;
}

/* Steals. Only while nothing is kept. */
static inline void
green_loop_put_trash(LoopObject *loop, PyObject *object)
{
    assert(loop->trash == NULL);
    loop->trash = object;
}

/* Counts the turns of all loops, from 1: what was noted in one and still finds the number knows
   that nobody has blocked since. */
extern uint64_t green_turns;

/* Who runs next: takes turns from the queue until one names a greenlet (borrowed; the thread's
   value or exception is set for it). NULL, nothing set: it is the hub's turn, since the queue is
   empty, its head needs the hub's stack, or it is time to poll. */
GreenletObject *green_loop_next(LoopObject *loop);

/* Run until nothing is left that could make anything ready (0), break_() (1), or for one iteration
   (once, nowait: 1 when there is more to come). -1 with an exception. */
int green_loop_run(LoopObject *loop, bool nowait, bool once);

/* Report the current exception, raised in `context` (borrowed, may be NULL), to the hub's
   handle_error and clear it. */
void green_loop_handle_error(LoopObject *loop, PyObject *context);

/* A loop of its own, not yet running. New reference. */
LoopObject *green_loop_new(PyTypeObject *type, bool is_default);

/* Stop its watchers, give up what is queued, close what it has; idempotent. Not while it polls. May
   run Python code. */
void green_loop_destroy(LoopObject *loop);

/* Give up what is queued. */
void green_loop_drop_ready(LoopObject *loop);

/* In a forked child: a poller of its own, fork watchers queued. 0, or -1 with an exception. */
int green_loop_forked(LoopObject *loop);

/* In a forked child: destroyed, but what it has open is left alone. */
void green_loop_abandon(LoopObject *loop);

/* In a forked child: give up turns, timers and descriptors of greenlets that are `stale`. */
void green_loop_prune(LoopObject *loop, bool (*stale)(const GreenletObject *));

extern green_link green_loops; /* all not destroyed */

int green_loop_exec(PyObject *module);
int green_loop_type_exec(PyObject *module);

#endif
