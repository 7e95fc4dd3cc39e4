/* The greenlet: a Python call with a machine stack of its own, and the switch between two. */
#ifndef GREEN_GREENLET_GREENLET_H
#define GREEN_GREENLET_GREENLET_H

#include <Python.h>
#include "greenlet/flow.h"
#include "greenlet/ready.h"
#include "greenlet/thread.h"

typedef enum {
    GREEN_UNSTARTED = 0, /* no stack yet */
    GREEN_ACTIVE,        /* running or parked */
    GREEN_DEAD,          /* ran to its end, or was killed before it began */
} green_status;

struct GreenletObject;

/* How greenlets of one kind run. */
typedef struct green_greenlet_kind {
    /* Does the work of the greenlet, on its own stack. Returns the result (new reference), or NULL
       with an exception set. */
    PyObject *(*body)(struct GreenletObject *self);
    /* Called with the exception set, which it takes, when a queued start has failed for want of
       memory. NULL: the hub reports the exception, and the greenlet stays unstarted. */
    void (*unborn)(struct GreenletObject *self);
    bool calls_run; /* the body calls run(*args, **kwargs), whose arguments the first switch may
                       hand over */
    bool catches; /* the body is called, with the exception set, even when something was thrown into
                     the greenlet before it began: only a hub's is */
} green_greenlet_kind;

typedef struct GreenletObject {
    PyObject_HEAD
    PyObject *weakrefs; /* `weakrefs` and `dict` are where greenlet's public header has them */
    PyObject *dict;
    struct GreenletObject *parent; /* owned; NULL: main greenlet, or cleared by the collector */
    const green_greenlet_kind *kind;
    PyObject *run;      /* owned; what the greenlet calls; NULL when it is dead */
    PyObject *leftover; /* owned; what `run` was before the attribute gave another, until the start
                           drops it; of a dead greenlet what could not be dropped before */
    PyObject *args;     /* owned; arguments of `run`, a tuple (but see TaskObject); NULL: none */
    PyObject *kwargs;   /* owned; keywords of `run`, a dict; NULL: none */
    green_thread *thread; /* owned; the thread that it was started in; NULL: unstarted */
    green_flow *flow;     /* NULL: unstarted or dead */
    uint32_t stack_kib;   /* the size of stack that was asked for, KiB; 0: the default */
    uint8_t status;       /* green_status */
    uint8_t is_main;
    uint8_t run_found; /* `run` of an unstarted greenlet is what the attribute of that name gave */
    uint8_t rest;      /* how often green_trim has looked at it since it last ran, 2 at most */
    uint32_t epoch;    /* the epoch in which it started or last went to the hub */
    green_ready ready; /* its place in the ready queue, for its start or for the wake-up of
                          sleep(0), never both */
    struct green_local *locals; /* the values that objects keep for it: locals.h */
    PyObject *context; /* owned; the context of a greenlet that does not run; may be NULL */
} GreenletObject;

extern PyTypeObject *Greenlet_Type;      /* greenlet.greenlet, the base of Greenlet and Hub */
extern PyObject *green_exc_GreenletExit; /* BaseException subclass */
extern PyObject *green_exc_error;        /* greenlet.error */

#define Greenlet_Check(op) PyObject_TypeCheck((op), Greenlet_Type)

/* Returns the greenlet that runs in this thread (borrowed), or NULL with MemoryError. */
static inline GreenletObject *
green_greenlet_current(void)
{
    green_thread *thread = green_thread_get();
    return thread == NULL ? NULL : thread->current;
}

/* Make an unstarted greenlet of `type` (Greenlet_Type or a subtype), with `parent`. All arguments
   are borrowed; `run`, `args` and `kwargs` may be NULL. This is the fast constructor, which calls
   no tp_init. New reference, or NULL with an exception. */
GreenletObject *green_greenlet_new(PyTypeObject *type, PyObject *run, PyObject *args,
                                   PyObject *kwargs, GreenletObject *parent);

