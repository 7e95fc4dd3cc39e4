/* Up to CPython 3.12 asyncio's running loop is the thread's. Once asked to, switches hand it over:
   then each greenlet has its own, as from 3.13 on, where it is part of the interpreter's state. */
#ifndef GREEN_GREENLET_ASYNCIO_H
#define GREEN_GREENLET_ASYNCIO_H

#include <Python.h>
#include <stdbool.h>

struct GreenletObject;

#if PY_VERSION_HEX < 0x030D0000
extern bool green_asyncio_tracked;

/* `self` is about to leave for `target`, perhaps for ever. Leaves no exception, and the current one
 * as it is. */
void green_asyncio_switch(struct GreenletObject *self, struct GreenletObject *target);

/* `target`, about to begin, runs in the loop that is running now. */
void green_asyncio_share(struct GreenletObject *target);
#endif

int green_asyncio_exec(PyObject *module);

#endif
