/* spawn_raw makes raw greenlets, which keep no result and tell nobody of their end. */
#ifndef GREEN_TASK_RAW_H
#define GREEN_TASK_RAW_H

#include <Python.h>

int green_raw_exec(PyObject *module);

#endif
