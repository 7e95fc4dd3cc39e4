/* The attribute _start_event of a task: an object that tells Python code of the task's start, and
   can cancel it. */
#ifndef GREEN_TASK_START_H
#define GREEN_TASK_START_H

#include <Python.h>

PyObject *green_start_event_get(PyObject *task, void *closure);

int green_start_event_exec(PyObject *module);

#endif
