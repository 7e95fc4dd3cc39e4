/* Up to CPython 3.12 asyncio keeps its running loop for the whole thread. Once track_asyncio() was
   called, each switch saves that loop and sets another, so that each greenlet has its own. From
   3.13 on the loop is part of the interpreter's state, and only green_asyncio_exec is left of
   this. */
#ifndef GREEN_GREENLET_ASYNCIO_H
#define GREEN_GREENLET_ASYNCIO_H

#include <Python.h>
#include <stdbool.h>

struct GreenletObject;

#if PY_VERSION_HEX < 0x030D0000
extern bool green_asyncio_tracked;

/* Called when `self` is about to leave for `target`, perhaps for ever. Keeps the running loop for
   `self`, and sets the one of `target`. An exception that is set stays as it is. */
void green_asyncio_switch(struct GreenletObject *self, struct GreenletObject *target);

/* Let `target`, which is about to begin, run in the loop that is running now. */
void green_asyncio_share(struct GreenletObject *target);
#endif

int green_asyncio_exec(PyObject *module);

#endif
