/* The C interface that other extensions get through the capsule greenlet._C_API. */
#ifndef GREEN_GREENLET_CAPI_H
#define GREEN_GREENLET_CAPI_H

#include <Python.h>

int green_capi_exec(PyObject *module);

#endif
