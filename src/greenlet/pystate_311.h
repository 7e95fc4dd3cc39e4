/* CPython 3.11: frames lie in a data stack made of chunks, and one counter counts both Python and C
   calls. */
#ifndef GREEN_GREENLET_PYSTATE_311_H
#define GREEN_GREENLET_PYSTATE_311_H

#include "greenlet/pystate_common.h"

typedef struct {
    PyObject *owned[GREEN_OWNED_COUNT];
    PyObject *curexc_type, *curexc_value, *curexc_traceback;
    int recursion_headroom;
    int tracing; /* how many trace functions this stack is inside of */
    int tracing_what;
    int trash_delete_nesting;
} green_rare;

struct green_pystate {
    _PyErr_StackItem *exc_info;
    _PyCFrame *cframe;
    _PyStackChunk *datastack_chunk;
    PyObject **datastack_top;
    PyObject **datastack_limit;
    int recursion_depth; /* not what remains: sys.setrecursionlimit reaches parked greenlets */
    bool has_rare;
    _PyErr_StackItem exc_base; /* end of the exc_info chain; a main greenlet uses the thread's */
    _PyCFrame root_cframe;     /* likewise */
    green_rare rare;
};

static inline void
green_pystate_init(struct green_pystate *state, const green_stack *stack, PyThreadState *ts)
{
    (void)ts;
    _PyStackChunk *chunk = green_chunk_init(stack, 0);
    state->exc_info = &state->exc_base;
    state->cframe = &state->root_cframe;
    state->datastack_chunk = chunk;
    state->datastack_top = &chunk->data[1];
    state->datastack_limit = (PyObject **)(stack->data + stack->data_size);
    state->recursion_depth = 0;
    state->has_rare = false;
    state->exc_base = (_PyErr_StackItem){0};
    state->root_cframe = (_PyCFrame){0};
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
    rare->tracing_what = ts->tracing_what;
    rare->trash_delete_nesting = ts->trash_delete_nesting;
    ts->async_gen_firstiter = ts->async_gen_finalizer = NULL;
    ts->curexc_type = ts->curexc_value = ts->curexc_traceback = NULL;
    ts->recursion_headroom = ts->tracing = ts->tracing_what = ts->trash_delete_nesting = 0;
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
    ts->tracing_what = rare->tracing_what;
    ts->trash_delete_nesting = rare->trash_delete_nesting;
}

static inline void
green_pystate_save(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    state->exc_info = ts->exc_info;
    state->cframe = ts->cframe;
    state->datastack_chunk = ts->datastack_chunk;
    state->datastack_top = ts->datastack_top;
    state->datastack_limit = ts->datastack_limit;
    state->recursion_depth = ts->recursion_limit - ts->recursion_remaining;
    state->has_rare = green_pystate_has_rare(tstate);
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_save_rare(&state->rare, tstate);
    }
}

static inline void
green_pystate_load(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    ts->exc_info = state->exc_info;
    ts->cframe = state->cframe;
    ts->datastack_chunk = state->datastack_chunk;
    ts->datastack_top = state->datastack_top;
    ts->datastack_limit = state->datastack_limit;
    ts->recursion_remaining = ts->recursion_limit - state->recursion_depth;
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
    return state->cframe == NULL || state->cframe->current_frame == NULL;
}

static inline void
green_pystate_pose(const struct green_pystate *state, PyThreadState *ts)
{
    ts->cframe = state->cframe;
}

static inline void
green_pystate_peek(struct green_pystate *state, const PyThreadState *ts)
{
    state->cframe = ts->cframe;
}

/* Returns what Py_EnterRecursiveCall counts up. */
static inline int
green_pystate_calls(const PyThreadState *ts)
{
    return ts->recursion_limit - ts->recursion_remaining;
}

#endif
