/* The part of the interpreter's thread state that each greenlet needs for itself: frames,
   exceptions, recursion counts, context. No other file touches a field of PyThreadState;
   docs/pystate.rst has the table of fields by version. */
#ifndef GREEN_GREENLET_PYSTATE_H
#define GREEN_GREENLET_PYSTATE_H

#include <Python.h>
#include "switch/stack.h"

/* Each family header defines struct green_pystate and, inline because they are on the path of each
   switch and spawn:

   init       the state of a greenlet that has not run: no frames, no exceptions, full recursion
              allowance (scaled to `stack` where the version counts C calls), root data-stack chunk
              in stack->data, C-stack limits of `stack` where the version checks them. It is placed
              for good: the interpreter keeps pointers into it while the greenlet runs.
   share_asyncio  after init: the greenlet runs in the asyncio loop and task that are running now,
              where the version keeps them per thread state. For greenlets that serve the one that
              starts them, as bridges between asyncio and blocking code do; others begin with none.
   init_main  the state of a thread's main greenlet, running now: notes what never changes.
   save/load  move the running greenlet's state out of the thread state, and another's in. After
              save the fields of ts are stale until load; references move along. Between load and
              the arrival on the greenlet's own stack nothing may call the interpreter, which from
              3.14 on compares the stack pointer with the limits loaded.
   arrive     the greenlet loaded runs on its own stack again: takes back the locks that its C code
              holds. May wait for them.
   idle       whether no Python frame of a greenlet that is not running is active.
   pose       point the frame chain of a stand-in thread state at a parked greenlet's.
   peek       note the frame chain of the running greenlet without moving it.

   What is nearly always zero (`rare`) moves only when it is not. Of a running greenlet the state
   owns nothing but the exception being handled, so that traverse and clear may be called at any
   time. */

#if PY_VERSION_HEX >= 0x03100000
#error "greencore knows no CPython newer than 3.15"
#elif PY_VERSION_HEX >= 0x030F0000
#include "greenlet/pystate_315.h"
#elif PY_VERSION_HEX >= 0x030E0000
#include "greenlet/pystate_314.h"
#elif PY_VERSION_HEX >= 0x030D0000
#include "greenlet/pystate_313.h"
#elif PY_VERSION_HEX >= 0x030C0000
#include "greenlet/pystate_312.h"
#elif PY_VERSION_HEX >= 0x030B0000
#include "greenlet/pystate_311.h"
#elif PY_VERSION_HEX >= 0x030A0000
#include "greenlet/pystate_310.h"
#else
#error "greencore needs CPython 3.10 or newer"
#endif

typedef struct green_pystate green_pystate;

static inline void
green_pystate_arrive(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030D0000
    green_free_arrive(ts);
#else
    (void)ts;
#endif
}

/* Called once the running greenlet has arrived. Where the version needs it, the code of the
   greenlet is prepared for tracing that was turned on while the greenlet was parked. Leaves no
   exception; may collect garbage. */
static inline void
green_pystate_prepare(green_pystate *state, PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030F0000
    if (GREEN_RARELY(state->unprepared)) {
        state->unprepared = false;
        green_monitor_prepare(ts);
    }
#else
    (void)state;
    (void)ts;
#endif
}

/* Whether anybody may be tracing or profiling the Python code of the running greenlet. The check
   costs next to nothing. For sys.monitoring it may say yes too often; green_pystate_monitored is
   exact about that. */
static inline bool
green_pystate_traced(PyThreadState *ts)
{
    if (((uintptr_t)ts->c_tracefunc | (uintptr_t)ts->c_profilefunc) != 0) {
        return true;
    }
#if PY_VERSION_HEX >= 0x030D0000
    return ts->eval_breaker >> 8 != 0; /* how often sys.monitoring was changed */
#elif PY_VERSION_HEX >= 0x030C0000
    PyCodeObject *const *frame =
        (PyCodeObject *const *)ts->cframe->current_frame; /* its first field */
    return frame != NULL && (*frame)->_co_monitoring != NULL;
#else
    return false;
#endif
}

/* Check that this interpreter has the private layout that the extension was built for. -1:
   ImportError is set. */
int green_pystate_probe(void);

/* Called on the stack of a greenlet that dies, before its last switch, with no exception set.
   Afterwards nothing in `ts` points into that stack. */
void green_pystate_finish(PyThreadState *ts);

/* The innermost Python frame of a parked greenlet: new reference, or NULL without an exception
   where there is none. Allocates, so the collector may run. */
PyFrameObject *green_pystate_frame(green_pystate *state);

/* The end of the part that a parked greenlet uses of the data area of its stack. */
const char *green_pystate_data_top(const green_pystate *state, const green_stack *stack);

/* For the garbage collector: visit or clear what a state owns, if it is idle. A greenlet that has
   frames may go on with them, so its state is left alone. */
int green_pystate_traverse(green_pystate *state, visitproc visit, void *arg);
void green_pystate_clear(green_pystate *state);

/* The least size of a stack, bytes. A smaller wish is raised to it. Where the interpreter checks
   the stack pointer, the size leaves the room that the check needs. */
extern const size_t green_pystate_stack_min;

/* The context of the running greenlet lives in the thread state. Move it to *from, and put the
   context in *to (which may be NULL) into its place. References move along. */
static inline void
green_pystate_switch_context(PyObject **from, PyObject **to, PyThreadState *ts)
{
    *from = ts->context;
    ts->context = *to;
    ts->context_ver++;
    *to = NULL;
}

/* Get or set the context of the running greenlet. The one returned is borrowed and may be NULL. The
   one given is not stolen; setting it ends the validity of cached contextvar look-ups. */
static inline PyObject *
green_pystate_get_context(PyThreadState *ts)
{
    return ts->context;
}

static inline void
green_pystate_set_context(PyThreadState *ts, PyObject *context)
{
    PyObject *old = ts->context;
    Py_XINCREF(context);
    ts->context = context;
    ts->context_ver++;
    Py_XDECREF(old);
}

#endif
