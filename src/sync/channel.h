/* A Channel hands items from one greenlet to another and keeps none. */
#ifndef GREEN_SYNC_CHANNEL_H
#define GREEN_SYNC_CHANNEL_H

#include <Python.h>

int green_channel_exec(PyObject *module);

#endif
