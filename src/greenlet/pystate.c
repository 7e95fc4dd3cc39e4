#include "greenlet/pystate.h"

#define MIB ((size_t)1 << 20)

/* One counter guards C and Python calls alike and knows nothing of the stack: only a stack as large
   as the main thread's is as safe. */
const green_stack_policy green_pystate_stack_policy = {
    .size = 8 * MIB,
    .roomy_size = 8 * MIB,
    .roomy_count = 0,
};

static int
probe_refuse(const char *what)
{
    PyErr_Format(PyExc_ImportError,
                 "greencore was built for CPython %s, and this interpreter (%s) keeps its %s "
                 "elsewhere: build greencore for it",
                 PY_VERSION, Py_GetVersion(), what);
    return -1;
}

static bool
probe_frame(PyThreadState *ts)
{
    green_pystate now = {0};
    now.cframe = ts->cframe;
    PyFrameObject *seen = green_pystate_frame(&now);
    PyFrameObject *real = PyThreadState_GetFrame(ts);
    bool same = seen == real;
    Py_XDECREF(seen);
    Py_XDECREF(real);
    return same;
}

int
green_pystate_probe(void)
{
    PyThreadState *ts = PyThreadState_Get();
    if ((Py_Version >> 16) != (PY_VERSION_HEX >> 16)) {
        return probe_refuse("private state");
    }
    if (!probe_frame(ts)) {
        return probe_refuse("frames");
    }
    return 0;
}

void
green_pystate_finish(PyThreadState *ts)
{
    /* Objects whose deallocation was put off stay in the thread's one list: another greenlet's next
       deallocation takes them. The last Python frame freed all chunks but the root. */
    assert(ts->datastack_chunk == NULL || ts->datastack_chunk->previous == NULL);
    Py_CLEAR(ts->async_gen_firstiter);
    Py_CLEAR(ts->async_gen_finalizer);
    green_pystate_set_context(ts, NULL);
}

PyFrameObject *
green_pystate_frame(green_pystate *state)
{
    if (green_pystate_idle(state)) {
        return NULL;
    }
    /* The public function knows which frames are complete, and reads the frame chain alone. */
    PyThreadState pose = {0};
    green_pystate_pose(state, &pose);
    return PyThreadState_GetFrame(&pose);
}

int
green_pystate_traverse(green_pystate *state, visitproc visit, void *arg)
{
    if (!green_pystate_idle(state)) {
        return 0;
    }
    Py_VISIT(state->context);
    Py_VISIT(state->async_gen_firstiter);
    Py_VISIT(state->async_gen_finalizer);
    return 0;
}

void
green_pystate_clear(green_pystate *state)
{
    if (!green_pystate_idle(state)) {
        return;
    }
    Py_CLEAR(state->context);
    Py_CLEAR(state->async_gen_firstiter);
    Py_CLEAR(state->async_gen_finalizer);
}
