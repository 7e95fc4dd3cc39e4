/* The functions and exceptions of Python's module greenlet. */
#include "greenlet/greenlet.h"

#include "greenlet/type.h"

PyObject *green_exc_GreenletExit;
PyObject *green_exc_error;

PyDoc_STRVAR(getcurrent_doc, "getcurrent()\n--\n\nReturn the greenlet that runs this call.");

static PyObject *
greenlet_getcurrent(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (thread->orphans != NULL) {
        green_thread_kill_orphans(thread);
    }
    return Py_NewRef(thread->current);
}

/* The getcurrent() of `import greenlet`. It raises RuntimeError while the interpreter ends, because
   users of greenlet look for that error in destructors that run at exit. gevent's getcurrent()
   works until the end, as all of gevent does. */
static PyObject *
greenlet_getcurrent_before_exit(PyObject *module, PyObject *none)
{
#if PY_VERSION_HEX >= 0x030D0000
    if (GREEN_RARELY(Py_IsFinalizing())) {
#else
    if (GREEN_RARELY(_Py_IsFinalizing())) {
#endif
        PyErr_SetString(PyExc_RuntimeError, "greenlet is being finalized");
        return NULL;
    }
    return greenlet_getcurrent(module, none);
}

static PyMethodDef getcurrent_before_exit = {"getcurrent", greenlet_getcurrent_before_exit,
                                             METH_NOARGS, getcurrent_doc};

PyDoc_STRVAR(mains_doc,
             "get_total_main_greenlets()\n--\n\n"
             "Return how many main greenlets exist: one for each thread that used greenlets.");

static PyObject *
greenlet_count_mains(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t(green_greenlet_mains);
}

PyDoc_STRVAR(pending_doc, "get_pending_cleanup_count()\n--\n\n"
                          "Return how many greenlets and ended threads wait to be cleaned up.");

static PyObject *
greenlet_count_pending(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t(green_thread_pending_count());
}

PyDoc_STRVAR(
    trash_doc,
    "get_tstate_trash_delete_nesting()\n--\n\n"
    "Return how deep this thread is in nested deallocations; 0 from Python 3.13 on, which\n"
    "keeps no such count.");

static PyObject *
greenlet_trash_nesting(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
#if PY_VERSION_HEX < 0x030C0000
    return PyLong_FromLong(PyThreadState_Get()->trash_delete_nesting);
#elif PY_VERSION_HEX < 0x030D0000
    return PyLong_FromLong(PyThreadState_Get()->trash.delete_nesting);
#else
    return PyLong_FromLong(0);
#endif
}

PyDoc_STRVAR(
    thread_local_doc,
    "set_thread_local(key, value)\n--\n\n"
    "Put `value` into the thread's state dictionary, which lives until the thread's very end.");

static PyObject *
greenlet_set_thread_local(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *key, *value;
    PyObject *dict = PyThreadState_GetDict(); /* borrowed */
    if (dict == NULL) {
        return PyErr_NoMemory();
    }
    if (!PyArg_UnpackTuple(args, "set_thread_local", 2, 2, &key, &value) ||
        PyDict_SetItem(dict, key, value) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
greenlet_same_thread(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "O!O!", Greenlet_Type, &a, Greenlet_Type, &b)) {
        return NULL;
    }
    return PyBool_FromLong(((GreenletObject *)a)->thread == ((GreenletObject *)b)->thread);
}

static PyMethodDef greenlet_functions[] = {
    {"set_thread_local", greenlet_set_thread_local, METH_VARARGS, thread_local_doc},
    {"get_tstate_trash_delete_nesting", greenlet_trash_nesting, METH_NOARGS, trash_doc},
    {"getcurrent", greenlet_getcurrent, METH_NOARGS, getcurrent_doc},
    {"get_total_main_greenlets", greenlet_count_mains, METH_NOARGS, mains_doc},
    {"get_pending_cleanup_count", greenlet_count_pending, METH_NOARGS, pending_doc},
    {"same_thread", greenlet_same_thread, METH_VARARGS,
     "same_thread(greenlet, other)\n--\n\nWhether both greenlets belong to one thread."},
    {NULL},
};

PyDoc_STRVAR(
    exit_doc,
    "Ends the greenlet that it is thrown into, and only that: its parent gets it as a value.");
PyDoc_STRVAR(error_doc, "A switch that is not possible.");

/* Names of the module that its type has as attributes, too. */
static const struct {
    const char *name;
    const char *of_module;
} greenlet_names[] = {
    {"getcurrent", "getcurrent_before_exit"},
    {"error", "error"},
    {"GreenletExit", "GreenletExit"},
    {"settrace", "settrace"},
    {"gettrace", "gettrace"},
};

int
green_greenlet_exec(PyObject *module)
{
    green_exc_error = green_type_new_exception("greencore._greenlet_module.error", error_doc, NULL);
    if (green_exc_error == NULL) {
        return -1;
    }
    green_exc_GreenletExit = green_type_new_exception("greencore._greenlet_module.GreenletExit",
                                                      exit_doc, PyExc_BaseException);
    if (green_exc_GreenletExit == NULL) {
        return -1;
    }
    if (PyModule_AddObjectRef(module, "error", green_exc_error) < 0 ||
        PyModule_AddObjectRef(module, "GreenletExit", green_exc_GreenletExit) < 0 ||
        green_greenlet_type_exec(module) < 0 ||
        PyModule_AddFunctions(module, greenlet_functions) < 0) {
        return -1;
    }
    PyObject *getcurrent = PyCFunction_New(&getcurrent_before_exit, NULL);
    int added = PyModule_AddObjectRef(module, "getcurrent_before_exit", getcurrent);
    Py_XDECREF(getcurrent);
    if (added < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(greenlet_names); i++) {
        PyObject *value = PyObject_GetAttrString(module, greenlet_names[i].of_module);
        int status = value == NULL ? -1
                                   : PyObject_SetAttrString((PyObject *)Greenlet_Type,
                                                            greenlet_names[i].name, value);
        Py_XDECREF(value);
        if (status < 0) {
            return -1;
        }
    }
    return 0;
}
