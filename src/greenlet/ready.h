/* A thing whose turn comes: the node of a ready queue. The queue itself belongs to the loop. */
#ifndef GREEN_GREENLET_READY_H
#define GREEN_GREENLET_READY_H

#include <stdbool.h>
#include "switch/list.h"

struct GreenletObject;
struct green_ready;

typedef struct green_ready_kind {
    /* Its turn has come; the node is already unlinked. Returns the greenlet to switch to (borrowed;
       the node's owner keeps it alive until it runs) with the thread's `value` or `exception` set
       for it, or NULL when all is done. An on_hub turn may run Python code and must leave no
       exception; any other may be called on every greenlet's stack and runs no Python code. */
    struct GreenletObject *(*turn)(struct green_ready *ready);
    bool on_hub;
    /* The loop was destroyed with the node queued (it is unlinked already): give up what the queue
       owned. NULL: nothing. */
    void (*drop)(struct green_ready *ready);
    /* Whose turn it is, borrowed: the node is dropped in a forked child where this greenlet is
       stale. NULL: nobody's. */
    struct GreenletObject *(*greenlet)(const struct green_ready *ready);
} green_ready_kind;

typedef struct green_ready {
    green_link link; /* circle of one while not queued */
    const green_ready_kind *kind;
} green_ready;

static inline void
green_ready_init(green_ready *ready, const green_ready_kind *kind)
{
    green_list_init(&ready->link);
    ready->kind = kind;
}

static inline bool
green_ready_queued(const green_ready *ready)
{
    return green_link_linked(&ready->link);
}

/* Harmless when it is not queued. */
static inline void
green_ready_cancel(green_ready *ready)
{
    if (green_ready_queued(ready)) {
        green_list_remove(&ready->link);
    }
}

static inline void
green_ready_drop(green_ready *ready)
{
    if (ready->kind->drop != NULL) {
        ready->kind->drop(ready);
    }
}

#endif
