/* wsgi.input: a request's body as a file. */
#ifndef GREEN_HTTP_INPUT_H
#define GREEN_HTTP_INPUT_H

#include <Python.h>
#include <stdbool.h>
#include "http/body.h"
#include "http/head.h"
#include "http/service.h"
#include "http/source.h"

struct HandlerObject;

typedef struct InputObject {
    PyObject_HEAD
    green_body body;
    green_head *head;     /* borrowed: the handler's or the raw one's; NULL: the request is over */
    green_source *source; /* likewise */
    ServiceObject *service;        /* owned */
    struct HandlerObject *handler; /* owned, while the request lasts; NULL for one made by Python */
    struct green_input_raw *raw;   /* owned; for one made by Python, over a file */
    PyObject *content_length;      /* owned; NULL: None */
    PyObject *socket;              /* owned, or NULL */
    bool continue_pending; /* the client waits for `100 Continue` before it sends the body */
    bool reading;          /* somebody is at it */
} InputObject;

extern PyTypeObject *Input_Type;

/* The body of the handler's request. New reference. */
InputObject *green_input_new(struct HandlerObject *handler);

/* Read on to the end, at most `most` bytes, and drop it. 1: the end was reached; 0: it was not, or
   somebody else is reading; -1 with an exception. */
int green_input_discard(InputObject *self, size_t most);

/* The request is over: whoever kept it can read no more. */
void green_input_detach(InputObject *self);

int green_input_exec(PyObject *module);

#endif
