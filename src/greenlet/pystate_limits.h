/* CPython 3.14 and newer compare the stack pointer with limits, and keep asyncio's running loop and
   task in the private part of the thread state, whose layout moves within a minor version. */
#ifndef GREEN_GREENLET_PYSTATE_LIMITS_H
#define GREEN_GREENLET_PYSTATE_LIMITS_H

#include <Python.h>
#include "greenlet/pystate_common.h"

#if PY_VERSION_HEX >= 0x030E0000

#if PY_VERSION_HEX < 0x030E0200
#error "of CPython 3.14 greencore needs 3.14.2 or newer"
#endif

/* Weak: an older patch release lacks it, and the probe says so. */
extern __typeof__(PyUnstable_ThreadState_SetStackProtection)
    PyUnstable_ThreadState_SetStackProtection __attribute__((weak));

typedef struct {
    char *start;
    size_t size;
} green_limits;

/* Bytes from the start of the thread state, found by green_limits_find. */
extern size_t green_limits_offset;  /* of the three limits: top, soft, hard */
extern size_t green_asyncio_offset; /* of the running loop; the task follows */

/* Find the offsets by observation. False: this interpreter keeps them elsewhere. */
bool green_limits_find(PyThreadState *ts);

/* The limits in force. */
void green_limits_read(green_limits *limits, PyThreadState *ts);

static inline void
green_limits_apply(const green_limits *limits, PyThreadState *ts)
{
    (void)PyUnstable_ThreadState_SetStackProtection(ts, limits->start, limits->size);
}

static inline PyObject *volatile *
green_asyncio(green_tstate *ts)
{
    return (PyObject *volatile *)((volatile char *)ts + green_asyncio_offset);
}

#endif

#endif
