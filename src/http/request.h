/* Leads from a connection's bytes to the environ of a request. */
#ifndef GREEN_HTTP_REQUEST_H
#define GREEN_HTTP_REQUEST_H

#include <Python.h>
#include "http/handler.h"

/* What to do after a step: the exception is to be raised, the connection closed, or the next step
   taken. */
typedef enum { GREEN_STEP_FAILED = -1, GREEN_STEP_CLOSE, GREEN_STEP_ON } green_step;

/* The ValueError that is raised for a head that is refused. Its `status` is that of the answer. */
extern PyObject *green_exc_InvalidClientRequest;

/* Raise InvalidClientRequest for a refusal. `line` is what the client sent, a str or NULL. */
void green_request_raise(green_refusal refusal, PyObject *line);

/* Wait for a request. Returns 1 when some bytes of it are there; 0 when the connection has ended,
   or is to be closed; -1 with an exception. */
int green_request_await(HandlerObject *self);

/* Read all of a head. If it is refused, the step fails with InvalidClientRequest. */
green_step green_request_read(HandlerObject *self);

/* Put a line, str or bytes, back before what is read next. Returns 0, or -1 with an exception. */
int green_request_put_back(HandlerObject *self, PyObject *line);

/* Returns the environ for the head, whose bytes are used up by this. New reference. */
PyObject *green_request_environ(HandlerObject *self);

/* Wait for a place in the pool again, if the connection has left its own to others. Returns 0, or
   -1 with an exception. */
int green_request_take_slot(HandlerObject *self);

extern PyMethodDef green_request_methods[];

#endif
