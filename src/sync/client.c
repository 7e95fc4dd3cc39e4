#include "sync/client.h"

#include <unistd.h>

#include "loop/fork.h"

/* Marks the clients that are native threads. Their nodes are never queued. */
static const green_ready_kind native_kind = {.turn = NULL};

bool
green_client_native(const green_ready *ready)
{
    return ready->kind == &native_kind;
}

GREEN_COLD bool
green_client_gone(const green_client *client)
{
    const green_waiter *waiter = &client->waiter;
    if (waiter->loop == NULL) {
        return client->forks != green_forks;
    }
    const green_thread *thread = waiter->greenlet->thread;
    return green_greenlet_stale(waiter->greenlet) || green_loop_destroyed(waiter->loop) ||
           thread == NULL || thread->tstate == NULL;
}

void
green_client_serve(green_client *client)
{
    client->served = true;
    if (client->waiter.loop != NULL) {
        green_wake(&client->waiter);
    } else {
        green_list_remove(&client->waiter.link);
        PyThread_release_lock(client->lock);
    }
}

/* Sleep on a lock until the client is served, or for `seconds` (negative: for ever). Returns
   GREEN_WOKEN, GREEN_TIMED_OUT, or -1 with an exception, such as one that a signal's handler
   raises. */
GREEN_COLD static int
native_wait(green_client *client, green_link *list, double seconds)
{
    client->lock = PyThread_allocate_lock();
    if (client->lock == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    client->waiter.loop = NULL;
    green_list_init(&client->waiter.link);
    green_ready_init(&client->waiter.ready, &native_kind);
    PyThread_acquire_lock(client->lock, WAIT_LOCK);
    green_list_append(list, &client->waiter.link);

    uint64_t deadline = seconds < 0 ? UINT64_MAX : green_time_after(seconds);
    int status = GREEN_PARKED;
    while (status == GREEN_PARKED) {
        PY_TIMEOUT_T microseconds = -1;
        if (deadline != UINT64_MAX) {
            uint64_t now = green_time_now();
            uint64_t left = deadline > now ? (deadline - now) / 1000 + 1 : 0;
            microseconds = left < (uint64_t)PY_TIMEOUT_MAX ? (PY_TIMEOUT_T)left : PY_TIMEOUT_MAX;
        }
        PyLockStatus locked;
        Py_BEGIN_ALLOW_THREADS;
        locked = PyThread_acquire_lock_timed(client->lock, microseconds, 1);
        Py_END_ALLOW_THREADS;
        if (client->served) {
            status = GREEN_WOKEN;
        } else if (locked == PY_LOCK_INTR && PyErr_CheckSignals() < 0) {
            status = -1;
        } else if (green_time_now() >= deadline) {
            status = GREEN_TIMED_OUT;
        }
    }
    green_list_remove(&client->waiter.link);
    PyThread_free_lock(client->lock);
    return status;
}

/* Whether this thread sleeps on a lock until another thread serves it. Without a hub, which would
   need imports and descriptors, it can do nothing else. The main thread, where it alone uses the
   object, makes a hub all the same: LoopExit tells it then that nobody will serve it. */
static bool
client_sleeps(const green_usage *usage)
{
    return green_hub_peek() == NULL && (green_usage_shared(usage) || getpid() != gettid());
}

/* Another thread may serve the client, so the loop is referenced meanwhile: that nothing is ready
   is no LoopExit then. */
static __attribute__((noinline)) int
client_wait_shared(green_client *client, HubObject *hub, double seconds)
{
    LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)hub->loop);
    green_loop_ref(loop);
    int status = green_wait_in(hub, &client->waiter, seconds);
    green_loop_unref(loop);
    Py_DECREF(loop);
    return status;
}

/* The thread has no hub yet, or one whose loop was destroyed: it sleeps on a lock, or gets a
   hub. */
GREEN_COLD static int
client_wait_first(green_client *client, green_link *list, green_usage *usage, double seconds,
                  const char *verb, PyObject *object)
{
    if (client_sleeps(usage)) {
        return native_wait(client, list, seconds);
    }
    return green_hub_renew() == NULL
               ? -1
               : green_client_wait(client, list, usage, seconds, verb, object);
}

int
green_client_wait(green_client *client, green_link *list, green_usage *usage, double seconds,
                  const char *verb, PyObject *object)
{
    client->served = false;
    client->forks = green_forks;
    green_usage_note(usage);
    HubObject *hub = green_hub_peek();
    if (GREEN_RARELY(hub == NULL || hub->loop == NULL)) {
        return client_wait_first(client, list, usage, seconds, verb, object);
    }
    if (green_waiter_init(&client->waiter, verb, object) < 0) {
        return -1;
    }
    client->waiter.open = true;
    if (seconds == 0) {
        seconds = 1e-9; /* the next poll ends it: all that is ready goes first, as in gevent */
    }
    green_list_append(list, &client->waiter.link);
    return green_usage_shared(usage) || !green_loop_is_default(hub->loop)
               ? client_wait_shared(client, hub, seconds)
               : green_wait_in(hub, &client->waiter, seconds);
}

Py_ssize_t
green_clients_count(const green_link *list)
{
    Py_ssize_t count = 0;
    for (const green_link *link = list->next; link != list; link = link->next) {
        count++;
    }
    return count;
}

PyObject *
green_clients_list(const green_link *list)
{
    PyObject *waiting = PyList_New(0);
    for (green_link *link = list->next; waiting != NULL && link != list; link = link->next) {
        const green_waiter *waiter = &green_client_from(link)->waiter;
        PyObject *who = waiter->loop == NULL ? Py_None : (PyObject *)waiter->greenlet;
        if (PyList_Append(waiting, who) < 0) {
            Py_CLEAR(waiting);
        }
    }
    return waiting;
}
