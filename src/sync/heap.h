/* A list that is kept as a heap, in the very order of the heapq module. A comparison that raises
   changes nothing. This heap shares no code with that of loop/timer.h: here a comparison may run
   Python code, so all comparisons come before the first move; there comparing costs little, and
   comparisons and moves alternate. */
#ifndef GREEN_SYNC_HEAP_H
#define GREEN_SYNC_HEAP_H

#include <Python.h>

/* Add an item. 0, or -1 with an exception, which is what a comparison raised, or RuntimeError when
   one changed the list. */
int green_heap_push(PyObject *list, PyObject *item);

/* Take the least item out of a list that is not empty, a new reference; NULL with an exception as
   above. */
PyObject *green_heap_pop(PyObject *list);

#endif
