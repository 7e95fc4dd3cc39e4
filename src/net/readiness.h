/* greencore._core.Readiness: waiting for a descriptor that a Python object has open. */
#ifndef GREEN_NET_READINESS_H
#define GREEN_NET_READINESS_H

#include <Python.h>

int green_readiness_exec(PyObject *module);

#endif
