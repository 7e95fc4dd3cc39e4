#include "sync/mutex.h"

#include <structmember.h>
#include "greenlet/type.h"
#include "sync/event.h"

/* After this many attempts without waiting that failed, at whichever locks, other greenlets run
   once: a program that spins on a lock would never end otherwise. */
#define MUTEX_SPINS 32

static unsigned mutex_spins;

typedef struct {
    LinkableObject base;
    bool locked;
} MutexObject;

static bool
mutex_ready(PyObject *self)
{
    return !((MutexObject *)self)->locked;
}

static void
mutex_take(PyObject *self)
{
    ((MutexObject *)self)->locked = true;
}

static void
mutex_give(PyObject *self)
{
    ((MutexObject *)self)->locked = false;
    green_linkable_notify(&((MutexObject *)self)->base.linkable);
}

static const green_linkable_kind mutex_kind = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = mutex_ready,
    .take = mutex_take,
    .give = mutex_give,
};

static PyObject *
mutex_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    if (PyTuple_GET_SIZE(args) != 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) != 0)) {
        PyErr_SetString(PyExc_TypeError, "lock() takes no arguments");
        return NULL;
    }
    MutexObject *self = (MutexObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_linkable_init(&self->base.linkable, &mutex_kind);
    }
    return (PyObject *)self;
}

/* Count an attempt without waiting, which a thread may make again and again; every MUTEX_SPINS-th
   lets other greenlets run once. 0, or -1 with an exception. */
static int
mutex_spin(void)
{
    green_thread *thread = green_thread_self;
    if (++mutex_spins < MUTEX_SPINS) {
        return 0;
    }
    mutex_spins = 0;
    if (thread == NULL || thread->hub == NULL || thread->no_switch ||
        thread->hub == (PyObject *)thread->current) {
        return 0;
    }
    return green_wait_sleep(0, true);
}

/* Take the lock, waiting at most `seconds` (negative: for ever; 0: not at all). 1: taken; 0: not;
   -1 with an exception. */
static int
mutex_lock(MutexObject *self, double seconds)
{
    green_usage_note(&self->base.linkable.usage);
    if (!self->locked) {
        self->locked = true;
        return 1;
    }
    if (seconds == 0) {
        return mutex_spin();
    }
    Py_INCREF(self);
    int status = green_linkable_wait(&self->base.linkable, seconds, "Lock.acquire", true);
    Py_DECREF(self);
    return status < 0 ? -1 : status == GREEN_WOKEN;
}

/* Parse the arguments of acquire(blocking=True, timeout=-1), as `_thread.lock` takes them, into
   what mutex_lock takes. 0, or -1 with an exception. */
static int
mutex_parse(PyObject *args, PyObject *kwargs, double *seconds)
{
    static char *names[] = {"blocking", "timeout", NULL};
    int blocking = 1;
    PyObject *timeout = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pO:acquire", names, &blocking, &timeout)) {
        return -1;
    }
    *seconds = blocking ? -1 : 0;
    if (timeout == NULL) {
        return 0;
    }
    double value = PyFloat_AsDouble(timeout);
    if (value == -1) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (!blocking) {
        PyErr_SetString(PyExc_ValueError, "can't specify a timeout for a non-blocking call");
        return -1;
    }
    if (!(value >= 0)) {
        PyErr_SetString(PyExc_ValueError, "timeout value must be a non-negative number");
        return -1;
    }
    if (value > (double)PY_TIMEOUT_MAX / 1e6) {
        PyErr_SetString(PyExc_OverflowError, "timeout value is too large");
        return -1;
    }
    *seconds = value;
    return 0;
}

static PyObject *
mutex_acquire(MutexObject *self, PyObject *args, PyObject *kwargs)
{
    double seconds = -1;
    if ((PyTuple_GET_SIZE(args) != 0 || kwargs != NULL) &&
        mutex_parse(args, kwargs, &seconds) < 0) {
        return NULL;
    }
    int taken = mutex_lock(self, seconds);
    return taken < 0 ? NULL : PyBool_FromLong(taken);
}

static PyObject *
mutex_enter(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    return mutex_lock(self, -1) < 0 ? NULL : Py_NewRef(Py_True);
}

static PyObject *
mutex_release(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    if (!self->locked) {
        PyErr_SetString(PyExc_RuntimeError, "release unlocked lock");
        return NULL;
    }
    mutex_give((PyObject *)self);
    Py_RETURN_NONE;
}

static PyObject *
mutex_exit(MutexObject *self, PyObject *Py_UNUSED(args))
{
    return mutex_release(self, NULL);
}

static PyObject *
mutex_locked(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->locked);
}

/* threading.Condition calls this in place of an attempt to take the lock, so it counts as one: a
   worker that never waits, since there is always more in its queue, makes no other. */
static PyObject *
mutex_is_owned(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    bool owned = self->locked;
    return owned && mutex_spin() < 0 ? NULL : PyBool_FromLong(owned);
}

/* In a forked child the lock is free, and other threads' clients, which do not exist there, do not
   wait for it any more. */
static PyObject *
mutex_at_fork_reinit(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    green_linkable_forked(&self->base.linkable);
    self->locked = false;
    Py_RETURN_NONE;
}

