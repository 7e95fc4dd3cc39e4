/* What each native thread has: its running greenlet, its main greenlet, its hub, and the value that
   a switch in progress hands over. Reached by one thread-local load. */
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

    /* Handed over by a switch; the side that arrives takes it. Exactly one is set during a switch.
       `exception` is an exception object, to be raised on arrival. Both owned. */
    PyObject *value;
    PyObject *exception;

    struct GreenletObject *origin; /* who made the last switch; owned until arrival */
    green_stack *finished;         /* of one who died in the last switch: given back on arrival */

    PyObject *tracer;   /* owned; what settrace set, or NULL */
    unsigned no_switch; /* > 0: switching away is refused (fork handlers) */
    PyObject *hub;      /* owned; a HubObject or NULL. The hub layer's, kept here for speed */

    /* Set by the hub layer: the greenlet to run next when `current` has nothing more to do and its
       parent is the hub; value or exception is set for it. Borrowed. */
    struct GreenletObject *(*next)(struct green_thread *thread);

    /* Set by the hub layer: the thread ends, and can still run Python code. Leaves no exception. */
    void (*leave)(struct green_thread *thread);

    /* Greenlets of this thread whose last reference was dropped where they could not be killed, by
       another thread mostly: killed at the next chance by this thread. A Python list or NULL. */
    PyObject *orphans;
    uint64_t tstate_id;   /* of tstate: unlike its address never used again */
    green_flow main_flow; /* of `main` */
    Py_ssize_t refs;      /* its own life, and one for each greenlet that was started in it */
    green_link link;      /* all threads alive */
} green_thread;

/* Counts forks after which a child goes on without its parent's other greenlets: what was begun in
   an earlier epoch is theirs, and never comes to its turn. */
extern uint32_t green_epoch;

/* How many native threads sleep until this program gives them work: they will wake nobody before.
   Guarded by the interpreter lock. */
extern int green_threads_idle;

#if defined(__GLIBC__)
#define GREEN_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define GREEN_TLS _Thread_local
#endif
extern GREEN_TLS green_thread *green_thread_self;

/* The calling thread's, made on first use. NULL: MemoryError is set. */
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

/* Kill this thread's orphans. May run Python code, and switch. Leaves no exception. */
void green_thread_kill_orphans(green_thread *thread);

/* How many greenlets and threads wait for their end, in all threads. */
Py_ssize_t green_thread_pending_count(void);

int green_thread_exec(PyObject *module);

#endif
