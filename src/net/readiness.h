/* greencore._core.Readiness waits for a descriptor on behalf of the Python object that has it
   open. */
#ifndef GREEN_NET_READINESS_H
#define GREEN_NET_READINESS_H

#include <Python.h>

int green_readiness_exec(PyObject *module);

#endif
