/* CPython 3.11: frames in a chunked data stack, one recursion counter for Python and C calls. */
#ifndef GREEN_GREENLET_PYSTATE_311_H
#define GREEN_GREENLET_PYSTATE_311_H

#include <stdbool.h>
#include <string.h>

struct green_pystate {
    PyObject *context; /* owned, may be NULL */
    PyObject *async_gen_firstiter;
    PyObject *async_gen_finalizer;
    PyObject *curexc_type;
    PyObject *curexc_value;
    PyObject *curexc_traceback;
    _PyErr_StackItem *exc_info;
    _PyCFrame *cframe;
    _PyStackChunk *datastack_chunk;
    PyObject **datastack_top;
    PyObject **datastack_limit;
    int recursion_depth; /* not what remains: sys.setrecursionlimit reaches parked greenlets */
    int recursion_headroom;
    int tracing; /* depth inside trace functions of this stack */
    int trash_delete_nesting;
    _PyErr_StackItem exc_base; /* end of the exc_info chain; a main greenlet uses the thread's */
    _PyCFrame root_cframe;     /* likewise */
};

static inline void
green_pystate_init(green_pystate *state, const green_stack *stack, PyThreadState *ts)
{
    (void)ts;
    memset(state, 0, sizeof(*state));
    state->exc_info = &state->exc_base;
    state->cframe = &state->root_cframe;
    /* As the interpreter's own root chunk: the first slot is skipped so that no pop frees it. */
    _PyStackChunk *chunk = (_PyStackChunk *)stack->data;
    chunk->previous = NULL;
    chunk->size = stack->data_size;
    chunk->top = 0;
    state->datastack_chunk = chunk;
    state->datastack_top = &chunk->data[1];
    state->datastack_limit = (PyObject **)(stack->data + stack->data_size);
}

static inline void
green_pystate_init_main(green_pystate *state, PyThreadState *ts)
{
    (void)ts;
    memset(state, 0, sizeof(*state));
}

static inline void
green_pystate_save(green_pystate *state, PyThreadState *ts)
{
    state->context = ts->context;
    state->async_gen_firstiter = ts->async_gen_firstiter;
    state->async_gen_finalizer = ts->async_gen_finalizer;
    state->curexc_type = ts->curexc_type;
    state->curexc_value = ts->curexc_value;
    state->curexc_traceback = ts->curexc_traceback;
    state->exc_info = ts->exc_info;
    state->cframe = ts->cframe;
    state->datastack_chunk = ts->datastack_chunk;
    state->datastack_top = ts->datastack_top;
    state->datastack_limit = ts->datastack_limit;
    state->recursion_depth = ts->recursion_limit - ts->recursion_remaining;
    state->recursion_headroom = ts->recursion_headroom;
    state->tracing = ts->tracing;
    state->trash_delete_nesting = ts->trash_delete_nesting;
}

static inline void
green_pystate_load(green_pystate *state, PyThreadState *ts)
{
    ts->context = state->context;
    ts->context_ver++;
    ts->async_gen_firstiter = state->async_gen_firstiter;
    ts->async_gen_finalizer = state->async_gen_finalizer;
    ts->curexc_type = state->curexc_type;
    ts->curexc_value = state->curexc_value;
    ts->curexc_traceback = state->curexc_traceback;
    ts->exc_info = state->exc_info;
    ts->cframe = state->cframe;
    ts->datastack_chunk = state->datastack_chunk;
    ts->datastack_top = state->datastack_top;
    ts->datastack_limit = state->datastack_limit;
    ts->recursion_remaining = ts->recursion_limit - state->recursion_depth;
    ts->recursion_headroom = state->recursion_headroom;
    ts->tracing = state->tracing;
    ts->trash_delete_nesting = state->trash_delete_nesting;
    /* The thread's trace and profile functions may have come or gone meanwhile. */
    bool traced = !ts->tracing && (ts->c_tracefunc != NULL || ts->c_profilefunc != NULL);
    ts->cframe->use_tracing = traced ? 255 : 0;
}

static inline bool
green_pystate_idle(const green_pystate *state)
{
    return state->cframe == NULL || state->cframe->current_frame == NULL;
}

/* Point the frame chain of `ts`, which is no thread's, at a parked greenlet's innermost frame. */
static inline void
green_pystate_pose(const green_pystate *state, PyThreadState *ts)
{
    ts->cframe = state->cframe;
}

#endif
