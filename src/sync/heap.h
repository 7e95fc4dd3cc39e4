/* A list kept as a heap, in the very order of the heapq module; a comparison that raises changes
   nothing. It shares no code with the heap of loop/timer.h: here a comparison may run Python code,
   so all of them come before the first move; there it costs little, and they alternate. */
#ifndef GREEN_SYNC_HEAP_H
#define GREEN_SYNC_HEAP_H

#include <Python.h>

/* 0, or -1 with an exception: what a comparison raised, or RuntimeError when one changed the list.
 */
int green_heap_push(PyObject *list, PyObject *item);

/* The least item of a list that is not empty, a new reference; NULL as above. */
PyObject *green_heap_pop(PyObject *list);

#endif