static PyObject *
mutex_wait(MutexObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"timeout", NULL};
    PyObject *timeout = NULL;
    double seconds;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:wait", names, &timeout) ||
        green_wait_seconds(timeout, &seconds) < 0) {
        return NULL;
    }
    if (self->locked) {
        Py_INCREF(self);
        int status = green_linkable_wait(&self->base.linkable, seconds, "Lock.wait", false);
        Py_DECREF(self);
        if (status < 0) {
            return NULL;
        }
    }
    return PyLong_FromLong(!self->locked);
}

static PyObject *
mutex_ready_method(MutexObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(!self->locked);
}

static PyObject *
mutex_get_counter(MutexObject *self, void *Py_UNUSED(closure))
{
    return PyLong_FromLong(!self->locked);
}

static PyObject *
mutex_repr(MutexObject *self)
{
    return PyUnicode_FromFormat("<%s %s object at %p>", self->locked ? "locked" : "unlocked",
                                Py_TYPE(self)->tp_name, self);
}

PyDoc_STRVAR(mutex_doc, "LockType()\n--\n\nA lock that is either free or taken, by anybody.\n\n"
                        "As `_thread.lock`: who waits lets other greenlets run, and is served in "
                        "the order of coming. Native threads may share it. A context manager.");

PyDoc_STRVAR(
    acquire_doc,
    "acquire($self, /, blocking=True, timeout=-1)\n--\n\nTake the lock, waiting until it is "
    "free.\n\n"
    "timeout: at most so many seconds, -1 for ever. Returns whether it was taken. Raises\n"
    "ValueError for a negative timeout, or one without blocking; OverflowError for one that\n"
    "is too large; LoopExit where nothing is left that could release it.");

PyDoc_STRVAR(release_doc,
             "release($self, /)\n--\n\n"
             "Free the lock; anyone may. Raises RuntimeError when it is free already.");

static PyMethodDef mutex_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))mutex_acquire, METH_VARARGS | METH_KEYWORDS,
     acquire_doc},
    {"acquire_lock", (PyCFunction)(void (*)(void))mutex_acquire, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR(
         "acquire_lock($self, /, blocking=True, timeout=-1)\n--\n\nThe older name of acquire().")},
    {"release", (PyCFunction)mutex_release, METH_NOARGS, release_doc},
    {"release_lock", (PyCFunction)mutex_release, METH_NOARGS,
     PyDoc_STR("release_lock($self, /)\n--\n\nThe older name of release().")},
    {"__enter__", (PyCFunction)mutex_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)mutex_exit, METH_VARARGS, NULL},
    {"locked", (PyCFunction)mutex_locked, METH_NOARGS,
     "locked($self, /)\n--\n\n"
     "Return whether it is taken."},
    {"locked_lock", (PyCFunction)mutex_locked, METH_NOARGS,
     "locked_lock($self, /)\n--\n\n"
     "The older name of locked()."},
    {"_is_owned", (PyCFunction)mutex_is_owned, METH_NOARGS,
     PyDoc_STR("_is_owned($self, /)\n--\n\nFor threading.Condition: return whether it is taken.")},
    {"_at_fork_reinit", (PyCFunction)mutex_at_fork_reinit, METH_NOARGS,
     PyDoc_STR("_at_fork_reinit($self, /)\n--\n\nIn a forked child: free, and nobody waits.")},
    {"wait", (PyCFunction)(void (*)(void))mutex_wait, METH_VARARGS | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\nWait until it is free, at most timeout seconds. Returns "
     "whether."},
    {"rawlink", (PyCFunction)(void (*)(void))green_linkable_object_rawlink,
     METH_FASTCALL | METH_KEYWORDS,
     "rawlink($self, /, callback)\n--\n\n"
     "Call callback(lock) in the hub once it is free; it must not block. Raises TypeError\n"
     "when it cannot be called."},
    {"unlink", (PyCFunction)(void (*)(void))green_linkable_object_unlink,
     METH_FASTCALL | METH_KEYWORDS,
     "unlink($self, /, callback)\n--\n\n"
     "Take back rawlink(callback). Nothing happens if it is not linked (any more)."},
    {"linkcount", (PyCFunction)green_linkable_object_linkcount, METH_NOARGS,
     "linkcount($self, /)\n--\n\n"
     "Return how many greenlets and callbacks wait for it."},
    {"ready", (PyCFunction)mutex_ready_method, METH_NOARGS,
     "ready($self, /)\n--\n\n"
     "Return whether it is free."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef mutex_getset[] = {
    {"counter", (getter)mutex_get_counter, NULL, "1 while it is free, else 0.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef mutex_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LinkableObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot mutex_slots[] = {
    {Py_tp_doc, (void *)mutex_doc},
    {Py_tp_new, mutex_new},
    {Py_tp_dealloc, green_linkable_object_dealloc},
    {Py_tp_traverse, green_linkable_object_traverse},
    {Py_tp_clear, green_linkable_object_clear},
    {Py_tp_repr, mutex_repr},
    {Py_tp_methods, mutex_methods},
    {Py_tp_getset, mutex_getset},
    {Py_tp_members, mutex_members},
    {0, NULL},
};

static PyType_Spec mutex_spec = {
    .name = "greencore.thread.LockType",
    .basicsize = sizeof(MutexObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = mutex_slots,
};

int
green_mutex_exec(PyObject *module)
{
    PyObject *type = green_type_new(module, &mutex_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "Lock", type);
    Py_DECREF(type);
    return result;
}
