/* Groups of greenlets, with or without a limit on how many. */
#ifndef GREEN_TASK_GROUP_H
#define GREEN_TASK_GROUP_H

#include <Python.h>

int green_group_exec(PyObject *module);

#endif
