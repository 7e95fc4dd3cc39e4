/* The hub: the greenlet that runs the loop while all others wait, and their parent. */
#ifndef GREEN_HUB_HUB_H
#define GREEN_HUB_HUB_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "loop/errors.h"
#include "loop/loop.h"

typedef struct HubObject {
    GreenletObject base;
    LoopObject *loop; /* owned; NULL once the hub is destroyed */
    PyObject
        *stand_in; /* owned; a program's object in the loop's place, or NULL: run() is its own */
    unsigned int switch_tag; /* type version for which `switch` was last looked up */
    bool switch_replaced;
    bool switch_own; /* the object has an attribute `switch` of its own */
} HubObject;

extern PyTypeObject *Hub_Type;

/* What green_hub_get does where the thread has no hub, or one that was destroyed. */
HubObject *green_hub_renew(void);

/* Returns this thread's hub, which is made on first use by the default hub class. Borrowed; NULL
   with an exception. */
static inline HubObject *
green_hub_get(void)
{
    green_thread *thread = green_thread_self;
    HubObject *hub = thread == NULL ? NULL : (HubObject *)thread->hub;
    return __builtin_expect(hub != NULL && hub->loop != NULL, 1) ? hub : green_hub_renew();
}

/* Returns this thread's hub, or NULL without an exception. Borrowed. */
static inline HubObject *
green_hub_peek(void)
{
    green_thread *thread = green_thread_self;
    return thread == NULL ? NULL : (HubObject *)thread->hub;
}

/* Called by who arrives from a switch: drops the trash that a turn has left in the loop. */
static inline void
green_hub_drop_trash(void)
{
    const HubObject *hub = green_hub_peek();
    if (__builtin_expect(hub != NULL && hub->loop != NULL && green_loop_has_trash(hub->loop), 0)) {
        green_loop_drop_trash(hub->loop);
    }
}

/* Sets BlockingSwitchOutError, for a greenlet that may not wait: in a section that forbids
   switches, or the hub itself. */
void green_hub_refuse(const green_thread *thread);

/* Leaves the running greenlet for whoever is next. Returns what the switch back hands over; NULL
   with an exception. The caller then unlinks what it waited with, and calls green_hub_drop_trash.
   This must not be called where switches are forbidden: whoever is next would lose the turn. */
PyObject *green_hub_switch(HubObject *hub);

/* green_thread.next: returns who runs when a greenlet has ended that had the hub for its parent.
   Borrowed. */
GreenletObject *green_hub_next(green_thread *thread);

/* Queues the start of an unstarted greenlet, in which args and kwargs are set. The queue owns a
   reference until the greenlet runs. */
void green_hub_start(HubObject *hub, GreenletObject *g);

/* Takes a queued start back. Does nothing when its turn has come. */
void green_hub_unstart(GreenletObject *g);

/* A hub's body, and Hub.run(): hub_run.c. */
PyObject *green_hub_body(GreenletObject *self);
PyObject *green_hub_run(HubObject *self, PyObject *ignored);

int green_hub_exec(PyObject *module);
int green_hub_thread_exec(PyObject *module);

#endif
