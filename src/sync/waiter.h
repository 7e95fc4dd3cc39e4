/* A Waiter hands a value or an exception from the hub to one greenlet. */
#ifndef GREEN_SYNC_WAITER_H
#define GREEN_SYNC_WAITER_H

#include <Python.h>

extern PyTypeObject *Waiter_Type;

int green_waiter_exec(PyObject *module);

#endif
