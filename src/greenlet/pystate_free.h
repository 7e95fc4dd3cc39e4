/* What only free-threaded builds keep per thread, with their interpreter lock on: the locks of
   objects in use by C code, in a list on the stack of who holds them. Nothing elsewhere. */
#ifndef GREEN_GREENLET_PYSTATE_FREE_H
#define GREEN_GREENLET_PYSTATE_FREE_H

#include "greenlet/pystate_common.h"

#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
#error "of free-threaded builds greencore supports 3.13's: docs/pystate.rst says why"
#endif

typedef struct {
#ifdef Py_GIL_DISABLED
    uintptr_t sections; /* innermost critical section, its address tagged; suspended; or 0 */
#endif
} green_free;

#ifdef Py_GIL_DISABLED

/* In the lowest bits of the address of a critical section. */
#define GREEN_SECTION_SUSPENDED ((uintptr_t)1)
#define GREEN_SECTION_OF_TWO ((uintptr_t)2)

/* Unlock what the running greenlet's critical sections hold, as the interpreter does when a thread
   lets go of it: others of this thread could wait for ever. */
void green_free_suspend(PyThreadState *ts);

/* Lock again what the innermost holds; the others follow as it ends. */
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
