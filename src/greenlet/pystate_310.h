/* CPython 3.10: frames are objects on the heap, Python calls nest on the C stack, and one counter
   counts both Python and C calls. */
#ifndef GREEN_GREENLET_PYSTATE_310_H
#define GREEN_GREENLET_PYSTATE_310_H

#include "greenlet/pystate_common.h"

typedef struct {
    PyObject *owned[GREEN_OWNED_COUNT];
    PyObject *curexc_type, *curexc_value, *curexc_traceback;
    int recursion_headroom;
    int tracing; /* how many trace functions this stack is inside of */
    int trash_delete_nesting;
} green_rare;

struct green_pystate {
    PyFrameObject *frame; /* borrowed from the call that runs the frame */
    CFrame *cframe;
    _PyErr_StackItem *exc_info;
    int recursion_depth;
    bool has_rare;
    green_rare rare;
    _PyErr_StackItem exc_base; /* end of the exc_info chain; a main greenlet uses the thread's */
    CFrame root_cframe;        /* likewise */
};

static inline void
green_pystate_init(struct green_pystate *state, const green_stack *stack, PyThreadState *ts)
{
    (void)stack;
    (void)ts;
    state->frame = NULL;
    state->cframe = &state->root_cframe;
    state->exc_info = &state->exc_base;
    state->recursion_depth = 0;
    state->has_rare = false;
    state->exc_base = (_PyErr_StackItem){0};
    state->root_cframe = (CFrame){0};
}

static inline void
green_pystate_init_main(struct green_pystate *state, PyThreadState *ts)
{
    (void)ts;
    memset(state, 0, sizeof(*state));
}

/* Does nothing: up to 3.12 the thread has one running loop of asyncio for all its greenlets. */
static inline void
green_pystate_share_asyncio(struct green_pystate *state, PyThreadState *ts)
{
    (void)state;
    (void)ts;
}

static inline bool
green_pystate_has_rare(green_tstate *ts)
{
    uintptr_t any = (uintptr_t)ts->async_gen_firstiter | (uintptr_t)ts->async_gen_finalizer |
                    (uintptr_t)ts->curexc_type;
    return (any | (unsigned)(ts->recursion_headroom | ts->tracing | ts->trash_delete_nesting)) != 0;
}

static inline void
green_pystate_save_rare(green_rare *rare, PyThreadState *ts)
{
    memset(rare, 0, sizeof(*rare));
    rare->owned[GREEN_OWNED_FIRSTITER] = ts->async_gen_firstiter;
    rare->owned[GREEN_OWNED_FINALIZER] = ts->async_gen_finalizer;
    rare->curexc_type = ts->curexc_type;
    rare->curexc_value = ts->curexc_value;
    rare->curexc_traceback = ts->curexc_traceback;
    rare->recursion_headroom = ts->recursion_headroom;
    rare->tracing = ts->tracing;
    rare->trash_delete_nesting = ts->trash_delete_nesting;
    ts->async_gen_firstiter = ts->async_gen_finalizer = NULL;
    ts->curexc_type = ts->curexc_value = ts->curexc_traceback = NULL;
    ts->recursion_headroom = ts->tracing = ts->trash_delete_nesting = 0;
}

static inline void
green_pystate_load_rare(const green_rare *rare, PyThreadState *ts)
{
    ts->async_gen_firstiter = rare->owned[GREEN_OWNED_FIRSTITER];
    ts->async_gen_finalizer = rare->owned[GREEN_OWNED_FINALIZER];
    ts->curexc_type = rare->curexc_type;
    ts->curexc_value = rare->curexc_value;
    ts->curexc_traceback = rare->curexc_traceback;
    ts->recursion_headroom = rare->recursion_headroom;
    ts->tracing = rare->tracing;
    ts->trash_delete_nesting = rare->trash_delete_nesting;
}

static inline void
green_pystate_save(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    state->frame = ts->frame;
    state->cframe = ts->cframe;
    state->exc_info = ts->exc_info;
    state->recursion_depth = ts->recursion_depth;
    state->has_rare = green_pystate_has_rare(tstate);
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_save_rare(&state->rare, tstate);
    }
}

static inline void
green_pystate_load(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    ts->frame = state->frame;
    ts->cframe = state->cframe;
    ts->exc_info = state->exc_info;
    ts->recursion_depth = state->recursion_depth;
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_load_rare(&state->rare, tstate);
        state->has_rare = false;
    }
    /* The thread's trace and profile functions may have come or gone while the greenlet was
       parked. */
    bool traced = ts->c_tracefunc != NULL || ts->c_profilefunc != NULL;
    ts->cframe->use_tracing = traced && ts->tracing == 0 ? 255 : 0;
}

static inline bool
green_pystate_idle(const struct green_pystate *state)
{
    return state->frame == NULL;
}

static inline void
green_pystate_pose(const struct green_pystate *state, PyThreadState *ts)
{
    ts->frame = state->frame;
}

static inline void
green_pystate_peek(struct green_pystate *state, const PyThreadState *ts)
{
    state->frame = ts->frame;
}

/* Returns what Py_EnterRecursiveCall counts up. */
static inline int
green_pystate_calls(const PyThreadState *ts)
{
    return ts->recursion_depth;
}

#endif
