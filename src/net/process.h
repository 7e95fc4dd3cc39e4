/* Functions of the core that forking and the threads of patched programs need. */
#ifndef GREEN_NET_PROCESS_H
#define GREEN_NET_PROCESS_H

#include <Python.h>

int green_process_exec(PyObject *module);

#endif
