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
    green_head *head;              /* borrowed from `handler` or `raw`; NULL: the request is over */
    green_source *source;          /* likewise */
    ServiceObject *service;        /* owned */
    struct HandlerObject *handler; /* owned; NULL: the request is over, or Python code made this */
    struct green_input_raw *raw;   /* owned; the file, if Python code made this, or NULL */
    PyObject *content_length;      /* owned; NULL: None */
    PyObject *socket;              /* owned, or NULL */
    bool continue_pending; /* the client waits for `100 Continue` before it sends the body */
    bool reading;          /* a greenlet reads */
} InputObject;

extern PyTypeObject *Input_Type;

/* Make the input for the body of the handler's request. New reference. */
InputObject *green_input_new(struct HandlerObject *handler);

/* Read the body to its end and drop it, but give up after `most` bytes. Returns 1 if the end was
   reached; 0 if it was not, or if another greenlet is reading; -1 with an exception. */
int green_input_discard(InputObject *self, size_t most);

/* Cut the input off its request, which is over: who has kept the input can read no more. */
void green_input_detach(InputObject *self);

int green_input_exec(PyObject *module);

#endif
