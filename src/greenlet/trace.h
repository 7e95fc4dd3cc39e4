/* The tracer of switches, which settrace sets for each thread. */
#ifndef GREEN_GREENLET_TRACE_H
#define GREEN_GREENLET_TRACE_H

#include <Python.h>
#include "greenlet/greenlet.h"

/* Tell the thread's tracer that control came from `origin`; `thrown`: with an exception. A tracer
   that raises is removed. 0, or -1 with its exception. */
int green_trace_call(green_thread *thread, bool thrown, GreenletObject *origin);

int green_trace_exec(PyObject *module);

#endif
