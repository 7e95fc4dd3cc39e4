#include <Python.h>

#if PY_VERSION_HEX >= 0x030F0000

#include "greenlet/pystate_monitor.h"
#include "greenlet/pystate_stack.h"

/* The numbers that greencore's own tool may have, which sys.monitoring gives no purpose. The tool
   asks for no events. */
static const int monitor_ids[] = {4, 3};

/* Returns the number of greencore's tool, or where none was free that of another's; -1 with an
   exception. */
static int
monitor_tool(PyObject *monitoring)
{
    static int tool = -1;
    for (size_t i = 0; tool < 0 && i < Py_ARRAY_LENGTH(monitor_ids); i++) {
        PyObject *done =
            PyObject_CallMethod(monitoring, "use_tool_id", "is", monitor_ids[i], "greencore");
        if (done != NULL) {
            tool = monitor_ids[i];
            Py_DECREF(done);
        } else if (PyErr_ExceptionMatches(PyExc_ValueError)) {
            PyErr_Clear(); /* somebody else has this one */
        } else {
            return -1;
        }
    }
    return tool >= 0 ? tool : monitor_ids[0];
}

/* Make the data of `code`: setting the events that are set already does so, and changes nothing
   else. 0, or -1 with an exception. */
static int
monitor_prepare_code(PyObject *monitoring, int tool, PyCodeObject *code)
{
    PyObject *events = PyObject_CallMethod(monitoring, "get_local_events", "iO", tool, code);
    PyObject *done = events == NULL ? NULL
                                    : PyObject_CallMethod(monitoring, "set_local_events", "iOO",
                                                          tool, code, events);
    Py_XDECREF(events);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static int
monitor_prepare_all(PyThreadState *ts)
{
    PyObject *monitoring = PySys_GetObject("monitoring"); /* borrowed */
    if (monitoring == NULL) {
        return 0;
    }
    int tool = monitor_tool(monitoring);
    if (tool < 0) {
        return -1;
    }
    green_code_position *positions = NULL;
    int room = 32, count = room;
    while (count == room) {
        room *= 2;
        green_code_position *larger = PyMem_Realloc(positions, (size_t)room * sizeof(*positions));
        if (larger == NULL) {
            PyMem_Free(positions);
            PyErr_NoMemory();
            return -1;
        }
        positions = larger;
        count = green_pystate_stack(ts, positions, room);
    }
    int status = 0;
    for (int i = 0; status == 0 && i < count; i++) {
        status = monitor_prepare_code(monitoring, tool, positions[i].code);
    }
    PyMem_Free(positions);
    return status;
}

void
green_monitor_prepare(PyThreadState *ts)
{
    PyThreadState_EnterTracing(ts);
    if (monitor_prepare_all(ts) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    PyThreadState_LeaveTracing(ts);
}

#endif
