/* The Python functions sleep() and time.sleep(): they read arguments and call hub/wait.h. */
#ifndef GREEN_HUB_SLEEP_H
#define GREEN_HUB_SLEEP_H

#include <Python.h>

int green_sleep_exec(PyObject *module);

#endif
