/* What a forked child does first, and which greenlets it leaves behind, in the parent process. */
#include "hub/hub.h"
#include "loop/fd.h"
#include "loop/interrupt.h"

/* In the child, before any other code. */
static PyObject *
fork_in_child(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    green_threads_idle = 0;
    int failed = green_loops_forked();
    HubObject *hub = green_hub_peek(); /* it may not have been the main thread's, as it is now */
    if (hub != NULL && hub->loop != NULL && !green_interrupt_installed(hub->loop)) {
        failed |= green_interrupt_install(hub->loop);
    }
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* In a forked child: is it the parent's? All are but the one that forked; for the hub, in which
   handlers of signals run, this is the main one. */
static bool
fork_left(const GreenletObject *g)
{
    const green_thread *thread = green_thread_self;
    return (PyObject *)g != thread->hub && green_greenlet_left(g);
}

static PyObject *
fork_leave_behind(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    green_epoch++;
    HubObject *hub = (HubObject *)thread->hub;
    bool in_hub = (PyObject *)thread->current == thread->hub;
    (in_hub ? thread->main : thread->current)->epoch = green_epoch;
    if (hub == NULL || hub->loop == NULL || hub->loop->destroyed) {
        Py_RETURN_NONE;
    }
    LoopObject *loop = hub->loop;
    green_link queue;
    green_list_init(&queue);
    green_list_splice(&queue, &loop->ready);
    while (!green_list_empty(&queue)) {
        green_ready *ready = GREEN_CONTAINER(green_list_pop(&queue), green_ready, link);
        if (ready->kind->whose != NULL && fork_left(ready->kind->whose(ready))) {
            green_ready_drop(ready);
        } else {
            green_list_append(&loop->ready, &ready->link);
        }
    }
    green_timers_leave(&loop->timers, fork_left);
    green_fds_forget(loop);
    Py_RETURN_NONE;
}

static PyObject *
fork_left_behind(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    const GreenletObject *g = (GreenletObject *)arg;
    const green_thread *thread = green_thread_self;
    bool runs = thread != NULL && g == thread->current;
    return PyBool_FromLong(g->status == GREEN_ACTIVE && !runs && green_greenlet_left(g));
}

static PyMethodDef fork_functions[] = {
    {"_after_fork", fork_in_child, METH_NOARGS,
     "_after_fork()\n--\n\nMake this thread's loops work in a forked child."},
    {"leave_behind", fork_leave_behind, METH_NOARGS,
     "leave_behind()\n--\n\n"
     "In a forked child: from now on no greenlet but the running one and the hub comes to its\n"
     "turn, except those started later."},
    {"left_behind", fork_left_behind, METH_O,
     "left_behind(greenlet)\n--\n\nWhether a fork has left it in the parent process."},
    {NULL, NULL, 0, NULL},
};

int
green_hub_fork_exec(PyObject *module)
{
    if (PyModule_AddFunctions(module, fork_functions) < 0) {
        return -1;
    }
    PyObject *posix = PyImport_ImportModule("posix");
    PyObject *hook = PyObject_GetAttrString(module, "_after_fork");
    PyObject *hooks = hook ? Py_BuildValue("{sO}", "after_in_child", hook) : NULL;
    PyObject *add = posix ? PyObject_GetAttrString(posix, "register_at_fork") : NULL;
    PyObject *none = PyTuple_New(0);
    PyObject *done = add && hooks && none ? PyObject_Call(add, none, hooks) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(add);
    Py_XDECREF(hooks);
    Py_XDECREF(hook);
    Py_XDECREF(posix);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
