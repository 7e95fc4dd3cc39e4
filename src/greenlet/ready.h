/* The ready node: an entry of a ready queue, for a thing whose turn comes. The queue itself belongs
   to the loop. */
#ifndef GREEN_GREENLET_READY_H
#define GREEN_GREENLET_READY_H

#include <stdbool.h>
#include "switch/list.h"

struct GreenletObject;
struct green_ready;

typedef struct green_ready_kind {
    /* Called when the turn has come; the node is already unlinked. Returns the greenlet to switch
       to (borrowed; the node's owner keeps it alive until it runs) with the thread's `value` or
       `exception` set for it, or NULL when all is done. With `on_hub`, it may run Python code and
       must leave no exception. Without, it may be called on any greenlet's stack, and runs no
       Python code. */
    struct GreenletObject *(*turn)(struct green_ready *ready);
    bool on_hub;
    /* Called when the node, which is already unlinked, will have no turn, as when its loop is
       destroyed: gives up what the queue owned. NULL: the queue owns nothing. */
    void (*drop)(struct green_ready *ready);
    /* Returns whose turn it is, borrowed: a forked child drops the node where this greenlet is
       stale. NULL: the turn is no greenlet's. */
    struct GreenletObject *(*greenlet)(const struct green_ready *ready);
} green_ready_kind;

typedef struct green_ready {
    green_link link; /* a circle of one while the node is not queued */
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

/* Take the node out of the queue, if it is there. What the queue owned is not given up. */
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
