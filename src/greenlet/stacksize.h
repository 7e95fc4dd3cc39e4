/* How large stacks are: by policy, by the environment, by the program, or by the greenlet. */
#ifndef GREEN_GREENLET_STACKSIZE_H
#define GREEN_GREENLET_STACKSIZE_H

#include <Python.h>

/* greenlet.stack_size: bytes, or None for the size in force when it starts. */
PyObject *green_stacksize_get(PyObject *greenlet, void *closure);
int green_stacksize_set(PyObject *greenlet, PyObject *value, void *closure);

/* Takes GREENCORE_STACK_SIZE from the environment, and adds set_stack_size and get_stack_size to
   the module. -1: ImportError for a size that is none. */
int green_stacksize_exec(PyObject *module);

#endif
