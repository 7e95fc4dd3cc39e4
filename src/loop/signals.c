#include "loop/signals.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/poll.h"

typedef struct green_listener green_listener;

struct green_signal {
    green_link link; /* among those of its loop */
    green_listener *listener;
    WatcherObject *watcher; /* borrowed */
    int signalnum;
};

/* What the handler knows of a loop. Never freed, since it may be looking, but used again. */
struct green_listener {
    atomic_int wake_fd;             /* -1: no loop's */
    atomic_uint_least64_t wanted;   /* a bit for each signal, from signal 1 on */
    atomic_uint_least64_t happened; /* since the last look */
    green_link signals;             /* green_signal */
    struct green_listener *next;
};

static _Atomic(green_listener *) listeners;
static atomic_int handling; /* handlers under way */

static struct {
    unsigned watchers;
    struct sigaction before;
} users[NSIG];

static inline uint64_t
signal_bit(int signalnum)
{
    return (uint64_t)1 << (signalnum - 1);
}

static void
signals_handler(int signalnum)
{
    int saved = errno;
    uint64_t one = 1, bit = signal_bit(signalnum);
    atomic_fetch_add(&handling, 1);
    for (green_listener *l = atomic_load(&listeners); l != NULL; l = l->next) {
        if (atomic_load(&l->wanted) & bit) {
            atomic_fetch_or(&l->happened, bit);
            if (write(atomic_load(&l->wake_fd), &one, sizeof(one)) < 0) {
                /* Full: woken often enough. */
            }
        }
    }
    atomic_fetch_sub(&handling, 1);
    errno = saved;
}

/* The poll's, or a new one for it. NULL with an exception. */
static green_listener *
signals_listener(green_poll *poll)
{
    green_listener *l = poll->listener;
    if (l != NULL) {
        return l;
    }
    for (l = atomic_load(&listeners); l != NULL && atomic_load(&l->wake_fd) >= 0; l = l->next) {
    }
    if (l == NULL) {
        l = calloc(1, sizeof(*l));
        if (l == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        green_list_init(&l->signals);
        l->next = atomic_load(&listeners); /* the interpreter lock keeps others from adding */
        atomic_store(&l->wake_fd, poll->wake_fd);
        atomic_store(&listeners, l);
    }
    atomic_store(&l->wake_fd, poll->wake_fd);
    poll->listener = l;
    return l;
}

green_signal *
green_signal_new(WatcherObject *watcher, int signalnum)
{
    green_listener *l = signals_listener(watcher->loop->poll);
    green_signal *self = l == NULL ? NULL : PyMem_RawCalloc(1, sizeof(*self));
    if (self == NULL) {
        return l == NULL ? NULL : (PyErr_NoMemory(), NULL);
    }
    struct sigaction action = {.sa_handler = signals_handler, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (users[signalnum].watchers == 0 &&
        sigaction(signalnum, &action, &users[signalnum].before) < 0) {
        PyMem_RawFree(self);
        PyErr_SetFromErrno(PyExc_OSError);
        return NULL;
    }
    users[signalnum].watchers++;
    self->listener = l;
    self->watcher = watcher;
    self->signalnum = signalnum;
    green_list_append(&l->signals, &self->link);
    atomic_fetch_or(&l->wanted, signal_bit(signalnum));
    return self;
}

void
green_signal_free(green_signal *self)
{
    int signalnum = self->signalnum;
    green_list_remove(&self->link);
    green_listener *l = self->listener;
    uint64_t wanted = 0;
    for (green_link *link = l->signals.next; link != &l->signals; link = link->next) {
        wanted |= signal_bit(GREEN_CONTAINER(link, green_signal, link)->signalnum);
    }
    atomic_store(&l->wanted, wanted);
    if (--users[signalnum].watchers == 0) {
        /* Only where nobody has changed it meanwhile. */
        struct sigaction now;
        sigaction(signalnum, NULL, &now);
        if (now.sa_handler == signals_handler) {
            sigaction(signalnum, &users[signalnum].before, NULL);
        }
    }
    PyMem_RawFree(self);
}

void
green_signals_fire(green_poll *poll)
{
    green_listener *l = poll->listener;
    uint64_t happened =
        l != NULL && atomic_load(&l->happened) != 0 ? atomic_exchange(&l->happened, 0) : 0;
    if (happened == 0) {
        return;
    }
    for (green_link *link = l->signals.next; link != &l->signals; link = link->next) {
        green_signal *signal = GREEN_CONTAINER(link, green_signal, link);
        if (happened & signal_bit(signal->signalnum)) {
            green_watcher_fire(signal->watcher);
        }
    }
}

void
green_signals_forked(green_poll *poll)
{
    atomic_store(&handling, 0);
    if (poll->listener != NULL) {
        atomic_store(&poll->listener->happened, 0);
    }
}

void
green_signals_leave(green_poll *poll)
{
    green_listener *l = poll->listener;
    if (l != NULL) {
        while (!green_list_empty(&l->signals)) {
            green_list_pop(&l->signals);
        }
        atomic_store(&l->wanted, 0);
        atomic_store(&l->happened, 0);
        while (atomic_load(&handling) > 0) {
            sched_yield();
        }
        poll->listener = NULL;
        atomic_store(&l->wake_fd, -1);
    }
}
