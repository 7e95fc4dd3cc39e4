/* AsyncResult: a value or an exception that greenlets can wait for. */
#ifndef GREEN_SYNC_ASYNCRESULT_H
#define GREEN_SYNC_ASYNCRESULT_H

#include <Python.h>

extern PyTypeObject *AsyncResult_Type;

int green_asyncresult_exec(PyObject *module);

#endif
