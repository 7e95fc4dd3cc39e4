/* The record of a native thread: its running greenlet, its main greenlet, its hub, and what a
   switch in progress hands over. One thread-local load finds it. */
#ifndef GREEN_GREENLET_THREAD_H
#define GREEN_GREENLET_THREAD_H

#include <Python.h>
#include <stdbool.h>
#include "greenlet/flow.h"
#include "switch/hint.h"
#include "switch/list.h"

struct GreenletObject;

typedef struct green_thread {
    struct GreenletObject *current; /* owned */
    struct GreenletObject *main;    /* owned */
    PyThreadState *tstate;          /* NULL: the thread has exited */

    /* A switch hands these over, and the greenlet that arrives takes them. Exactly one is set
       during a switch. `exception` is an exception object, to be raised on arrival. Both are
       owned. */
    PyObject *value;
    PyObject *exception;

    struct GreenletObject *origin; /* who was left in the last switch; owned until the arrival */
    green_stack *finished; /* the stack of a greenlet that died in the last switch; given back at
                              the arrival */

    PyObject *tracer;   /* owned; what settrace set, or NULL */
    unsigned no_switch; /* > 0: switches are refused, as in fork handlers */
    PyObject *hub;      /* owned; a HubObject or NULL; the hub layer's, and here for speed */

    /* Set by the hub layer. Returns the greenlet (borrowed) that runs next when `current` has
       nothing more to do and its parent is the hub, with `value` or `exception` set for it. */
    struct GreenletObject *(*next)(struct green_thread *thread);

    /* Set by the hub layer. Called when the thread ends, and can still run Python code. Leaves no
       exception. */
    void (*leave)(struct green_thread *thread);

    /* Greenlets of this thread whose last reference was dropped where they could not be killed,
       mostly by another thread. This thread kills them at the next chance. Owned; a Python list or
       NULL. */
    PyObject *orphans;
    uint64_t tstate_id;   /* the number of `tstate`, which unlike its address is never used again */
    green_flow main_flow; /* the flow of `main` */
    Py_ssize_t refs;      /* one for the thread's life, one for each greenlet started in it */
    green_link link;      /* among all threads that are alive */
} green_thread;

/* The number of the epoch: it goes up with each fork after which a child goes on without its
   parent's other greenlets. What was begun in an earlier epoch is theirs, and never comes to its
   turn. */
extern uint32_t green_epoch;

/* How many native threads sleep until this program gives them work, so that they wake nobody
   before. Guarded by the interpreter lock. */
extern int green_threads_idle;

#if defined(__GLIBC__)
#define GREEN_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define GREEN_TLS _Thread_local
#endif
extern GREEN_TLS green_thread *green_thread_self;

/* Returns the record of the calling thread (borrowed), made at its first use, or NULL with an
   exception. green_thread_get is the short way. */
green_thread *green_thread_make(void);

static inline green_thread *
green_thread_get(void)
{
    green_thread *thread = green_thread_self;
    return __builtin_expect(thread != NULL, 1) ? thread : green_thread_make();
}

static inline void
green_thread_incref(green_thread *thread)
{
    thread->refs++;
}

void green_thread_decref(green_thread *thread);

/* Kill the orphans of `thread`, which is the calling one. May run Python code, and switch. Does
   nothing where switches are refused. The exception that is set stays set. */
void green_thread_kill_orphans(green_thread *thread);

/* Returns how many orphans and late records of threads, of all threads, wait for their end. */
Py_ssize_t green_thread_pending_count(void);

int green_thread_exec(PyObject *module);

#endif
