/* CPython 3.12: as 3.11, but C calls are counted apart from Python calls, and events do the
   tracing. */
#ifndef GREEN_GREENLET_PYSTATE_312_H
#define GREEN_GREENLET_PYSTATE_312_H

#include "greenlet/pystate_common.h"
#include "greenlet/pystate_ccalls.h"

typedef struct {
    PyObject *owned[GREEN_OWNED_COUNT];
    PyObject *current_exception;
    int recursion_headroom;
    int tracing; /* how many trace functions this stack is inside of */
    int what_event;
    int trash_delete_nesting;
} green_rare;

struct green_pystate {
    _PyErr_StackItem *exc_info;
    _PyCFrame *cframe;
    _PyStackChunk *datastack_chunk;
    PyObject **datastack_top;
    PyObject **datastack_limit;
    int py_recursion_depth; /* not what remains: sys.setrecursionlimit reaches parked greenlets */
    int c_recursion_remaining;
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
    state->py_recursion_depth = 0;
    state->c_recursion_remaining = green_ccalls_of(stack, C_RECURSION_LIMIT);
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
                    (uintptr_t)ts->current_exception;
    return (any | (unsigned)(ts->recursion_headroom | ts->tracing | ts->trash.delete_nesting)) != 0;
}

static inline void
green_pystate_save_rare(green_rare *rare, PyThreadState *ts)
{
    memset(rare, 0, sizeof(*rare));
    rare->owned[GREEN_OWNED_FIRSTITER] = ts->async_gen_firstiter;
    rare->owned[GREEN_OWNED_FINALIZER] = ts->async_gen_finalizer;
    rare->current_exception = ts->current_exception;
    rare->recursion_headroom = ts->recursion_headroom;
    rare->tracing = ts->tracing;
    rare->what_event = ts->what_event;
    rare->trash_delete_nesting = ts->trash.delete_nesting;
    ts->async_gen_firstiter = ts->async_gen_finalizer = ts->current_exception = NULL;
    ts->recursion_headroom = ts->tracing = ts->trash.delete_nesting = 0;
    ts->what_event = -1;
}

static inline void
green_pystate_load_rare(const green_rare *rare, PyThreadState *ts)
{
    ts->async_gen_firstiter = rare->owned[GREEN_OWNED_FIRSTITER];
    ts->async_gen_finalizer = rare->owned[GREEN_OWNED_FINALIZER];
    ts->current_exception = rare->current_exception;
    ts->recursion_headroom = rare->recursion_headroom;
    ts->tracing = rare->tracing;
    ts->what_event = rare->what_event;
    ts->trash.delete_nesting = rare->trash_delete_nesting;
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
    state->py_recursion_depth = ts->py_recursion_limit - ts->py_recursion_remaining;
    state->c_recursion_remaining = ts->c_recursion_remaining;
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
    ts->py_recursion_remaining = ts->py_recursion_limit - state->py_recursion_depth;
    ts->c_recursion_remaining = state->c_recursion_remaining;
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_load_rare(&state->rare, tstate);
        state->has_rare = false;
    }
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
    return C_RECURSION_LIMIT - ts->c_recursion_remaining;
}

#endif
