/* Functions that wait for descriptors without a socket object: wait_read() and the like, and what
   select() and poll() are made of. */
#ifndef GREEN_NET_SELECT_H
#define GREEN_NET_SELECT_H

#include <Python.h>

int green_select_exec(PyObject *module);

#endif
