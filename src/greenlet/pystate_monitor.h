/* Code of frames that were parked while tracing or monitoring was turned on. The interpreter
   prepares the code of all frames that it finds from the thread states, and 3.15 takes for granted
   that it has found all: an exception in code without data for monitoring is a crash. */
#ifndef GREEN_GREENLET_PYSTATE_MONITOR_H
#define GREEN_GREENLET_PYSTATE_MONITOR_H

#include <Python.h>
#include <stdint.h>

/* Which events are asked for, as a version. */
static inline uintptr_t
green_monitor_version(const PyThreadState *ts)
{
    return ts->eval_breaker & ~(uintptr_t)0xff; /* below are the requests to the evaluator */
}

/* Give all code that the running greenlet is in its data. Leaves no exception, calls no Python
 * code.
 */
void green_monitor_prepare(PyThreadState *ts);

#endif
