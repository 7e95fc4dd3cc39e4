/* spawn_raw: a plain greenlet of the hub, that keeps no result and tells nobody. */
#ifndef GREEN_TASK_RAW_H
#define GREEN_TASK_RAW_H

#include <Python.h>

int green_raw_exec(PyObject *module);

#endif
