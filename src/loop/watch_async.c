/* async watchers: send(), in any thread, makes one fire at the next poll. No handle of libuv is
   needed, since the interpreter lock guards the queue, and a push ends the loop's sleep. */
#include "loop/watcher.h"

static int
asyncwatcher_start(WatcherObject *Py_UNUSED(self))
{
    return 0;
}

static void
asyncwatcher_stop(WatcherObject *Py_UNUSED(self))
{
}

static const green_watcher_kind asyncwatcher_kind = {.start = asyncwatcher_start,
                                                     .stop = asyncwatcher_stop};

static PyObject *
asyncwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "ref", "priority", NULL};
    PyObject *loop, *priority = NULL;
    int ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pO", keywords, &loop, &ref, &priority)) {
        return NULL;
    }
    return (PyObject *)green_watcher_new(type, &asyncwatcher_kind, loop, ref, priority);
}

static PyObject *
asyncwatcher_send(WatcherObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->active && !green_loop_destroyed(self->loop)) {
        green_ready_push_later(self->loop, &self->ready);
    }
    Py_RETURN_NONE;
}

static PyMethodDef asyncwatcher_methods[] = {
    {"send", (PyCFunction)asyncwatcher_send, METH_NOARGS,
     "send($self, /)\n--\n\nMake it fire, from any thread. Several before its turn count as one; "
     "without "
     "effect "
     "on a\nstopped one."},
    {"send_ignoring_arg", (PyCFunction)asyncwatcher_send, METH_O,
     "send_ignoring_arg($self, /, ignored)\n--\n\n"
     "send(), in the form of a callback that is called with one argument, which is ignored."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot asyncwatcher_slots[] = {
    {Py_tp_doc,
     "async_(loop, ref=True, priority=None)\n--\n\nFires when send() is called, in any thread."},
    {Py_tp_new, asyncwatcher_new},
    {Py_tp_methods, asyncwatcher_methods},
    {0, NULL},
};

static PyType_Spec asyncwatcher_spec = {
    .name = "greencore._core.async_",
    .basicsize = sizeof(WatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = asyncwatcher_slots,
};

int
green_watch_async_exec(PyObject *module)
{
    return green_watcher_add_type(module, &asyncwatcher_spec) == NULL ? -1 : 0;
}
