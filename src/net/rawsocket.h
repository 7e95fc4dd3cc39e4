/* What `socket._sock` is: a plain _socket.socket on a green one's descriptor, which never parks.
   They have the descriptor together: who closes or detaches it does so for both, and who outlives
   the other keeps it. */
#ifndef GREEN_NET_RAWSOCKET_H
#define GREEN_NET_RAWSOCKET_H

#include <Python.h>
#include <stdbool.h>

/* The raw socket of `self`, a green one: made when first asked for; None if it is closed. A method.
 */
PyObject *green_rawsocket_get(PyObject *self, PyObject *unused);

/* The green socket's descriptor is about to be given up: its raw one, if there is one, has none
   from now on. -1 with an exception. */
int green_rawsocket_forget(PyObject *green);

/* Whether the raw socket of `green`, which is being collected, has taken over the descriptor. */
bool green_rawsocket_inherit(PyObject *green);

int green_rawsocket_exec(PyObject *module);

#endif
