/* The hub: the greenlet that runs the loop while all others wait, and their parent. */
#ifndef GREEN_HUB_HUB_H
#define GREEN_HUB_HUB_H

#include <Python.h>
#include "greenlet/greenlet.h"
#include "loop/errors.h"
#include "loop/loop.h"

typedef struct HubObject {
    GreenletObject base;
    LoopObject *loop; /* owned; NULL once destroyed */
    PyObject
        *stand_in; /* owned; a program's object in the loop's place, or NULL: run() is its own */
    unsigned int switch_tag; /* type version for which `switch` was last looked up */
    bool switch_replaced;
    bool switch_own; /* the object has an attribute `switch` of its own */
} HubObject;

extern PyTypeObject *Hub_Type;

/* green_hub_get where the thread has none, or one whose loop was destroyed. */
HubObject *green_hub_renew(void);

/* This thread's hub, made on first use by the default hub class. Borrowed; NULL with an exception.
 */
static inline HubObject *
green_hub_get(void)
{
    green_thread *thread = green_thread_self;
    HubObject *hub = thread == NULL ? NULL : (HubObject *)thread->hub;
    return __builtin_expect(hub != NULL && hub->loop != NULL, 1) ? hub : green_hub_renew();
}

/* This thread's hub or NULL, without an exception. Borrowed. */
static inline HubObject *
green_hub_peek(void)
{
    green_thread *thread = green_thread_self;
    return thread == NULL ? NULL : (HubObject *)thread->hub;
}

/* Who arrives on a switch drops what the way there has given up: green_loop_drop_trash. */
static inline void
green_hub_drop_trash(void)
{
    const HubObject *hub = green_hub_peek();
    if (__builtin_expect(hub != NULL && hub->loop != NULL && green_loop_has_trash(hub->loop), 0)) {
        green_loop_drop_trash(hub->loop);
    }
}

/* Set BlockingSwitchOutError, for a greenlet that may not wait: in a section that forbids switches,
   or the hub itself. */
void green_hub_refuse(const green_thread *thread);

/* Leave the running greenlet for whoever is next; returns what the switch back hands over. Calls
   for green_hub_drop_trash, once the caller has unlinked what it waited with. To be asked for only
   where switches are not forbidden: who is next would lose the turn. */
PyObject *green_hub_switch(HubObject *hub);

/* green_thread.next: who runs when a greenlet whose parent is the hub has ended. Borrowed. */
GreenletObject *green_hub_next(green_thread *thread);

/* Queue the start of an unstarted greenlet (args and kwargs are set in it). The queue owns a
   reference until it runs. */
void green_hub_start(HubObject *hub, GreenletObject *g);

/* Take a queued start out again; no-op when its turn has come. */
void green_hub_unstart(GreenletObject *g);

/* hub_run.c: a hub's body, and Hub.run(). */
PyObject *green_hub_body(GreenletObject *self);
PyObject *green_hub_run(HubObject *self, PyObject *ignored);

int green_hub_exec(PyObject *module);
int green_hub_thread_exec(PyObject *module);

#endif
