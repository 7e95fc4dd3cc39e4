/* This layer's part of the module. */
#ifndef GREEN_HTTP_HTTP_H
#define GREEN_HTTP_HTTP_H

#include <Python.h>

int green_http_exec(PyObject *module);

#endif
