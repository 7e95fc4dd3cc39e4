/* The methods and attributes of a greenlet that Python code sees. */
#ifndef GREEN_GREENLET_ATTRIBUTES_H
#define GREEN_GREENLET_ATTRIBUTES_H

#include <Python.h>
#include "greenlet/greenlet.h"

extern PyMethodDef green_attributes_methods[];
extern PyGetSetDef green_attributes_getset[];

PyObject *green_attributes_repr(PyObject *op);
int green_attributes_bool(PyObject *op);

/* Set the attribute `run` or `parent`, with all checks that Python code meets. `value` is borrowed;
   NULL deletes `run`, and is refused for `parent`. 0, or -1 with an exception. */
int green_attributes_set_run(GreenletObject *self, PyObject *value);
int green_attributes_set_parent(GreenletObject *self, PyObject *value);

/* Do what g.switch(*args, **kwargs) does. `args` is a tuple, `kwargs` a dict or NULL; both are
   borrowed. Returns what the next switch back hands over (new reference), or NULL with an
   exception. */
PyObject *green_attributes_switch(GreenletObject *self, PyObject *args, PyObject *kwargs);

/* Do what g.throw(type, value, traceback) does. All are borrowed; `value` and `traceback` may be
   NULL. Returns as green_attributes_switch does. */
PyObject *green_attributes_throw(GreenletObject *self, PyObject *type, PyObject *value,
                                 PyObject *traceback);

#endif
