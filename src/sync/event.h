/* Python objects that can be waited for: AbstractLinkable, which Python classes may extend, and
   Event. */
#ifndef GREEN_SYNC_EVENT_H
#define GREEN_SYNC_EVENT_H

#include <Python.h>
#include "sync/linkable.h"

/* Objects of AbstractLinkable, of its subtypes and of Lock begin like this. */
typedef struct LinkableObject {
    PyObject_HEAD
    PyObject *weakrefs;
    green_linkable linkable;
    green_pass pass;
} LinkableObject;

extern PyTypeObject *Linkable_Type;
extern PyTypeObject *Event_Type;

/* Slots and methods of types whose objects begin with a LinkableObject. */
int green_linkable_object_traverse(LinkableObject *self, visitproc visit, void *arg);
int green_linkable_object_clear(LinkableObject *self);

/* The tp_dealloc. A subtype gives up what it owns before it calls this. */
void green_linkable_object_dealloc(LinkableObject *self);

PyObject *green_linkable_object_rawlink(LinkableObject *self, PyObject *const *args,
                                        Py_ssize_t nargs, PyObject *kwnames);
PyObject *green_linkable_object_unlink(LinkableObject *self, PyObject *const *args,
                                       Py_ssize_t nargs, PyObject *kwnames);
PyObject *green_linkable_object_linkcount(LinkableObject *self, PyObject *ignored);

int green_event_exec(PyObject *module);

#endif
