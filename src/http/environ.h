/* Makes the environ of a request. */
#ifndef GREEN_HTTP_ENVIRON_H
#define GREEN_HTTP_ENVIRON_H

#include <Python.h>
#include "http/handler.h"

/* Fill `environ`, a copy of the server's, from the handler's head, whose bytes start at `base`.
   `folded`: a field's value may have line ends in it, which become spaces. Returns 0, or -1 with an
   exception. */
int green_environ_fill(HandlerObject *handler, PyObject *environ, char *base, bool folded);

int green_environ_exec(PyObject *module);

#endif
