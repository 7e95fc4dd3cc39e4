/* Says how large stacks are: as the main thread's by default, else as the environment, the program
   or the greenlet chooses. */
#ifndef GREEN_GREENLET_STACKSIZE_H
#define GREEN_GREENLET_STACKSIZE_H

#include <Python.h>

/* Get or set the attribute stack_size of a greenlet: bytes, or None for the size that is in force
   when the greenlet starts. */
PyObject *green_stacksize_get(PyObject *greenlet, void *closure);
int green_stacksize_set(PyObject *greenlet, PyObject *value, void *closure);

/* Take GREENCORE_STACK_SIZE from the environment, and add the functions that deal with sizes to the
   module. -1 with ImportError where the variable is no size. */
int green_stacksize_exec(PyObject *module);

#endif
