/* Which hub a thread has. The hub is made on first use, and ends with the thread. */
#include "greenlet/error.h"
#include "greenlet/name.h"
#include "hub/hub.h"

static PyObject *hub_default_class; /* owned; NULL: greencore.hub.Hub, not looked up yet */

/* Returns the default hub class. Borrowed; NULL with an exception. */
static PyObject *
hub_class(void)
{
    if (hub_default_class == NULL) {
        PyObject *class = green_name_get("greencore.hub", "Hub");
        if (hub_default_class == NULL) {
            hub_default_class = class;
        } else {
            Py_XDECREF(class); /* the import has let another thread set it */
        }
    }
    return hub_default_class;
}

/* green_thread.leave: ends the hub of a thread that ends, and closes all that its loop has open. */
static void
hub_leave(green_thread *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    bool finalizing = Py_IsFinalizing();
#else
    bool finalizing = _Py_IsFinalizing();
#endif
    HubObject *hub = (HubObject *)thread->hub;
    if (finalizing || hub == NULL || hub->loop == NULL || hub->base.parent != thread->main) {
        return;
    }
    PyObject *error = green_error_take();
    Py_INCREF(hub);
    PyObject *done = PyObject_CallMethod((PyObject *)hub, "_leave_thread", NULL);
    if (done == NULL) {
        PyErr_WriteUnraisable((PyObject *)hub);
    }
    Py_XDECREF(done);
    Py_DECREF(hub);
    green_error_raise(error);
}

static void
hub_attach(green_thread *thread, PyObject *hub)
{
    PyObject *old = thread->hub;
    if (old != NULL && ((HubObject *)old)->loop != NULL) {
        green_loop_release(((HubObject *)old)->loop);
    }
    thread->hub = Py_XNewRef(hub);
    thread->next = hub == NULL ? NULL : green_hub_next;
    thread->leave = hub == NULL ? NULL : hub_leave;
    if (hub != NULL && ((HubObject *)hub)->loop != NULL) {
        green_loop_hold(((HubObject *)hub)->loop, thread);
    }
    Py_XDECREF(old);
}

/* Makes the thread's hub. Borrowed; NULL with an exception. */
static HubObject *
hub_make(green_thread *thread)
{
    PyObject *class = hub_class();
    PyObject *hub = class == NULL ? NULL : PyObject_CallNoArgs(class);
    if (hub == NULL) {
        return NULL;
    }
    if (!PyObject_TypeCheck(hub, Hub_Type) || ((HubObject *)hub)->loop == NULL) {
        PyErr_Format(PyExc_TypeError, "the hub class made %R, which is no hub with a loop", hub);
        Py_DECREF(hub);
        return NULL;
    }
    if (thread->hub == NULL) {
        hub_attach(thread, hub);
    }
    Py_DECREF(hub); /* the thread has a reference */
    return (HubObject *)thread->hub;
}

GREEN_COLD HubObject *
green_hub_renew(void)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (thread != green_thread_self) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this thread is at its end: nothing in it can wait or spawn any more");
        return NULL;
    }
    hub_attach(thread, NULL);
    return hub_make(thread);
}

static PyObject *
thread_get_hub(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_XNewRef((PyObject *)green_hub_get());
}

static PyObject *
thread_get_hub_if_exists(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *hub = (PyObject *)green_hub_peek();
    return Py_NewRef(hub ? hub : Py_None);
}

static PyObject *
thread_set_hub(PyObject *Py_UNUSED(module), PyObject *hub)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (hub != Py_None && !PyObject_TypeCheck(hub, Hub_Type)) {
        return PyErr_Format(PyExc_TypeError, "a Hub or None is needed, not %.100s",
                            Py_TYPE(hub)->tp_name);
    }
    hub_attach(thread, hub == Py_None ? NULL : hub);
    Py_RETURN_NONE;
}

static PyObject *
thread_get_hub_class(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_XNewRef(hub_class());
}

static PyObject *
thread_set_default_hub_class(PyObject *Py_UNUSED(module), PyObject *class)
{
    bool hub = PyType_Check(class) ? PyType_IsSubtype((PyTypeObject *)class, Hub_Type)
                                   : PyCallable_Check(class);
    if (!hub) {
        return PyErr_Format(PyExc_TypeError, "a hub class is needed, not %R", class);
    }
    Py_XSETREF(hub_default_class, Py_NewRef(class));
    Py_RETURN_NONE;
}

static PyMethodDef thread_functions[] = {
    {"get_hub", thread_get_hub, METH_NOARGS,
     "get_hub()\n--\n\n"
     "Return the hub of the running thread, made on first use."},
    {"get_hub_if_exists", thread_get_hub_if_exists, METH_NOARGS,
     "get_hub_if_exists()\n--\n\n"
     "Return the hub of the running thread, or None: none is made."},
    {"set_hub", thread_set_hub, METH_O,
     "set_hub(hub)\n--\n\n"
     "Make `hub` (or None, none) the running thread's. Raises TypeError for anything else."},
    {"get_hub_class", thread_get_hub_class, METH_NOARGS,
     "get_hub_class()\n--\n\nThe class that the next thread's hub will be made of."},
    {"set_default_hub_class", thread_set_default_hub_class, METH_O,
     "set_default_hub_class(hubtype)\n--\n\n"
     "Make the hubs of threads that have none of this class from now on. A function that\n"
     "returns a new hub will do. Raises TypeError for a class that is no Hub."},
    {NULL, NULL, 0, NULL},
};

int
green_hub_thread_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, thread_functions);
}
