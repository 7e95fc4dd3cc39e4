/* The loop: a ready queue, timers, and libuv behind them. This header does without uv.h, since the
   layers above need nothing of libuv. */
#ifndef GREEN_LOOP_LOOP_H
#define GREEN_LOOP_LOOP_H

#include <Python.h>
#include <stdatomic.h>
#include "greenlet/greenlet.h"
#include "greenlet/ready.h"
#include "loop/timer.h"

typedef enum {
    GREEN_LOOP_OPEN,
    GREEN_LOOP_LOST,      /* somebody has closed the descriptors that it polls with; the loop goes
                             on with all but polling */
    GREEN_LOOP_DESTROYED, /* the loop has neither poll nor timers */
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

/* Whether this is a default loop, which a hub that is destroyed leaves alone. */
static inline bool
green_loop_is_default(const LoopObject *loop)
{
    return loop->is_default;
}

/* The greenlet that is inside green_loop_run, borrowed; NULL: none is. */
static inline GreenletObject *
green_loop_runner(const LoopObject *loop)
{
    return loop->runner;
}

/* Whether the loop's queue is empty, so that the loop polls next. */
static inline bool
green_loop_idle(const LoopObject *loop)
{
    return green_list_empty(&loop->ready) && !green_loop_destroyed(loop);
}

/* Errors go to `handler` (borrowed) from now on; NULL: to nobody. May run Python code. */
void green_loop_set_handler(LoopObject *loop, PyObject *handler);

/* When the loop last polled, ns. */
static inline uint64_t
green_loop_polled(const LoopObject *loop)
{
    return loop->polled;
}

/* Start a timer that is stopped; it expires at `deadline`, ns. */
static inline void
green_loop_start_timer(LoopObject *loop, green_timer *timer, uint64_t deadline)
{
    green_timer_start(&loop->timers, timer, deadline);
}

/* Stop a timer. Stopping one that is stopped does nothing, and all are once the loop is destroyed.
 */
static inline void
green_loop_stop_timer(LoopObject *loop, green_timer *timer)
{
    green_timer_stop(&loop->timers, timer);
}

/* Something outside of the loop, such as another thread's work, will make greenlets of this loop
   ready. While the loop is referenced so, a greenlet that waits for ever gets no LoopExit. Any
   thread that holds the interpreter lock may call this. */
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

/* Whether another thread is inside libuv with this loop. This thread must not touch libuv's handles
   of the loop then. */
static inline bool
green_loop_polled_elsewhere(const LoopObject *loop)
{
    return loop->polling && loop->thread != green_thread_self;
}

/* Whether the loop belongs to another thread, which alone may touch libuv's handles in it. */
static inline bool
green_loop_foreign(const LoopObject *loop)
{
    return loop->thread != NULL && loop->thread != green_thread_self && !green_loop_destroyed(loop);
}

/* A hub of `thread` (borrowed) takes the loop, or lets it go. */
void green_loop_hold(LoopObject *loop, green_thread *thread);
void green_loop_release(LoopObject *loop);

/* Returns how often the loop has polled; *when is set to the end of the last poll, ns. */
static inline unsigned long
green_loop_polls(const LoopObject *loop, uint64_t *when)
{
    *when = loop->polled;
    return loop->iteration;
}

/* Queue a node; one that is queued already keeps its place. A call from another thread also wakes
   the loop. Where a place in the queue owns a reference, the node must not be queued already: such
   callers assert that. */
void green_ready_push(LoopObject *loop, green_ready *ready);

/* End the loop's sleep from another thread, in two steps: the caller holds the interpreter lock at
   the first and not at the second, so that the loop's thread finds the lock free. Between the two
   the loop cannot be destroyed. */
void green_loop_wake_begin(LoopObject *loop);
void green_loop_wake_end(LoopObject *loop);

/* A node that is pushed between these two calls does not end the loop's sleep: the caller will do
   so. The first returns whether the loop sleeps; the second is given that. */
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

/* Call `function(arg)` once when the loop next polls; if the loop sleeps then, without the
   interpreter lock. That is the time to wake a thread that will ask for this lock at once. */
static inline void
green_loop_defer(LoopObject *loop, void (*function)(void *), void *arg)
{
    if (loop->deferred != NULL) {
        loop->deferred(loop->deferred_arg);
    }
    loop->deferred = function;
    loop->deferred_arg = arg;
}

/* Take back a call of green_loop_defer that was not made yet. */
static inline void
green_loop_undefer(LoopObject *loop, void (*function)(void *), const void *arg)
{
    if (loop->deferred == function && loop->deferred_arg == arg) {
        loop->deferred = NULL;
    }
}

/* Put a node at the head of the queue, wherever it was queued. */
void green_ready_push_front(LoopObject *loop, green_ready *ready);

/* Queue a node behind all that is ready, and behind all that those make ready in turn, but ahead of
   what the next poll finds. A node that is queued already keeps its place. */
void green_ready_push_later(LoopObject *loop, green_ready *ready);

/* A turn may run no Python code, so an object that it gives up is kept as the loop's trash. The
   greenlet that arrives next drops it by this call, which leaves the current exception alone. */
void green_loop_drop_trash(LoopObject *loop);

/* Whether there is trash already. */
static inline bool
green_loop_has_trash(const LoopObject *loop)
{
    return loop->trash != NULL;
}

/* Make `object` (stolen) the trash. There must be none. */
static inline void
green_loop_put_trash(LoopObject *loop, PyObject *object)
{
    assert(loop->trash == NULL);
    loop->trash = object;
}

/* The number of turns of all loops, from 1. Who notes it, and finds the same number later, knows
   that nobody has blocked since. */
extern uint64_t green_turns;

/* Find who runs next: take turns from the queue until one names a greenlet (borrowed), for which
   the thread's value or exception is set. NULL, with nothing set: the hub has to run, because the
   queue is empty, its head needs the hub's stack, or it is time to poll. */
GreenletObject *green_loop_next(LoopObject *loop);

/* Run until nothing is left that could make anything ready (0), break_() (1), or for one iteration
   (once, nowait: 1 when there is more to come). -1 with an exception. */
int green_loop_run(LoopObject *loop, bool nowait, bool once);

/* Report the current exception, raised in `context` (borrowed, may be NULL), to the hub's
   handle_error and clear it. */
void green_loop_handle_error(LoopObject *loop, PyObject *context);

/* A new loop, which does not run yet. New reference. */
LoopObject *green_loop_new(PyTypeObject *type, bool is_default);

/* Destroy the loop: stop its watchers, give up what is queued, close its descriptors. Destroying it
   again does nothing. Must not be called while the loop polls. May run Python code. */
void green_loop_destroy(LoopObject *loop);

/* Give up all that is queued in the loop. */
void green_loop_drop_ready(LoopObject *loop);

/* In a forked child: give the loop a poller of its own, and queue its fork watchers. 0, or -1 with
   an exception. */
int green_loop_forked(LoopObject *loop);

/* In a forked child: the loop becomes a destroyed one, but its descriptors are left alone. */
void green_loop_abandon(LoopObject *loop);

/* In a forked child: give up turns, timers and descriptors of greenlets that are `stale`. */
void green_loop_prune(LoopObject *loop, bool (*stale)(const GreenletObject *));

extern green_link green_loops; /* all not destroyed */

int green_loop_exec(PyObject *module);
int green_loop_type_exec(PyObject *module);

#endif
