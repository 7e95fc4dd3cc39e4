#include "greenlet/asyncio.h"

#include "greenlet/greenlet.h"

#if PY_VERSION_HEX < 0x030D0000

bool green_asyncio_tracked;
static PyObject *get_loop; /* asyncio.events._get_running_loop, owned for good */
static PyObject *set_loop; /* its _set_running_loop, likewise */

/* Returns asyncio's running loop in this thread (new reference); NULL without an exception: none
   runs. */
static PyObject *
asyncio_running(void)
{
    PyObject *loop = PyObject_CallNoArgs(get_loop);
    if (loop == NULL) {
        PyErr_Clear(); /* no memory */
    } else if (loop == Py_None) {
        Py_CLEAR(loop);
    }
    return loop;
}

void
green_asyncio_switch(GreenletObject *self, GreenletObject *target)
{
    /* The exception is not taken by green_error_take: before 3.12 that may call the exception's
       class, which could switch. */
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *loop = asyncio_running(), *wanted = target->flow->asyncio_loop;
    if (loop != wanted) {
        PyObject *done = PyObject_CallOneArg(set_loop, wanted ? wanted : Py_None);
        if (done == NULL) {
            PyErr_WriteUnraisable(set_loop);
        }
        Py_XDECREF(done);
    }
    target->flow->asyncio_loop = NULL;
    if (self->status == GREEN_DEAD) {
        self->leftover = loop; /* dropping it here might run code, which could switch */
    } else {
        self->flow->asyncio_loop = loop;
    }
    Py_XDECREF(wanted);
    PyErr_Restore(type, value, traceback);
}

void
green_asyncio_share(GreenletObject *target)
{
    Py_XSETREF(target->flow->asyncio_loop, asyncio_running());
}

static PyObject *
track_asyncio(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *get, *set;
    if (!PyArg_ParseTuple(args, "OO:track_asyncio", &get, &set)) {
        return NULL;
    }
    Py_XSETREF(get_loop, Py_NewRef(get));
    Py_XSETREF(set_loop, Py_NewRef(set));
    green_asyncio_tracked = true;
    Py_RETURN_NONE;
}

static PyMethodDef asyncio_methods[] = {
    {"track_asyncio", track_asyncio, METH_VARARGS,
     "track_asyncio(get, set)\n--\n\n"
     "From now on each greenlet has a running asyncio loop of its own. get and set are C "
     "functions\n"
     "that tell the thread's and change it."},
    {NULL, NULL, 0, NULL},
};

int
green_asyncio_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, asyncio_methods);
}

#else

int
green_asyncio_exec(PyObject *Py_UNUSED(module))
{
    return 0;
}

#endif
