#include "greenlet/pystate.h"

/* docs/pystate.rst says why it is so much. */
#if PY_VERSION_HEX >= 0x030E0000
const size_t green_pystate_stack_min = (size_t)96 << 10;
#else
const size_t green_pystate_stack_min = (size_t)64 << 10;
#endif

GREEN_COLD static void
pystate_finish_rare(PyThreadState *ts)
{
    green_rare rare;
    green_pystate_save_rare(&rare, ts);
    for (int i = 0; i < GREEN_OWNED_COUNT; i++) {
        Py_CLEAR(rare.owned[i]);
    }
}

void
green_pystate_finish(PyThreadState *ts)
{
    /* Each of these is None where the greenlet has ever handled an exception. */
#if PY_VERSION_HEX < 0x030B0000
    Py_CLEAR(ts->exc_info->exc_type);
    Py_CLEAR(ts->exc_info->exc_traceback);
#endif
    Py_CLEAR(ts->exc_info->exc_value);
    while (GREEN_RARELY(green_pystate_has_rare(ts))) { /* dropping those may have set others */
        pystate_finish_rare(ts);
    }
    /* The context stays, since a dead greenlet still tells its gr_context. Objects whose
       deallocation was put off stay in the thread's one list, from which the next deallocation of
       another greenlet takes them. The last Python frame has freed all chunks but the root one. */
}

PyFrameObject *
green_pystate_frame(green_pystate *state)
{
    if (green_pystate_idle(state)) {
        return NULL;
    }
    /* PyThreadState_GetFrame knows which frames are complete, and reads the chain of frames
       alone. */
    PyThreadState pose = {0};
    green_pystate_pose(state, &pose);
    return PyThreadState_GetFrame(&pose);
}

const char *
green_pystate_data_top(const green_pystate *state, const green_stack *stack)
{
    const char *end = stack->data + stack->data_size;
#if PY_VERSION_HEX < 0x030B0000
    (void)state;
    return end;
#else
    /* Where the top lies in another chunk, calls went deeper than the root chunk, which is full
       then. */
    const char *top = (const char *)state->datastack_top;
    return top >= stack->data && top < end ? top : end;
#endif
}

int
green_pystate_traverse(green_pystate *state, visitproc visit, void *arg)
{
    for (int i = 0; state->has_rare && i < GREEN_OWNED_COUNT; i++) {
        Py_VISIT(state->rare.owned[i]);
    }
    return 0;
}

void
green_pystate_clear(green_pystate *state)
{
    if (!green_pystate_idle(state)) {
        return;
    }
    for (int i = 0; state->has_rare && i < GREEN_OWNED_COUNT; i++) {
        Py_CLEAR(state->rare.owned[i]);
    }
}
