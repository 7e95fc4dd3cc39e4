/* Checks whether the running interpreter keeps its state where this build looks for it. Each family
   of fields is compared with what a public call shows, or changed by what one does. The probe that
   moves fields itself, probe_rare, is the last. */
#include "greenlet/pystate.h"

static bool
probe_version(PyThreadState *ts)
{
    (void)ts;
    PyObject *version = PySys_GetObject("hexversion"); /* borrowed */
    if (version == NULL || !PyLong_Check(version)) {
        return false;
    }
    return (PyLong_AsUnsignedLongMask(version) >> 16) == (PY_VERSION_HEX >> 16);
}

static bool
probe_frames(PyThreadState *ts)
{
    green_pystate now = {0};
    green_pystate_peek(&now, ts);
    PyFrameObject *seen = green_pystate_frame(&now);
    PyFrameObject *real = PyThreadState_GetFrame(ts);
    bool same = seen == real;
#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030D0000
    PyCodeObject *code = real == NULL ? NULL : PyFrame_GetCode(real);
    same = same && code != NULL && *(PyCodeObject **)ts->cframe->current_frame == code;
    Py_XDECREF(code);
#endif
    Py_XDECREF(seen);
    Py_XDECREF(real);
#if PY_VERSION_HEX >= 0x030F0000
    /* A copy of the sentinel is no frame either, since each greenlet has one. */
    _Alignas(16) char copy[GREEN_BASE_FRAME_SIZE];
    memcpy(copy, ts->base_frame, sizeof(copy));
    PyThreadState pose = {0};
    pose.current_frame = (struct _PyInterpreterFrame *)copy;
    PyFrameObject *none = PyThreadState_GetFrame(&pose);
    same = same && none == NULL;
    Py_XDECREF(none);
#endif
    return same;
}

static bool
probe_recursion(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030C0000
    if (ts->py_recursion_limit != Py_GetRecursionLimit()) {
        return false;
    }
#elif PY_VERSION_HEX >= 0x030B0000
    if (ts->recursion_limit != Py_GetRecursionLimit()) {
        return false;
    }
#endif
#if PY_VERSION_HEX >= 0x030E0000
    return green_limits_find(ts);
#else
    int before = green_pystate_calls(ts);
    if (Py_EnterRecursiveCall(" in the import of greencore") != 0) {
        PyErr_Clear();
        return false;
    }
    int inside = green_pystate_calls(ts);
    Py_LeaveRecursiveCall();
    return inside == before + 1 && green_pystate_calls(ts) == before;
#endif
}

static bool
probe_chunks(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030B0000
    /* A thread that imports runs Python code, so it has a chunk, for which the interpreter maps
       whole pages. */
    _PyStackChunk *chunk = ts->datastack_chunk;
    if (chunk == NULL || (uintptr_t)chunk % 4096 != 0) {
        return false;
    }
    return (char *)ts->datastack_limit == (char *)chunk + chunk->size &&
           ts->datastack_top >= chunk->data && ts->datastack_top <= ts->datastack_limit;
#else
    (void)ts;
    return true;
#endif
}

static bool
probe_context(PyThreadState *ts)
{
    PyObject *before = ts->context;
    uint64_t version = ts->context_ver;
    PyObject *context = PyContext_New();
    if (context == NULL || PyContext_Enter(context) < 0) {
        PyErr_Clear();
        Py_XDECREF(context);
        return false;
    }
    bool seen = ts->context == context && ts->context_ver != version;
    bool exited = PyContext_Exit(context) == 0;
    Py_DECREF(context);
    if (!exited) {
        PyErr_Clear();
    }
    return seen && exited && ts->context == before;
}

static bool
probe_handled(PyThreadState *ts)
{
    PyObject *type, *value, *traceback;
    PyErr_GetExcInfo(&type, &value, &traceback);
    PyObject *probe = PyObject_CallNoArgs(PyExc_KeyError);
    Py_INCREF(PyExc_KeyError);
    Py_XINCREF(probe);
    PyErr_SetExcInfo(PyExc_KeyError, probe, NULL);
    bool same = probe != NULL && ts->exc_info->exc_value == probe;
    PyErr_SetExcInfo(type, value, traceback);
    Py_XDECREF(probe);
    return same;
}

/* Move the rare fields, an exception among them, out and in again. */
static bool
probe_rare(PyThreadState *ts)
{
    green_rare rare;
    PyErr_SetNone(PyExc_KeyError);
    if (!green_pystate_has_rare(ts)) {
        PyErr_Clear();
        return false;
    }
    green_pystate_save_rare(&rare, ts);
    bool gone = PyErr_Occurred() == NULL;
    green_pystate_load_rare(&rare, ts);
    bool back = PyErr_Occurred() == PyExc_KeyError;
    PyErr_Clear();
    return gone && back;
}

/* Compare the field of asyncio's running loop with what _asyncio says. It is NULL unless code in a
   running loop imports greencore. */
static bool
probe_asyncio(PyThreadState *ts)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *loop = NULL;
    PyObject *name = PyUnicode_FromString("_asyncio");
    PyObject *module = name == NULL ? NULL : PyImport_GetModule(name);
    Py_XDECREF(name);
    if (module != NULL) {
        loop = PyObject_CallMethod(module, "_get_running_loop", NULL);
        Py_DECREF(module);
    }
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return false;
    }
    Py_XDECREF(loop); /* from here on only the address is compared */
    return *green_asyncio(ts) == (loop == Py_None ? NULL : loop);
#else
    (void)ts;
    return true;
#endif
}

int
green_pystate_probe(void)
{
    static const struct {
        const char *what;
        bool (*check)(PyThreadState *ts);
    } probes[] = {
        {"version", probe_version},        {"chain of frames", probe_frames},
        {"chunks", probe_chunks},          {"recursion counts", probe_recursion},
        {"context", probe_context},        {"handled exceptions", probe_handled},
        {"asyncio fields", probe_asyncio}, {"raised exceptions", probe_rare},
    };
    PyThreadState *ts = PyThreadState_Get();
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (!probes[i].check(ts)) {
            PyErr_Format(PyExc_ImportError,
                         "greencore was built for CPython %s; this interpreter, %.40s, differs in "
                         "its private %s: install a build of greencore made for it",
                         PY_VERSION, Py_GetVersion(), probes[i].what);
            return -1;
        }
    }
    return 0;
}
