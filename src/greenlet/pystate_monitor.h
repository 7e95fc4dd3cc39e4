/* Prepares the code of frames that were parked while tracing or monitoring was turned on. The
   interpreter prepares the code of all frames that it finds from the thread states. 3.15 takes for
   granted that those are all, so an exception in code without data for monitoring is a crash. */
#ifndef GREEN_GREENLET_PYSTATE_MONITOR_H
#define GREEN_GREENLET_PYSTATE_MONITOR_H

#include <Python.h>
#include <stdint.h>

/* Returns a version, which changes with the events that are asked for. */
static inline uintptr_t
green_monitor_version(const PyThreadState *ts)
{
    return ts->eval_breaker & ~(uintptr_t)0xff; /* the other bits are requests to the evaluator */
}

/* Give the code of all frames of the running greenlet the data that it lacks. Leaves no exception,
   calls no Python code. */
void green_monitor_prepare(PyThreadState *ts);

#endif
