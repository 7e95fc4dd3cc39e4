#include "loop/fork.h"

#include <pthread.h>

#include "loop/loop.h"
#include "loop/signals.h"

unsigned green_forks;

/* Called in each child, at once, also where C code forks. It may do only what a handler of signals
   may. */
static void
fork_cb(void)
{
    /* 1. What was noted with another number is known to be the parent's. */
    green_forks++;
    /* 2. The threads that were inside the signals' handler are gone. */
    green_signals_forked();
}

/* Called in the child of a fork that Python code made, before os.fork() returns. */
static PyObject *
fork_in_child(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    int failed = 0;
    /* 3. The idle threads of pools are gone. */
    green_threads_idle = 0;
    for (green_link *link = green_loops.next, *next; link != &green_loops; link = next) {
        LoopObject *loop = GREEN_CONTAINER(link, LoopObject, link);
        next = link->next;
        if (loop->thread != NULL && loop->thread != green_thread_self) {
            /* 4. Loops of other threads are given up. They may be in any state, and closing them
               would take descriptors out of the parent's pollers. */
            green_loop_abandon(loop);
        } else {
            /* 5. The others get descriptors of their own, and fire their fork watchers. */
            failed |= green_loop_forked(loop);
            loop->reinited = true;
        }
    }
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Returns whether the greenlet is the parent's. All are, except the hub and the greenlet that
   forked. If the hub forked, in which handlers of signals run, the main one counts as that. */
static bool
fork_stale(const GreenletObject *g)
{
    return (PyObject *)g != green_thread_self->hub && green_greenlet_stale(g);
}

/* 6. Where only the greenlet goes on that forked, the others are stale. */
static PyObject *
fork_begin_epoch(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    green_epoch++;
    bool in_hub = (PyObject *)thread->current == thread->hub;
    (in_hub ? thread->main : thread->current)->epoch = green_epoch;
    for (green_link *link = green_loops.next; link != &green_loops; link = link->next) {
        LoopObject *loop = GREEN_CONTAINER(link, LoopObject, link);
        if (loop->held && loop->thread == thread) {
            green_loop_prune(loop, fork_stale);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
fork_is_stale(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    const GreenletObject *g = (GreenletObject *)arg;
    const green_thread *thread = green_thread_self;
    bool runs = thread != NULL && g == thread->current;
    return PyBool_FromLong(g->status == GREEN_ACTIVE && !runs && green_greenlet_stale(g));
}

static PyMethodDef fork_functions[] = {
    {"begin_epoch", fork_begin_epoch, METH_NOARGS,
     "begin_epoch()\n--\n\n"
     "In a forked child: from now on no greenlet but the running one and the hub comes to its\n"
     "turn, except those started later."},
    {"is_stale", fork_is_stale, METH_O,
     "is_stale(greenlet)\n--\n\nWhether a fork has left it in the parent process."},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef fork_handler = {
    "after_in_child", fork_in_child, METH_NOARGS,
    "after_in_child()\n--\n\nMake this thread's loops work in a forked child."};

static int
fork_register(void)
{
    PyObject *posix = PyImport_ImportModule("posix");
    PyObject *add = posix ? PyObject_GetAttrString(posix, "register_at_fork") : NULL;
    PyObject *handler = add ? PyCFunction_New(&fork_handler, NULL) : NULL;
    PyObject *handlers = handler ? Py_BuildValue("{sO}", "after_in_child", handler) : NULL;
    PyObject *none = handlers ? PyTuple_New(0) : NULL;
    PyObject *done = none ? PyObject_Call(add, none, handlers) : NULL;
    Py_XDECREF(none);
    Py_XDECREF(add);
    Py_XDECREF(handlers);
    Py_XDECREF(handler);
    Py_XDECREF(posix);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

int
green_fork_exec(PyObject *module)
{
    if (pthread_atfork(NULL, NULL, fork_cb) != 0) {
        PyErr_NoMemory();
        return -1;
    }
    return fork_register() < 0 ? -1 : PyModule_AddFunctions(module, fork_functions);
}
