/* sleep() and time.sleep() of Python: arguments, then hub/wait.h. */
#ifndef GREEN_HUB_SLEEP_H
#define GREEN_HUB_SLEEP_H

#include <Python.h>

int green_sleep_exec(PyObject *module);

#endif
