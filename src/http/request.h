/* The way from a connection's bytes to the environ of a request. */
#ifndef GREEN_HTTP_REQUEST_H
#define GREEN_HTTP_REQUEST_H

#include <Python.h>
#include "http/handler.h"

/* What a step leaves to do. */
typedef enum { GREEN_STEP_FAILED = -1, GREEN_STEP_CLOSE, GREEN_STEP_ON } green_step;

/* ValueError of a head that is refused; its `status` is that of the answer. */
extern PyObject *green_exc_InvalidClientRequest;

/* Raise it; `line`, a str or NULL, is what the client sent. */
void green_request_raise(green_refusal refusal, PyObject *line);

/* Wait until some bytes of a request are there: 1. 0: the connection has ended, or is to. */
int green_request_await(HandlerObject *self);

/* Read all of a head. Failed with InvalidClientRequest: it is refused. */
green_step green_request_read(HandlerObject *self);

/* Put a line, str or bytes, before what is read next. -1 with an exception. */
int green_request_put_back(HandlerObject *self, PyObject *line);

/* The environ for the head, which is used up with it. New reference. */
PyObject *green_request_environ(HandlerObject *self);

/* The pool's place again, after it was left to others. -1 with an exception. */
int green_request_take_slot(HandlerObject *self);

extern PyMethodDef green_request_methods[];

#endif
