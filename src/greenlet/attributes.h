/* What Python sees of a greenlet: its methods and attributes. */
#ifndef GREEN_GREENLET_ATTRIBUTES_H
#define GREEN_GREENLET_ATTRIBUTES_H

#include <Python.h>
#include "greenlet/greenlet.h"

extern PyMethodDef green_attributes_methods[];
extern PyGetSetDef green_attributes_getset[];

PyObject *green_attributes_repr(PyObject *op);
int green_attributes_bool(PyObject *op);

/* The setters, with their checks. `value` is borrowed; NULL deletes. 0 or -1. */
int green_attributes_set_run(GreenletObject *self, PyObject *value);
int green_attributes_set_parent(GreenletObject *self, PyObject *value);

/* g.switch(*args, **kwargs) with a tuple and a dict or NULL, borrowed. */
PyObject *green_attributes_switch(GreenletObject *self, PyObject *args, PyObject *kwargs);

/* g.throw(type, value, traceback): borrowed, the last two may be NULL. */
PyObject *green_attributes_throw(GreenletObject *self, PyObject *type, PyObject *value,
                                 PyObject *traceback);

#endif
