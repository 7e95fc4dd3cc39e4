/* An open WebSocket: its messages over a socket. */
#ifndef GREEN_WEBSOCKET_CONNECTION_H
#define GREEN_WEBSOCKET_CONNECTION_H

#include <Python.h>

int green_connection_exec(PyObject *module);

#endif
