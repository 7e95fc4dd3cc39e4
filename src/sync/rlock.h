/* An RLock is a lock that its owner may take again. */
#ifndef GREEN_SYNC_RLOCK_H
#define GREEN_SYNC_RLOCK_H

#include <Python.h>

extern PyTypeObject *RLock_Type;

int green_rlock_exec(PyObject *module);

#endif
