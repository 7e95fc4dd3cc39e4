/* What a peer sends, from bytes to messages: a type of Python that does no input of its own. */
#ifndef GREEN_WEBSOCKET_READER_H
#define GREEN_WEBSOCKET_READER_H

#include <Python.h>

int green_reader_exec(PyObject *module);

#endif
