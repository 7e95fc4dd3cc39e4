/* What forking and threads of patched programs need from the core. */
#ifndef GREEN_NET_PROCESS_H
#define GREEN_NET_PROCESS_H

#include <Python.h>

int green_process_exec(PyObject *module);

#endif
