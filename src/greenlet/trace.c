#include "greenlet/trace.h"
#include "greenlet/error.h"

static PyObject *event_switch;
static PyObject *event_throw;

#if PY_VERSION_HEX < 0x030B0000
static void
trace_enter(PyThreadState *ts)
{
    ts->tracing++;
    ts->cframe->use_tracing = 0;
}

static void
trace_leave(PyThreadState *ts)
{
    ts->tracing--;
    ts->cframe->use_tracing = ts->c_tracefunc != NULL || ts->c_profilefunc != NULL ? 255 : 0;
}
#else
#define trace_enter PyThreadState_EnterTracing
#define trace_leave PyThreadState_LeaveTracing
#endif

int
green_trace_call(green_thread *thread, bool thrown, GreenletObject *origin)
{
    PyObject *tracer = Py_NewRef(thread->tracer);
    PyObject *pair = PyTuple_Pack(2, origin, thread->current);
    PyObject *result = NULL;
    if (pair != NULL) {
        PyObject *args[] = {thrown ? event_throw : event_switch, pair};
        /* The debugger's trace function does not see the tracer run. */
        trace_enter(thread->tstate);
        result = PyObject_Vectorcall(tracer, args, 2, NULL);
        trace_leave(thread->tstate);
        Py_DECREF(pair);
    }
    if (result == NULL) {
        PyObject *exception = green_error_take();
        Py_CLEAR(thread->tracer);
        Py_DECREF(tracer);
        green_error_raise(exception);
        return -1;
    }
    Py_DECREF(result);
    Py_DECREF(tracer);
    return 0;
}

PyDoc_STRVAR(gettrace_doc,
             "gettrace()\n--\n\n"
             "Return this thread's tracer of switches, what settrace() was given, or None.");

static PyObject *
trace_get(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    return Py_NewRef(thread->tracer != NULL ? thread->tracer : Py_None);
}

PyDoc_STRVAR(settrace_doc,
             "settrace(callback)\n--\n\n"
             "Make this thread call callback(event, (origin, target)) after each switch between\n"
             "greenlets, in the target: the event is 'switch', or 'throw' where an exception is\n"
             "about to be raised. An exception of the callback is raised there, and removes it.\n"
             "None traces no more. Returns the callback so far, or None.");

static PyObject *
trace_set(PyObject *Py_UNUSED(module), PyObject *callback)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    PyObject *previous = thread->tracer;
    thread->tracer = callback == Py_None ? NULL : Py_NewRef(callback);
    return previous != NULL ? previous : Py_NewRef(Py_None);
}

static PyMethodDef trace_functions[] = {
    {"gettrace", trace_get, METH_NOARGS, gettrace_doc},
    {"settrace", trace_set, METH_O, settrace_doc},
    {NULL},
};

int
green_trace_exec(PyObject *module)
{
    event_switch = PyUnicode_InternFromString("switch");
    event_throw = PyUnicode_InternFromString("throw");
    if (event_switch == NULL || event_throw == NULL) {
        return -1;
    }
    return PyModule_AddFunctions(module, trace_functions);
}
