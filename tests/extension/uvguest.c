/* A library that knows libuv and not greencore: start(capsule, milliseconds, function) calls
   function() once, from a timer of its own in the loop that the capsule holds. */
#include <Python.h>
#include <stdlib.h>
#include <uv.h>

static void
closed_cb(uv_handle_t *handle)
{
    free(handle);
}

static void
timer_cb(uv_timer_t *timer)
{
    /* The loop may have let the interpreter lock go while it slept. */
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *function = timer->data;
    PyObject *result = PyObject_CallNoArgs(function);
    if (result == NULL) {
        PyErr_WriteUnraisable(function);
    }
    Py_XDECREF(result);
    Py_DECREF(function);
    PyGILState_Release(state);
    uv_close((uv_handle_t *)timer, closed_cb);
}

static PyObject *
start(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *capsule, *function;
    int milliseconds;
    if (!PyArg_ParseTuple(args, "OiO", &capsule, &milliseconds, &function)) {
        return NULL;
    }
    uv_loop_t *loop = PyCapsule_GetPointer(capsule, "uv_loop_t");
    uv_timer_t *timer = loop == NULL ? NULL : malloc(sizeof(*timer));
    if (timer == NULL) {
        return loop == NULL ? NULL : PyErr_NoMemory();
    }
    uv_timer_init(loop, timer);
    timer->data = Py_NewRef(function);
    uv_timer_start(timer, timer_cb, (uint64_t)milliseconds, 0);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"start", start, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "uvguest", .m_size = -1,
                                    .m_methods = functions};

PyMODINIT_FUNC
PyInit_uvguest(void)
{
    return PyModule_Create(&module);
}
