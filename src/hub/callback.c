#include "hub/hub.h"
#include "hub/loop.h"

/* The object of loop.run_callback: one call, queued. The queue owns a reference while it is in it. */
typedef struct {
    PyObject_HEAD
    PyObject *weakrefs;
    PyObject *func; /* owned; NULL once called or stopped */
    PyObject *args; /* owned, a tuple; likewise */
    green_ready ready;
} CallbackObject;

static PyTypeObject *Callback_Type;

static GreenletObject *
callback_turn(green_ready *ready)
{
    CallbackObject *self = GREEN_CONTAINER(ready, CallbackObject, ready);
    PyObject *func = self->func, *args = self->args;
    self->func = NULL;
    if (func != NULL) {
        PyObject *result = PyObject_CallObject(func, args);
        if (result == NULL) {
            /* The hub runs this: it may have been made by green_hub_get meanwhile. */
            LoopObject *loop = (LoopObject *)((HubObject *)NULL);
            (void)loop;
        }
        Py_XDECREF(result);
    }
    return NULL;
}
