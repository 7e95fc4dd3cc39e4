/* Semaphore, BoundedSemaphore, and what C code does with one. */
#ifndef GREEN_SYNC_SEMAPHORE_H
#define GREEN_SYNC_SEMAPHORE_H

#include <Python.h>
#include "sync/event.h"

typedef struct SemaphoreObject {
    LinkableObject base;
    Py_ssize_t counter; /* below 0 only if somebody set it so */
    Py_ssize_t initial; /* what it was at first, the bound of a BoundedSemaphore */
} SemaphoreObject;

extern PyTypeObject *Semaphore_Type;
extern PyTypeObject *BoundedSemaphore_Type;

/* Take a permit, waiting at most `seconds` (negative: for ever). 1: taken; 0: the time has passed;
   -1 with an exception. The caller owns a reference to the semaphore. */
int green_semaphore_acquire(SemaphoreObject *self, double seconds);

/* The same for a semaphore that is a part of `whole` (borrowed): LoopExit names `verb` (a literal)
   and `whole`. */
int green_semaphore_acquire_within(SemaphoreObject *self, double seconds, const char *verb,
                                   PyObject *whole);

/* The same with a `timeout` of Python, as green_deadline_start takes it. */
int green_semaphore_acquire_timed(SemaphoreObject *self, PyObject *timeout);

/* Give a permit back, whatever the bound is. */
static inline void
green_semaphore_release(SemaphoreObject *self)
{
    self->counter++;
    green_linkable_notify(&self->base.linkable);
}

int green_semaphore_exec(PyObject *module);

#endif
