/* The members of a linkable's list: clients, which are parked greenlets and sleeping threads, and
   observers, which are called. */
#ifndef GREEN_SYNC_OBSERVER_H
#define GREEN_SYNC_OBSERVER_H

#include "sync/client.h"

/* Every member of a linkable's list begins like this: green_client and green_observer do. */
typedef struct green_linked {
    green_link link;
    green_ready ready;
} green_linked;

/* A member of the list that is no client: `call` is called once at its turn, when the member is
   unlinked already. It must leave no exception; `object` is the linkable's. With on_hub it may run
   Python code; without, it may be called on every stack, and may run none. It returns who is to run
   now (borrowed; the thread's value is set for it), or NULL. */
typedef struct green_observer {
    green_link link;
    green_ready ready; /* never queued; its kind tells observers from clients */
    GreenletObject *(*call)(struct green_observer *observer, PyObject *object);
    LoopObject *loop; /* where it is to be called, borrowed from its owner; NULL: anywhere */
} green_observer;

void green_observer_init(green_observer *observer,
                         GreenletObject *(*call)(green_observer *, PyObject *), bool on_hub,
                         LoopObject *loop);

/* These kinds mark a member of the list as an observer. Its node is never queued, so they have no
   turn. */
extern const green_ready_kind green_observer_anywhere;
extern const green_ready_kind green_observer_on_hub;

/* Returns the observer that a member of a list is, or NULL for a client. */
static inline green_observer *
green_link_observer(green_link *link)
{
    const green_ready_kind *kind = ((green_linked *)link)->ready.kind;
    bool observes = kind == &green_observer_anywhere || kind == &green_observer_on_hub;
    return observes ? (green_observer *)link : NULL;
}

#endif
