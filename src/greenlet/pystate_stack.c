#define Py_BUILD_CORE 1
#include "greenlet/pystate_stack.h"

#if PY_VERSION_HEX < 0x030B0000

#include <frameobject.h>

int
green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit)
{
    int count = 0;
    for (PyFrameObject *f = ts->frame; f != NULL && count < limit; f = f->f_back) {
        positions[count].code = f->f_code;
        positions[count].instruction = f->f_lasti * (int)sizeof(_Py_CODEUNIT);
        count++;
    }
    return count;
}

#else

#include <internal/pycore_code.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif

static inline _PyInterpreterFrame *
stack_top(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030D0000
    return ts->current_frame;
#else
    return ts->cframe->current_frame;
#endif
}

static inline PyCodeObject *
frame_code(_PyInterpreterFrame *f)
{
#if PY_VERSION_HEX >= 0x030D0000
    return _PyFrame_GetCode(f);
#else
    return f->f_code;
#endif
}

int
green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit)
{
    int count = 0;
    for (_PyInterpreterFrame *f = stack_top(ts); f != NULL && count < limit; f = f->previous) {
        if (_PyFrame_IsIncomplete(f)) {
            continue;
        }
        positions[count].code = frame_code(f);
        positions[count].instruction = _PyInterpreterFrame_LASTI(f) * (int)sizeof(_Py_CODEUNIT);
        count++;
    }
    return count;
}

#endif
