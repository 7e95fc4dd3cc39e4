#include "loop/signals.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/poll.h"

/* What the handler knows of a loop. A listener is never freed, since the handler may be looking at
   it. It is used again for another loop. */
typedef struct green_listener {
    green_part part;
    atomic_int wake_fd;             /* the loop's eventfd; -1: no loop has the listener */
    atomic_uint_least64_t wanted;   /* a bit for each signal that the loop wants, from 1 on */
    atomic_uint_least64_t happened; /* those that came since the last look */
    green_link signals;             /* the loop's interests: green_signal */
    struct green_listener *next;
} green_listener;

static _Atomic(green_listener *) listeners;
static atomic_int handling; /* how many calls of the handler are under way */

static struct {
    unsigned interests;
    struct sigaction before;
} installed[NSIG];

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
                /* The eventfd is full, so the loop wakes anyway. */
            }
        }
    }
    atomic_fetch_sub(&handling, 1);
    errno = saved;
}

static const green_part_kind listener_kind;

/* Returns the poll's listener, or makes it one. NULL with an exception. */
static green_listener *
listener_get(green_poll *poll)
{
    green_part *part = poll->parts[GREEN_SIGNALS];
    if (part != NULL) {
        return GREEN_CONTAINER(part, green_listener, part);
    }
    green_listener *l = atomic_load(&listeners);
    while (l != NULL && atomic_load(&l->wake_fd) >= 0) {
        l = l->next;
    }
    if (l == NULL) {
        l = calloc(1, sizeof(*l));
        if (l == NULL) {
            PyErr_NoMemory();
            return NULL;
        }
        l->part.kind = &listener_kind;
        green_list_init(&l->signals);
        l->next = atomic_load(&listeners); /* the interpreter lock keeps others from adding */
        atomic_store(&l->wake_fd, poll->wake_fd);
        atomic_store(&listeners, l);
    }
    atomic_store(&l->wake_fd, poll->wake_fd);
    poll->parts[GREEN_SIGNALS] = &l->part;
    return l;
}

int
green_signal_start(LoopObject *loop, green_signal *self)
{
    green_listener *l = listener_get(loop->poll);
    if (l == NULL) {
        return -1;
    }
    int number = self->number;
    struct sigaction action = {.sa_handler = signals_handler, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask);
    if (installed[number].interests == 0 &&
        sigaction(number, &action, &installed[number].before) < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    installed[number].interests++;
    self->listener = l;
    green_list_append(&l->signals, &self->link);
    atomic_fetch_or(&l->wanted, signal_bit(number));
    return 0;
}

static void
signal_uninstall(int number)
{
    if (--installed[number].interests == 0) {
        /* The former handler is put back only where nobody has changed it meanwhile. */
        struct sigaction now;
        sigaction(number, NULL, &now);
        if (now.sa_handler == signals_handler) {
            sigaction(number, &installed[number].before, NULL);
        }
    }
}

void
green_signal_stop(green_signal *self)
{
    green_listener *l = self->listener;
    if (l == NULL) {
        return;
    }
    self->listener = NULL;
    green_list_remove(&self->link);
    uint64_t wanted = 0;
    for (green_link *link = l->signals.next; link != &l->signals; link = link->next) {
        wanted |= signal_bit(GREEN_CONTAINER(link, green_signal, link)->number);
    }
    atomic_store(&l->wanted, wanted);
    signal_uninstall(self->number);
}

void
green_signals_forked(void)
{
    atomic_store(&handling, 0);
}

/* ---- what befalls the poll ---- */

static void
listener_woken(green_part *part)
{
    green_listener *l = GREEN_CONTAINER(part, green_listener, part);
    uint64_t happened = atomic_load(&l->happened) != 0 ? atomic_exchange(&l->happened, 0) : 0;
    if (happened == 0) {
        return;
    }
    for (green_link *link = l->signals.next; link != &l->signals; link = link->next) {
        green_signal *signal = GREEN_CONTAINER(link, green_signal, link);
        if (happened & signal_bit(signal->number)) {
            signal->fire(signal);
        }
    }
}

/* What came before the fork is the parent's. */
static int
listener_forked(green_part *part)
{
    atomic_store(&GREEN_CONTAINER(part, green_listener, part)->happened, 0);
    return 0;
}

/* The eventfd is about to be closed, and must not be written to afterwards. */
static void
listener_closed(green_part *part, bool Py_UNUSED(lost))
{
    green_listener *l = GREEN_CONTAINER(part, green_listener, part);
    while (!green_list_empty(&l->signals)) {
        green_signal_stop(GREEN_CONTAINER(l->signals.next, green_signal, link));
    }
    atomic_store(&l->happened, 0);
    while (atomic_load(&handling) > 0) {
        sched_yield();
    }
    atomic_store(&l->wake_fd, -1);
}

static const green_part_kind listener_kind = {
    .woken = listener_woken, .forked = listener_forked, .closed = listener_closed};
