#define Py_BUILD_CORE_MODULE 1
#include "greenlet/pystate_abandon.h"

#if PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>

/* In 3.10 frames are objects of the heap, and an evaluation owns one reference to its frame. */
bool
green_pystate_abandon(green_pystate *state)
{
    for (PyFrameObject *f = state->frame; f != NULL; f = f->f_back) {
        /* The evaluation of the frame has one reference, the frame that it has called another. */
        Py_ssize_t refs = f == state->frame ? 1 : 2;
        if (f->f_gen != NULL || Py_REFCNT(f) > refs) {
            return false;
        }
    }
    PyFrameObject *f = state->frame;
    state->frame = NULL;
    Py_XINCREF(f);
    while (f != NULL) {
        PyFrameObject *back = f->f_back;
        Py_XINCREF(back);
        Py_TYPE(f)->tp_clear((PyObject *)f);
        Py_DECREF(f);
        Py_DECREF(f);
        f = back;
    }
    return true;
}

#else
#include <internal/pycore_frame.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_stackref.h>
#endif

static _PyInterpreterFrame *
abandon_innermost(const green_pystate *state)
{
#if PY_VERSION_HEX < 0x030D0000
    return state->cframe == NULL ? NULL : state->cframe->current_frame;
#else
    return state->current_frame;
#endif
}

static void
abandon_forget(green_pystate *state)
{
#if PY_VERSION_HEX < 0x030D0000
    state->cframe = &state->root_cframe;
#elif PY_VERSION_HEX < 0x030F0000
    state->current_frame = NULL;
#else
    state->current_frame = state->base_frame;
#endif
}

/* Whether the frame is there only to mark where C code called the interpreter. */
static bool
abandon_is_marker(const _PyInterpreterFrame *f)
{
#if PY_VERSION_HEX < 0x030C0000
    (void)f;
    return false;
#elif PY_VERSION_HEX < 0x030E0000
    return f->owner == FRAME_OWNED_BY_CSTACK;
#else
    return f->owner >= FRAME_OWNED_BY_INTERPRETER;
#endif
}

#if PY_VERSION_HEX < 0x030E0000

/* Drop what the frame refers to, but for its stack of temporary values: how far that reaches is
   known to the frame's evaluation only. */
static void
abandon_clear(_PyInterpreterFrame *f)
{
#if PY_VERSION_HEX < 0x030C0000
    PyObject *function = (PyObject *)f->f_func;
#else
    PyObject *function = f->f_funcobj;
#endif
#if PY_VERSION_HEX < 0x030D0000
    PyCodeObject *code = f->f_code;
#else
    PyCodeObject *code = (PyCodeObject *)f->f_executable;
#endif
    for (int i = 0; i < code->co_nlocalsplus; i++) {
        Py_CLEAR(f->localsplus[i]);
    }
    Py_CLEAR(f->f_locals);
    Py_CLEAR(f->frame_obj);
    Py_XDECREF(function);
    Py_DECREF(code);
}

#else

static void
abandon_close(_PyStackRef *ref)
{
    _PyStackRef old = *ref;
    *ref = PyStackRef_NULL;
    PyStackRef_XCLOSE(old);
}

static void
abandon_clear(_PyInterpreterFrame *f)
{
    _PyStackRef *end = f->stackpointer;
    if (end == NULL) {
        end = f->localsplus + _PyFrame_GetCode(f)->co_nlocalsplus;
    }
    for (_PyStackRef *ref = f->localsplus; ref < end; ref++) {
        abandon_close(ref);
    }
    Py_CLEAR(f->f_locals);
    Py_CLEAR(f->frame_obj);
    abandon_close(&f->f_funcobj);
    abandon_close(&f->f_executable);
}

#endif

/* Free the chunks of the data stack but the root chunk, which lies on the greenlet's own stack. */
static void
abandon_free_chunks(green_pystate *state)
{
    PyObjectArenaAllocator arena;
    PyObject_GetArenaAllocator(&arena);
    _PyStackChunk *chunk = state->datastack_chunk;
    while (chunk != NULL && chunk->previous != NULL) {
        _PyStackChunk *previous = chunk->previous;
        arena.free(arena.ctx, chunk, chunk->size);
        chunk = previous;
    }
    state->datastack_chunk = chunk;
}

bool
green_pystate_abandon(green_pystate *state)
{
    _PyInterpreterFrame *innermost = abandon_innermost(state);
    for (_PyInterpreterFrame *f = innermost; f != NULL; f = f->previous) {
        if (abandon_is_marker(f)) {
            continue;
        }
        if (f->owner != FRAME_OWNED_BY_THREAD ||
            (f->frame_obj != NULL && Py_REFCNT(f->frame_obj) > 1)) {
            return false;
        }
    }
    abandon_forget(state);
    for (_PyInterpreterFrame *f = innermost; f != NULL; f = f->previous) {
        if (!abandon_is_marker(f)) {
            abandon_clear(f);
        }
    }
    Py_CLEAR(state->exc_base.exc_value);
    abandon_free_chunks(state);
    return true;
}

#endif
