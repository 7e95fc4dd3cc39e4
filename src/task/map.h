/* map spawns a task for each item, and returns the list of their results. */
#ifndef GREEN_TASK_MAP_H
#define GREEN_TASK_MAP_H

#include <Python.h>

int green_task_map_exec(PyObject *module);

#endif
