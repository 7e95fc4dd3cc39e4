/* Waiting for several objects: iwait, wait, joinall. */
#ifndef GREEN_TASK_JOIN_H
#define GREEN_TASK_JOIN_H

#include <Python.h>

int green_join_exec(PyObject *module);

#endif
