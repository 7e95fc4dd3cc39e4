/* Groups of greenlets, whose number may be limited. */
#ifndef GREEN_TASK_GROUP_H
#define GREEN_TASK_GROUP_H

#include <Python.h>

/* Call spawn(*args), with vectorcall's arguments. Where it is a group's own method, no Python code
   is called. New reference, or NULL with an exception. */
PyObject *green_group_call_spawn(PyObject *spawn, PyObject *const *args, size_t nargsf);

int green_group_exec(PyObject *module);

#endif
