/* Values that an object keeps for each greenlet, as greencore.local does. The object owns them;
   they go when it goes, or when the greenlet ends. */
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
    struct green_local **at;  /* what points here in that list */
    struct green_local_owner *owner;
    struct GreenletObject *greenlet; /* borrowed: it unlinks this before it goes */
    PyObject *value;                 /* owned */
} green_local;

typedef struct green_local_owner {
    green_link locals;
    struct GreenletObject *recent; /* who asked last, and what it got; both borrowed, or NULL */
    PyObject *recent_value;
} green_local_owner;

void green_local_owner_init(green_local_owner *owner);

/* The value for a greenlet, borrowed; NULL without an exception where there is none. */
PyObject *green_local_find(green_local_owner *owner, struct GreenletObject *greenlet);

static inline PyObject *
green_local_get(green_local_owner *owner, struct GreenletObject *greenlet)
{
    return owner->recent == greenlet ? owner->recent_value : green_local_find(owner, greenlet);
}

/* Set or replace it. 0, or -1 with MemoryError. */
int green_local_set(green_local_owner *owner, struct GreenletObject *greenlet, PyObject *value);

/* Drop it, if there is one. */
void green_local_drop(green_local_owner *owner, struct GreenletObject *greenlet);

/* For the owner's tp_traverse and tp_clear. */
int green_locals_traverse(green_local_owner *owner, visitproc visit, void *arg);
void green_locals_drop_all(green_local_owner *owner);

/* The greenlet ends: drop what is kept for it. May run Python code, and what that makes it keep
   anew stays. */
void green_locals_end(struct GreenletObject *greenlet);

#endif
