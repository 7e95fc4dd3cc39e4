/* Native worker threads: the queue that they take jobs from, and the way a result comes back to the
   loop of who asked. */
#ifndef GREEN_NET_THREADPOOL_H
#define GREEN_NET_THREADPOOL_H

#include <Python.h>

int green_threadpool_exec(PyObject *module);

#endif
