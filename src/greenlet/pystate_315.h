/* CPython 3.15: as 3.14, but a chain of frames ends in a sentinel. Profilers outside of the process
   look for the sentinel, and note the frame that they saw last in the thread state. */
#ifndef GREEN_GREENLET_PYSTATE_315_H
#define GREEN_GREENLET_PYSTATE_315_H

#include "greenlet/pystate_common.h"
#include "greenlet/pystate_free.h"
#include "greenlet/pystate_limits.h"
#include "greenlet/pystate_monitor.h"

/* Each greenlet has a copy of the thread's sentinel in its data area, because frames may be looked
   at after the thread has ended. So many bytes are copied: the sentinel's size or more, and what
   follows the sentinel is never used. */
#define GREEN_BASE_FRAME_SIZE 128

typedef struct {
    PyObject *owned[GREEN_OWNED_COUNT];
    PyObject *current_exception;
    int recursion_headroom;
    int tracing; /* how many trace functions this stack is inside of */
    int what_event;
    PyObject *current_executor; /* borrowed; the JIT's */
} green_rare;

struct green_pystate {
    _PyErr_StackItem *exc_info;
    struct _PyInterpreterFrame *current_frame;
    struct _PyInterpreterFrame *base_frame; /* the sentinel */
    _PyStackChunk *datastack_chunk;
    PyObject **datastack_top;
    PyObject **datastack_limit;
    int py_recursion_depth; /* not what remains: sys.setrecursionlimit reaches parked greenlets */
    bool has_rare;
    bool unprepared;   /* monitoring has changed since the greenlet last ran: pystate_monitor.h */
    uintptr_t monitor; /* green_monitor_version when it last ran */
    green_free free;
    green_limits limits;
    _PyErr_StackItem exc_base; /* end of the exc_info chain; a main greenlet uses the thread's */
    green_rare rare;
};

static inline void
green_pystate_init(struct green_pystate *state, const green_stack *stack, PyThreadState *ts)
{
    _PyStackChunk *chunk = green_chunk_init(stack, GREEN_BASE_FRAME_SIZE);
    state->exc_info = &state->exc_base;
    memcpy(stack->data, ts->base_frame, GREEN_BASE_FRAME_SIZE);
    state->current_frame = state->base_frame = (struct _PyInterpreterFrame *)stack->data;
    state->datastack_chunk = chunk;
    state->datastack_top = &chunk->data[1];
    state->datastack_limit = (PyObject **)(stack->data + stack->data_size);
    state->py_recursion_depth = 0;
    state->limits.start = stack->limit;
    state->limits.size = (size_t)(stack->base - stack->limit);
    state->has_rare = false;
    state->monitor = green_monitor_version(ts);
    green_free_init(&state->free);
    state->exc_base = (_PyErr_StackItem){0};
}

static inline void
green_pystate_init_main(struct green_pystate *state, PyThreadState *ts)
{
    memset(state, 0, sizeof(*state));
    state->current_frame = state->base_frame = ts->base_frame;
    green_limits_read(&state->limits, ts);
}

static inline void
green_pystate_share_asyncio(struct green_pystate *state, PyThreadState *ts)
{
    PyObject *loop = green_asyncio(ts)[0];
    PyObject *task = green_asyncio(ts)[1];
    if (GREEN_RARELY(loop != NULL || task != NULL)) {
        memset(&state->rare, 0, sizeof(state->rare));
        state->rare.owned[GREEN_OWNED_LOOP] = Py_XNewRef(loop);
        state->rare.owned[GREEN_OWNED_TASK] = Py_XNewRef(task);
        state->rare.what_event = -1;
        state->has_rare = true;
    }
}

static inline bool
green_pystate_has_rare(green_tstate *ts)
{
    uintptr_t any = (uintptr_t)ts->async_gen_firstiter | (uintptr_t)ts->async_gen_finalizer |
                    (uintptr_t)ts->current_exception | (uintptr_t)ts->current_executor |
                    (uintptr_t)green_asyncio(ts)[0] | (uintptr_t)green_asyncio(ts)[1];
    return (any | (unsigned)(ts->recursion_headroom | ts->tracing)) != 0;
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
    rare->owned[GREEN_OWNED_LOOP] = green_asyncio(ts)[0];
    rare->owned[GREEN_OWNED_TASK] = green_asyncio(ts)[1];
    rare->current_executor = ts->current_executor;
    ts->async_gen_firstiter = ts->async_gen_finalizer = ts->current_exception = NULL;
    ts->recursion_headroom = ts->tracing = 0;
    green_asyncio(ts)[0] = green_asyncio(ts)[1] = ts->current_executor = NULL;
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
    green_asyncio(ts)[0] = rare->owned[GREEN_OWNED_LOOP];
    green_asyncio(ts)[1] = rare->owned[GREEN_OWNED_TASK];
    ts->current_executor = rare->current_executor;
}

static inline void
green_pystate_save(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    state->exc_info = ts->exc_info;
    state->current_frame = ts->current_frame;
    state->datastack_chunk = ts->datastack_chunk;
    state->datastack_top = ts->datastack_top;
    state->datastack_limit = ts->datastack_limit;
    state->py_recursion_depth = ts->py_recursion_limit - ts->py_recursion_remaining;
    state->has_rare = green_pystate_has_rare(tstate);
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_save_rare(&state->rare, tstate);
    }
    state->monitor = green_monitor_version(tstate);
    green_free_save(&state->free, tstate);
}

static inline void
green_pystate_load(struct green_pystate *state, PyThreadState *tstate)
{
    green_tstate *ts = tstate;
    ts->exc_info = state->exc_info;
    ts->current_frame = state->current_frame;
    ts->base_frame = state->base_frame;
    ts->last_profiled_frame = NULL; /* that frame is in another chain */
    ts->datastack_chunk = state->datastack_chunk;
    ts->datastack_top = state->datastack_top;
    ts->datastack_limit = state->datastack_limit;
    ts->py_recursion_remaining = ts->py_recursion_limit - state->py_recursion_depth;
    if (GREEN_RARELY(state->has_rare)) {
        green_pystate_load_rare(&state->rare, tstate);
        state->has_rare = false;
    }
    state->unprepared = state->monitor != green_monitor_version(tstate);
    green_free_load(&state->free, tstate);
    green_limits_apply(&state->limits, tstate);
}

static inline bool
green_pystate_idle(const struct green_pystate *state)
{
    return state->current_frame == state->base_frame;
}

static inline void
green_pystate_pose(const struct green_pystate *state, PyThreadState *ts)
{
    ts->current_frame = state->current_frame;
}

static inline void
green_pystate_peek(struct green_pystate *state, const PyThreadState *ts)
{
    state->current_frame = ts->current_frame;
}

#endif
