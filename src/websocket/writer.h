/* What is sent to a peer, from a payload to a frame. */
#ifndef GREEN_WEBSOCKET_WRITER_H
#define GREEN_WEBSOCKET_WRITER_H

#include <Python.h>

int green_writer_exec(PyObject *module);

#endif
