/* What this layer adds to the module. */
#ifndef GREEN_SYNC_SYNC_H
#define GREEN_SYNC_SYNC_H

#include <Python.h>

int green_sync_exec(PyObject *module);

#endif
