/* A raw socket is what `socket._sock` is: a plain _socket.socket, which never parks, on the
   descriptor of a green socket. The two have the descriptor together: closing or detaching it by
   one does so for both, and the one that outlives the other keeps it. */
#ifndef GREEN_NET_RAWSOCKET_H
#define GREEN_NET_RAWSOCKET_H

#include <Python.h>
#include <stdbool.h>

/* A method of green sockets: returns the raw socket, which is made when first asked for; None if
   `self` is closed. */
PyObject *green_rawsocket_get(PyObject *self, PyObject *unused);

/* The green socket is about to give up its descriptor: its raw socket, if there is one, gives it up
   first. 0, or -1 with an exception. */
int green_rawsocket_forget(PyObject *green);

/* The green socket is being collected: its raw socket, if there is one, takes over the descriptor.
   Returns whether there is one. */
bool green_rawsocket_inherit(PyObject *green);

int green_rawsocket_exec(PyObject *module);

#endif
