/* Socket addresses as Python writes them. */
#ifndef GREEN_NET_ADDRESS_H
#define GREEN_NET_ADDRESS_H

#include <Python.h>
#include <stdbool.h>
#include <sys/socket.h>

/* Whether green_address_new can write addresses of this family. Those of others are left to the
   standard module. */
bool green_address_known(int family);

/* Returns what the standard socket module gives for the address: (host, port), (host, port,
   flowinfo, scope_id), a path, or None for an empty one. New reference; NULL with an exception. */
PyObject *green_address_new(const struct sockaddr *address, socklen_t length);

#endif