/* Make the main greenlet of `thread`, which is itself being made. New reference, or NULL with an
   exception. */
GreenletObject *green_greenlet_new_main(green_thread *thread);

/* Do what Python's switch() does: check the thread, walk up from a dead greenlet to the first
   parent that is not, start it if it is unstarted (one without arguments is called with `value`),
   and switch to it. Steals `value`. Returns what the next switch back hands over (new reference),
   or NULL with an exception. */
PyObject *green_greenlet_switch(GreenletObject *target, PyObject *value);

/* As green_greenlet_switch, but raise `exception` (stolen, an exception object) in the target. */
PyObject *green_greenlet_throw(GreenletObject *target, PyObject *exception);

/* Give an unstarted greenlet its stack, so that a transfer to it cannot fail. 0, or -1 with
   MemoryError. */
int green_greenlet_begin(green_thread *thread, GreenletObject *target);

/* The hub's short way to switch: the caller has seen to it that `target` is alive and of this
   thread, or unstarted with `args` and `kwargs` set, and has set thread->value or
   thread->exception. Returns as green_greenlet_switch does; at once where `target` is the running
   greenlet. */
PyObject *green_greenlet_transfer(green_thread *thread, GreenletObject *target);

/* Throw GreenletExit into `g`, a parked greenlet that nobody refers to any more. The running
   greenlet, which has dropped it, goes on when `g` has ended. Leaves no exception. Returns false
   where this could not be done; `g` stays as it is then. */
bool green_greenlet_kill(GreenletObject *g);

/* Called by the dealloc of a subtype, with `g` untracked, before it gives up its own fields. Kills
   `g` if it is parked. Returns true where `g` lives on: it is tracked again, and the dealloc must
   leave it alone. */
bool green_greenlet_survives(GreenletObject *g);

/* Set the fields to what zeroed memory would have. `rest`, `epoch` and `ready` are left out, since
   they are always set before they are read. */
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

/* Returns the stack of a greenlet that is alive (borrowed), or NULL for a main greenlet, which runs
   on the native thread's stack. */
static inline green_stack *
green_greenlet_stack(const GreenletObject *g)
{
    return g->is_main ? NULL : (green_stack *)((char *)g->flow + GREEN_FLOW_ROOM);
}

/* Returns the greenlet that runs when `target` is switched to: `target` itself, or its first parent
   that is not dead. Borrowed; NULL with greenlet.error where it cannot run in `thread`. */
GreenletObject *green_greenlet_resolve(green_thread *thread, GreenletObject *target);

/* Whether `g` has been started, or it is known what its start will call. */
static inline bool
green_greenlet_prepared(const GreenletObject *g)
{
    return g->status != GREEN_UNSTARTED || !g->kind->calls_run || g->run_found ||
           (g->run != NULL && Py_IS_TYPE((PyObject *)g, Greenlet_Type));
}

/* Find what the start of `g` will call: the value of its attribute `run`. This may run Python code,
   which may start or kill `g`, so the caller has to resolve again. 0, or -1 with an exception. */
int green_greenlet_prepare(GreenletObject *g);

static inline bool
green_greenlet_alive(const GreenletObject *g)
{
    return g->status == GREEN_ACTIVE;
}

/* Whether `g` was started in a thread that has exited, so that it can never run again. */
static inline bool
green_greenlet_stranded(const GreenletObject *g)
{
    return g->thread != NULL && g->thread->tstate == NULL;
}

/* Whether `g`, which is parked in the hub, belongs to the parent process and must not go on in this
   forked child. */
static inline bool
green_greenlet_stale(const GreenletObject *g)
{
    return g->epoch != green_epoch;
}

extern Py_ssize_t green_greenlet_mains; /* how many main greenlets exist */

int green_greenlet_exec(PyObject *module);
int green_greenlet_type_exec(PyObject *module);

#endif
