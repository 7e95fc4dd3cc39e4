/* CPython 3.14 and newer compare the stack pointer with limits, and keep asyncio's running loop and
   task in the private part of the thread state, whose layout moves within a minor version. */
#ifndef GREEN_GREENLET_PYSTATE_LIMITS_H
#define GREEN_GREENLET_PYSTATE_LIMITS_H

#include <Python.h>
#include "greenlet/pystate_common.h"

#if PY_VERSION_HEX >= 0x030E0000

/* The function is weak, since 3.14.0 and 3.14.1 lack it. There the limits are written where
   green_limits_find has found them. */
extern int PyUnstable_ThreadState_SetStackProtection(PyThreadState *ts, void *start, size_t size)
    __attribute__((weak));

typedef struct {
    char *start;
    size_t size;
} green_limits;

/* Bytes from the start of the thread state, found by green_limits_find. */
extern size_t green_limits_offset;  /* to the three limits: top, soft, hard */
extern size_t green_asyncio_offset; /* to asyncio's running loop, which its task follows */

/* Find both offsets by observation. Returns false where this interpreter keeps the fields
   elsewhere. */
bool green_limits_find(PyThreadState *ts);

/* Read the limits in force. */
void green_limits_read(green_limits *limits, PyThreadState *ts);

/* Set the limits without the interpreter's help. */
void green_limits_write(const green_limits *limits, PyThreadState *ts);

static inline void
green_limits_apply(const green_limits *limits, PyThreadState *ts)
{
    if (__builtin_expect(PyUnstable_ThreadState_SetStackProtection != NULL, 1)) {
        (void)PyUnstable_ThreadState_SetStackProtection(ts, limits->start, limits->size);
    } else {
        green_limits_write(limits, ts);
    }
}

static inline PyObject *volatile *
green_asyncio(green_tstate *ts)
{
    return (PyObject *volatile *)((volatile char *)ts + green_asyncio_offset);
}

#endif

#endif
