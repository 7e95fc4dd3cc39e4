/* The raw greenlet: a Python call with a machine stack of its own, and the switch between two. */
#ifndef GREEN_GREENLET_GREENLET_H
#define GREEN_GREENLET_GREENLET_H

#include <Python.h>
#include "greenlet/pystate.h"
#include "greenlet/ready.h"
#include "greenlet/thread.h"
#include "switch/stack.h"

typedef enum {
    GREEN_UNSTARTED = 0, /* no stack yet */
    GREEN_ACTIVE,        /* running, or parked on its own stack */
    GREEN_DEAD,          /* ran to its end, or was killed before it began */
} green_status;

struct GreenletObject;

/* The C body of a greenlet, called on its own stack: returns the result (new reference), or NULL
   with an exception set. The raw greenlet's calls run(*args, **kwargs). */
typedef PyObject *(*green_body)(struct GreenletObject *self);

typedef struct GreenletObject {
    PyObject_HEAD
    PyObject *dict;
    PyObject *weakrefs;
    struct GreenletObject *parent; /* owned; NULL for a main greenlet only */
    PyObject *run;                 /* owned; NULL once started */
    PyObject *args;                /* owned; for run; a tuple, or NULL for none */
    PyObject *kwargs;              /* owned; for run; a dict, or NULL for none */
    green_body body;
    green_thread *thread; /* borrowed; NULL before the first start and after the thread's end */
    void *sp;             /* of a parked greenlet */
    green_stack *stack;   /* NULL: unstarted, dead, or a main greenlet (the thread's own stack) */
    uint32_t stack_kib;   /* wanted size, KiB; 0: by policy */
    uint8_t status;       /* green_status */
    uint8_t is_main;
    green_ready ready;             /* its start, or the wake-up of sleep(0): never both */
    struct green_waiter *waiting;  /* the wait it is parked in, borrowed from its stack; or NULL */
    green_pystate state;           /* while it doesn't run */
} GreenletObject;

extern PyTypeObject *Greenlet_Type;          /* greenlet.greenlet; subclassed by Task and Hub */
extern PyObject *green_exc_GreenletExit;     /* BaseException subclass */
extern PyObject *green_exc_error;            /* greenlet.error */

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

/* What Python's switch() does: checks the thread, walks up from dead greenlets to a parent alive,
   starts the unstarted. Steals value. Returns what the next switch back hands over (new reference), or
   NULL with an exception. */
PyObject *green_greenlet_switch(GreenletObject *target, PyObject *value);

/* The same, raising `exception` (stolen, an exception object) there. */
PyObject *green_greenlet_throw(GreenletObject *target, PyObject *exception);

/* The hub's short way: `target` is alive and of this thread, or unstarted with args and kwargs set;
   thread->value or thread->exception is set. Returns as green_greenlet_switch does. target ==
   current returns at once. */
PyObject *green_greenlet_transfer(green_thread *thread, GreenletObject *target);

static inline bool
green_greenlet_alive(const GreenletObject *g)
{
    return g->status == GREEN_ACTIVE;
}

int green_greenlet_exec(PyObject *module);

#endif
