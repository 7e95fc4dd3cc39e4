/* Spares: dead objects of exactly one greenlet type are handed out again, so that a spawn allocates
   nothing. */
#ifndef GREEN_GREENLET_SPARE_H
#define GREEN_GREENLET_SPARE_H

#include <Python.h>
#include "greenlet/greenlet.h"

#define GREEN_SPARES_MAX 256

typedef struct green_spares {
    GreenletObject *first; /* linked through `parent` */
    int count;
} green_spares;

/* Returns a spare as a new object, untracked (new reference), or NULL without an exception where
   there is none. The fields of GreenletObject are blank; those that a subtype adds are as its
   dealloc left them. */
static inline GreenletObject *
green_spares_take(green_spares *spares, PyTypeObject *type)
{
    GreenletObject *g = spares->first;
    if (g == NULL) {
        return NULL;
    }
    spares->first = g->parent;
    spares->count--;
    PyObject_Init((PyObject *)g, type);
    green_greenlet_blank(g);
    return g;
}

/* Keep an object that its dealloc has done with. Returns false where the dealloc has to free it. */
static inline bool
green_spares_put(green_spares *spares, GreenletObject *g)
{
    if (spares->count >= GREEN_SPARES_MAX || PyObject_GC_IsFinalized((PyObject *)g)) {
        return false;
    }
    g->parent = spares->first;
    spares->first = g;
    spares->count++;
    return true;
}

#endif
