/* A local is an object whose attributes are each greenlet's own. */
#ifndef GREEN_SYNC_LOCAL_H
#define GREEN_SYNC_LOCAL_H

#include <Python.h>

int green_local_exec(PyObject *module);

#endif
