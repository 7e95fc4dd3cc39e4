#define Py_BUILD_CORE 1
#include "greenlet/pystate_stack.h"

#if PY_VERSION_HEX < 0x030B0000

#include <frameobject.h>

typedef PyFrameObject frame;

static inline frame *
frame_top(PyThreadState *ts)
{
    return ts->frame;
}

static inline frame *
frame_caller(frame *f)
{
    return f->f_back;
}

static inline green_code_position
frame_position(frame *f)
{
    return (green_code_position){f->f_code, f->f_lasti * (int)sizeof(_Py_CODEUNIT)};
}

#else

#include <internal/pycore_code.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif

typedef _PyInterpreterFrame frame;

static inline frame *
frame_complete(frame *f)
{
    while (f != NULL && _PyFrame_IsIncomplete(f)) {
        f = f->previous;
    }
    return f;
}

static inline frame *
frame_top(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030D0000
    return frame_complete(ts->current_frame);
#else
    return frame_complete(ts->cframe->current_frame);
#endif
}

static inline frame *
frame_caller(frame *f)
{
    return frame_complete(f->previous);
}

static inline green_code_position
frame_position(frame *f)
{
    int instruction = _PyInterpreterFrame_LASTI(f) * (int)sizeof(_Py_CODEUNIT);
#if PY_VERSION_HEX >= 0x030D0000
    return (green_code_position){_PyFrame_GetCode(f), instruction};
#else
    return (green_code_position){f->f_code, instruction};
#endif
}

#endif

int
green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit)
{
    int count = 0;
    for (frame *f = frame_top(ts); f != NULL && count < limit; f = frame_caller(f)) {
        positions[count++] = frame_position(f);
    }
    return count;
}

bool
green_pystate_stack_is(PyThreadState *ts, const green_code_position *positions, int count,
                       int limit)
{
    int i = 0;
    for (frame *f = frame_top(ts); f != NULL && i < limit; f = frame_caller(f), i++) {
        if (i == count) {
            return false;
        }
        green_code_position here = frame_position(f);
        if (here.code != positions[i].code || here.instruction != positions[i].instruction) {
            return false;
        }
    }
    return i == count;
}
