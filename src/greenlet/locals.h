/* Values that an object keeps for each greenlet, as greencore.local does. The object owns them;
   they are dropped when the object is freed, or when the greenlet ends. */
#ifndef GREEN_GREENLET_LOCALS_H
#define GREEN_GREENLET_LOCALS_H

#include <Python.h>
#include "switch/list.h"

struct GreenletObject;
struct green_local_owner;

/* One object's value for one greenlet. */
typedef struct green_local {
    green_link link;          /* among the owner's */
    struct green_local *next; /* among the greenlet's */
    struct green_local **at;  /* what points here in the greenlet's list */
    struct green_local_owner *owner;
    struct GreenletObject *greenlet; /* borrowed; it unlinks this before it is freed */
    PyObject *value;                 /* owned */
} green_local;

typedef struct green_local_owner {
    green_link locals;
    struct GreenletObject *recent; /* who asked last, and its value; both borrowed, or NULL */
    PyObject *recent_value;
} green_local_owner;

void green_local_owner_init(green_local_owner *owner);

/* Returns the value for `greenlet` (borrowed), or NULL without an exception where there is none.
   green_local_get is the short way. */
PyObject *green_local_find(green_local_owner *owner, struct GreenletObject *greenlet);

static inline PyObject *
green_local_get(green_local_owner *owner, struct GreenletObject *greenlet)
{
    return owner->recent == greenlet ? owner->recent_value : green_local_find(owner, greenlet);
}

/* Set or replace the value for `greenlet`. `value` is borrowed. 0, or -1 with MemoryError. */
int green_local_set(green_local_owner *owner, struct GreenletObject *greenlet, PyObject *value);

/* Drop the value for `greenlet`, if there is one. */
void green_local_drop(green_local_owner *owner, struct GreenletObject *greenlet);

/* Visit or drop all values, for the owner's tp_traverse and tp_clear. */
int green_locals_traverse(green_local_owner *owner, visitproc visit, void *arg);
void green_locals_drop_all(green_local_owner *owner);

/* Drop the values that are kept for `greenlet`, which ends. This may run Python code. Only as many
   are dropped as there were at first: where that code sets others, some stay. */
void green_locals_end(struct GreenletObject *greenlet);

#endif
