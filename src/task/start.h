/* What will start a task, as Python sees it: the attribute _start_event. */
#ifndef GREEN_TASK_START_H
#define GREEN_TASK_START_H

#include <Python.h>

PyObject *green_start_event_get(PyObject *task, void *closure);

int green_start_event_exec(PyObject *module);

#endif
