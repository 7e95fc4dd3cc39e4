/* One who waits for an object of this layer: a parked greenlet, or a native thread without a hub,
   which sleeps on a lock. It lives on its own stack, linked into the object's list, until it is
   served: the one who serves it says with what. */
#ifndef GREEN_SYNC_CLIENT_H
#define GREEN_SYNC_CLIENT_H

#include <Python.h>
#include "hub/hub.h"
#include "hub/wait.h"
#include "loop/loop.h"

typedef struct green_client {
    green_waiter waiter;     /* its link is the client's; waiter.loop is NULL for a native thread */
    PyThread_type_lock lock; /* the native thread's */
    unsigned forks;          /* green_forks when it began to wait */
    bool served;
} green_client;

/* Notes which threads use an object. */
typedef struct green_usage {
    uintptr_t last; /* the address of the last user's green_thread_self, which is only compared;
                       bit 0: several threads have used it; 0: none has yet */
} green_usage;

/* Whether several threads have used the object. Another thread may then end a wait for it, so a
   greenlet that waits for ever gets no LoopExit. */
static inline bool
green_usage_shared(const green_usage *usage)
{
    return usage->last & 1;
}

/* Whether the running thread was the last to use it. */
static inline bool
green_usage_here(const green_usage *usage)
{
    return (usage->last & ~(uintptr_t)1) == (uintptr_t)&green_thread_self;
}

static inline void
green_usage_note(green_usage *usage)
{
    if (!green_usage_here(usage)) {
        usage->last = (uintptr_t)&green_thread_self | (usage->last != 0);
    }
}

/* Returns the loop of the running thread's hub, borrowed; NULL without one. */
static inline LoopObject *
green_loop_here(void)
{
    HubObject *hub = green_hub_peek();
    return hub == NULL ? NULL : hub->loop;
}

/* Whether the running greenlet is the hub, which must not wait. */
static inline bool
green_in_hub(void)
{
    green_thread *thread = green_thread_self;
    return thread != NULL && thread->hub != NULL && (PyObject *)thread->current == thread->hub;
}

static inline green_client *
green_client_from(green_link *link)
{
    return GREEN_CONTAINER(link, green_client, waiter.link);
}

/* Whether this is the ready node of a native thread's client. */
bool green_client_native(const green_ready *ready);

/* Join `list` and wait to be served, at most `seconds` (negative: for ever). Returns GREEN_WOKEN
   when served and nothing was raised here; GREEN_TIMED_OUT; or -1 with an exception. With the last
   two client->served tells whether it was served in vain, which must then be undone. `object` is
   what is waited for, kept by the caller. */
int green_client_wait(green_client *client, green_link *list, green_usage *usage, double seconds,
                      const char *verb, PyObject *object);

/* Serve the client: unlink it, and let it run behind what is ready on its loop. Any thread may call
   this. */
void green_client_serve(green_client *client);

/* Whether the client's thread has ended, or its greenlet is stale. Such a client must not be
   served, only unlinked. */
bool green_client_gone(const green_client *client);

/* Whether the running loop may switch to the client. */
static inline bool
green_client_here(const green_client *client, const LoopObject *here)
{
    return client->waiter.loop == here && here != NULL;
}

/* In a turn of the client's own loop: serve it as the next one; or at once, where the turn returns
   what green_client_turn returns. */
static inline void
green_client_serve_next(green_client *client)
{
    client->served = true;
    green_wake_next(&client->waiter);
}

static inline GreenletObject *
green_client_turn(green_client *client)
{
    client->served = true;
    return green_wake_now(&client->waiter);
}

/* Count the clients in a list that has nothing else, or return a new list of their greenlets (None:
   a thread without a hub). */
Py_ssize_t green_clients_count(const green_link *list);
PyObject *green_clients_list(const green_link *list);

/* Returns the first client that is not gone, in a list that has nothing but clients; NULL: there is
   none. Those before it, which are gone, are unlinked. `here` is green_loop_here(). */
static inline green_client *
green_clients_first(green_link *list, const LoopObject *here)
{
    while (!green_list_empty(list)) {
        green_client *client = green_client_from(list->next);
        bool lives =
            green_client_here(client, here)
                ? !green_loop_destroyed(here) && !green_greenlet_stale(client->waiter.greenlet)
                : !green_client_gone(client);
        if (lives) {
            return client;
        }
        green_list_remove(list->next);
    }
    return NULL;
}

#endif
