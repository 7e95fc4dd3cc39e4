/* The part of the state that only free-threaded builds have, with their interpreter lock on: the
   locks of objects that C code uses. They are in a list of critical sections, on the stack of the
   one who holds them. Other builds have nothing of this. */
#ifndef GREEN_GREENLET_PYSTATE_FREE_H
#define GREEN_GREENLET_PYSTATE_FREE_H

#include "greenlet/pystate_common.h"

#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
#error "of free-threaded builds greencore supports 3.13's: docs/pystate.rst says why"
#endif

typedef struct {
#ifdef Py_GIL_DISABLED
    uintptr_t sections; /* the tagged address of the innermost critical section, which is suspended;
                           0: there is none */
#endif
} green_free;

#ifdef Py_GIL_DISABLED

/* Tags in the lowest bits of the address of a critical section. */
#define GREEN_SECTION_SUSPENDED ((uintptr_t)1)
#define GREEN_SECTION_OF_TWO ((uintptr_t)2)

/* Unlock what the running greenlet's critical sections hold, as the interpreter does when a thread
   lets go of the interpreter lock. Else other greenlets of this thread could wait for ever. */
void green_free_suspend(PyThreadState *ts);

/* Lock again what the innermost critical section holds. The interpreter does the same for each of
   the others as the one inside it ends. */
void green_free_resume(PyThreadState *ts);

static inline void
green_free_init(green_free *state)
{
    state->sections = 0;
}

static inline void
green_free_save(green_free *state, PyThreadState *ts)
{
    if (GREEN_RARELY(ts->critical_section)) {
        green_free_suspend(ts);
    }
    state->sections = ts->critical_section;
}

static inline void
green_free_load(const green_free *state, PyThreadState *ts)
{
    ts->critical_section = state->sections;
}

static inline void
green_free_arrive(PyThreadState *ts)
{
    if (GREEN_RARELY(ts->critical_section)) {
        green_free_resume(ts);
    }
}

#else

static inline void
green_free_init(green_free *state)
{
    (void)state;
}

static inline void
green_free_save(green_free *state, PyThreadState *ts)
{
    (void)state;
    (void)ts;
}

static inline void
green_free_load(const green_free *state, PyThreadState *ts)
{
    (void)state;
    (void)ts;
}

static inline void
green_free_arrive(PyThreadState *ts)
{
    (void)ts;
}

#endif

#endif
