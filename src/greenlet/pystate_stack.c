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
frame_below(frame *f)
{
    return f->f_back;
}

static inline bool
frame_incomplete(frame *Py_UNUSED(f))
{
    return false;
}

static inline green_code_position
frame_position(frame *f)
{
    const char *bytes = PyBytes_AS_STRING(f->f_code->co_code);
    return (green_code_position){f->f_code, bytes + f->f_lasti * (int)sizeof(_Py_CODEUNIT)};
}

/* The code is compared, too, since copies of a code object may share their bytes. */
static inline bool
frame_is_at(frame *f, const green_code_position *position)
{
    return f->f_code == position->code && frame_position(f).at == position->at;
}

int
green_code_line(const green_code_position *position)
{
    const char *bytes = PyBytes_AS_STRING(position->code->co_code);
    return PyCode_Addr2Line(position->code, (int)((const char *)position->at - bytes));
}

#else

#include <internal/pycore_code.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
#include <internal/pycore_instruments.h> /* public from 3.13 on */
#endif

typedef _PyInterpreterFrame frame;

static inline frame *
frame_top(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030D0000
    return ts->current_frame;
#else
    return ts->cframe->current_frame;
#endif
}

static inline frame *
frame_below(frame *f)
{
    return f->previous;
}

static inline bool
frame_incomplete(frame *f)
{
    return _PyFrame_IsIncomplete(f);
}

static inline green_code_position
frame_position(frame *f)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (green_code_position){_PyFrame_GetCode(f), f->instr_ptr};
#else
    return (green_code_position){f->f_code, f->prev_instr};
#endif
}

static inline bool
frame_is_at(frame *f, const green_code_position *position)
{
#if PY_VERSION_HEX >= 0x030D0000
    return f->instr_ptr == position->at;
#else
    return f->prev_instr == position->at;
#endif
}

int
green_code_line(const green_code_position *position)
{
    const char *bytes = (const char *)_PyCode_CODE(position->code);
    return PyCode_Addr2Line(position->code, (int)((const char *)position->at - bytes));
}

#endif

static inline frame *
frame_complete(frame *f)
{
    while (f != NULL && frame_incomplete(f)) {
        f = frame_below(f);
    }
    return f;
}

int
green_pystate_stack(PyThreadState *ts, green_code_position *positions, int limit)
{
    int count = 0;
    frame *f = frame_top(ts);
    while (count < limit && (f = frame_complete(f)) != NULL) {
        positions[count++] = frame_position(f);
        f = frame_below(f);
    }
    return count;
}

bool
green_pystate_stack_is(PyThreadState *ts, const green_code_position *positions, int count,
                       int limit)
{
    frame *f = frame_top(ts);
    for (int i = 0; i < count; f = frame_below(f)) {
        if (f == NULL) {
            return false;
        }
        if (frame_is_at(f, &positions[i])) { /* such a frame is complete */
            i++;
        } else if (!frame_incomplete(f)) {
            return false;
        }
    }
    return count == limit || (count < limit && frame_complete(f) == NULL);
}

#if PY_VERSION_HEX >= 0x030C0000

bool
green_pystate_monitored(PyThreadState *ts)
{
    frame *f = frame_complete(frame_top(ts));
    const _PyCoMonitoringData *data = f == NULL ? NULL : frame_position(f).code->_co_monitoring;
    if (data == NULL) {
        return false;
    }
    const uint8_t *tools = data->active_monitors.tools;
    return (tools[PY_MONITORING_EVENT_PY_START] | tools[PY_MONITORING_EVENT_PY_RESUME] |
            tools[PY_MONITORING_EVENT_PY_RETURN] | tools[PY_MONITORING_EVENT_PY_YIELD]) != 0;
}

#else

bool
green_pystate_monitored(PyThreadState *Py_UNUSED(ts))
{
    return false;
}

#endif
