/* The raw greenlet: a Python call with a machine stack of its own, and the switch between two. */
#ifndef GREEN_GREENLET_GREENLET_H
#define GREEN_GREENLET_GREENLET_H

#include <Python.h>
#include "greenlet/flow.h"
#include "greenlet/ready.h"
#include "greenlet/thread.h"

typedef enum {
    GREEN_UNSTARTED = 0, /* no stack yet */
    GREEN_ACTIVE,        /* running, or parked on its own stack */
    GREEN_DEAD,          /* ran to its end, or was killed before it began */
} green_status;

struct GreenletObject;

/* What greenlets of one kind do. */
typedef struct green_greenlet_kind {
    /* Called on its own stack: returns the result (new reference), or NULL with an exception set.
     */
    PyObject *(*body)(struct GreenletObject *self);
    /* A queued start failed for want of memory. The exception is set; takes it. NULL: the hub
       reports it, and the greenlet stays unstarted. */
    void (*unborn)(struct GreenletObject *self);
    bool calls_run; /* the body calls run(*args, **kwargs), with what the first switch hands over */
    bool catches;   /* the body is called with what was thrown before it began, too: a hub's */
} green_greenlet_kind;

typedef struct GreenletObject {
    PyObject_HEAD
    PyObject *weakrefs; /* these two where greenlet's public header has them */
    PyObject *dict;
    struct GreenletObject *parent; /* owned; NULL for a main greenlet only */
    const green_greenlet_kind *kind;
    PyObject *run;        /* owned; what is called; NULL when dead */
    PyObject *leftover;   /* owned; `run` until the attribute gave another, dropped at start; of a
                             dead one what could not be dropped before */
    PyObject *args;       /* owned; for run; a tuple (but see TaskObject), or NULL for none */
    PyObject *kwargs;     /* owned; for run; a dict, or NULL for none */
    green_thread *thread; /* where it was started, kept by a reference; NULL: unstarted */
    green_flow *flow;     /* NULL: unstarted or dead */
    uint32_t stack_kib;   /* wanted size, KiB; 0: by policy */
    uint8_t status;       /* green_status */
    uint8_t is_main;
    uint8_t run_found; /* unstarted: `run` is what the attribute of that name gave */
    uint8_t rest;      /* looks of green_trim since it last ran, 2 at most */
    uint32_t epoch;    /* in which it started or last went to the hub: green_greenlet_stale */
    green_ready ready; /* its start, or the wake-up of sleep(0): never both */
    struct green_local *locals; /* what objects keep for it; see locals.h */
    PyObject *context;          /* owned; its context, while it doesn't run; may be NULL */
} GreenletObject;

extern PyTypeObject *Greenlet_Type;      /* greenlet.greenlet; subclassed by Task and Hub */
extern PyObject *green_exc_GreenletExit; /* BaseException subclass */
extern PyObject *green_exc_error;        /* greenlet.error */

#define Greenlet_Check(op) PyObject_TypeCheck((op), Greenlet_Type)

/* The running greenlet of this thread: borrowed. NULL: MemoryError is set. */
static inline GreenletObject *
green_greenlet_current(void)
{
    green_thread *thread = green_thread_get();
    return thread == NULL ? NULL : thread->current;
}

/* A new unstarted greenlet of `type` (Greenlet_Type or a subtype), with `parent`. All arguments are
   borrowed; run, args, kwargs may be NULL. The fast constructor that calls no tp_init. */
GreenletObject *green_greenlet_new(PyTypeObject *type, PyObject *run, PyObject *args,
                                   PyObject *kwargs, GreenletObject *parent);

/* The main greenlet of a thread that is being made. */
GreenletObject *green_greenlet_new_main(green_thread *thread);

/* What Python's switch() does: checks the thread, walks up from dead greenlets to a parent alive,
   starts the unstarted (one without args is called with the value). Steals value. Returns what the
   next switch back hands over (new reference), or NULL with an exception. */
PyObject *green_greenlet_switch(GreenletObject *target, PyObject *value);

/* The same, raising `exception` (stolen, an exception object) there. */
PyObject *green_greenlet_throw(GreenletObject *target, PyObject *exception);

/* Give an unstarted greenlet its stack, so that a transfer to it cannot fail. -1: MemoryError. */
int green_greenlet_begin(green_thread *thread, GreenletObject *target);

/* The hub's short way: `target` is alive and of this thread, or unstarted with args and kwargs set;
   thread->value or thread->exception is set. Returns as green_greenlet_switch does. target ==
   current returns at once. */
PyObject *green_greenlet_transfer(green_thread *thread, GreenletObject *target);

/* Throw GreenletExit into a parked greenlet that nobody refers to any more, from the greenlet that
   dropped it; leaves no exception. False: it could not be done, and `g` stays as it is. */
bool green_greenlet_kill(GreenletObject *g);

/* For a subtype's dealloc, untracked, before it gives up its own fields: kill it if it is parked.
   True: it lives on, and is tracked again. */
bool green_greenlet_survives(GreenletObject *g);

/* Make it what zeroed memory would be. */
static inline void
green_greenlet_blank(GreenletObject *g)
{
    g->weakrefs = NULL;
    g->dict = NULL;
    g->parent = NULL;
    g->run = NULL;
    g->leftover = NULL;
    g->args = NULL;
    g->kwargs = NULL;
    g->kind = NULL;
    g->thread = NULL;
    g->flow = NULL;
    g->stack_kib = 0;
    g->status = GREEN_UNSTARTED;
    g->is_main = 0;
    g->run_found = 0;
    g->locals = NULL;
    g->context = NULL;
}

/* The stack of one that is alive; NULL of a main greenlet, which has the thread's own. */
static inline green_stack *
green_greenlet_stack(const GreenletObject *g)
{
    return g->is_main ? NULL : (green_stack *)((char *)g->flow + GREEN_FLOW_ROOM);
}

/* The greenlet to run when `target` is switched to: itself, or the first parent that is not dead.
   Borrowed; NULL with greenlet.error where it can't run in `thread`. */
GreenletObject *green_greenlet_resolve(green_thread *thread, GreenletObject *target);

/* Whether it is known what a start would call. */
static inline bool
green_greenlet_prepared(const GreenletObject *g)
{
    return g->status != GREEN_UNSTARTED || !g->kind->calls_run || g->run_found ||
           (g->run != NULL && Py_IS_TYPE((PyObject *)g, Greenlet_Type));
}

/* Make it known, from the attribute `run`. May run Python code, which may start or kill `g`:
   resolve again. 0 or -1. */
int green_greenlet_prepare(GreenletObject *g);

static inline bool
green_greenlet_alive(const GreenletObject *g)
{
    return g->status == GREEN_ACTIVE;
}

/* Whether it was started in a thread that has exited: it can never run again. */
static inline bool
green_greenlet_stranded(const GreenletObject *g)
{
    return g->thread != NULL && g->thread->tstate == NULL;
}

/* Whether it belongs to the parent process, and must not go on in this forked child. Asked of one
   that is parked in the hub. */
static inline bool
green_greenlet_stale(const GreenletObject *g)
{
    return g->epoch != green_epoch;
}

extern Py_ssize_t green_greenlet_mains; /* main greenlets that exist */

int green_greenlet_exec(PyObject *module);
int green_greenlet_type_exec(PyObject *module);

#endif
