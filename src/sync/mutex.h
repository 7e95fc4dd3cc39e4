/* The lock of patched threads, which `_thread.allocate_lock` makes. */
#ifndef GREEN_SYNC_MUTEX_H
#define GREEN_SYNC_MUTEX_H

#include <Python.h>

int green_mutex_exec(PyObject *module);

#endif
