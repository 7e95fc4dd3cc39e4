#include "sync/rlock.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/semaphore.h"
#include "sync/timeout.h"

typedef struct RLockObject {
    PyObject_HEAD
    PyObject *weakrefs;
    SemaphoreObject *block; /* owned; its permit is the lock */
    GreenletObject *owner;  /* owned; NULL: unlocked */
    Py_ssize_t count;
} RLockObject;

PyTypeObject *RLock_Type;

static PyObject *
rlock_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    RLockObject *self = (RLockObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->block = (SemaphoreObject *)PyObject_CallNoArgs((PyObject *)Semaphore_Type);
        if (self->block == NULL) {
            Py_CLEAR(self);
        }
    }
    return (PyObject *)self;
}

static int
rlock_init(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"hub", NULL};
    PyObject *hub;
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|O:RLock", names, &hub) ? 0 : -1;
}

static int
rlock_traverse(RLockObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->block);
    Py_VISIT(self->owner);
    return 0;
}

static int
rlock_clear(RLockObject *self)
{
    Py_CLEAR(self->owner);
    return 0;
}

static void
rlock_dealloc(RLockObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    Py_CLEAR(self->owner);
    Py_CLEAR(self->block);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Try to lock without waiting. 1: locked; 0: somebody else has it; -1 with an exception. */
static inline int
rlock_try(RLockObject *self)
{
    GreenletObject *me = green_greenlet_current();
    if (me == NULL) {
        return -1;
    }
    if (self->owner == me) {
        self->count++;
        return 1;
    }
    if (self->block->counter > 0) {
        green_usage_note(&self->block->base.linkable.usage);
        self->block->counter--;
        self->owner = (GreenletObject *)Py_NewRef((PyObject *)me);
        self->count = 1;
        return 1;
    }
    return 0;
}

/* Note the owner, after the permit was taken by waiting. */
static void
rlock_own(RLockObject *self, GreenletObject *owner, Py_ssize_t count)
{
    self->owner = (GreenletObject *)Py_XNewRef((PyObject *)owner);
    self->count = count;
}

static int
rlock_take(RLockObject *self, double seconds)
{
    return green_semaphore_acquire_within(self->block, seconds, "RLock.acquire", (PyObject *)self);
}

static int
rlock_wait(RLockObject *self, PyObject *timeout)
{
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return -1;
    }
    int result = rlock_take(self, deadline.seconds);
    if (result < 0 && green_deadline_caught(&deadline)) {
        result = 0;
    }
    if (result > 0) {
        rlock_own(self, green_greenlet_current(), 1);
    }
    return green_deadline_stop(&deadline) < 0 ? -1 : result;
}

static PyObject *
rlock_acquire(RLockObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"blocking", "timeout"};
    PyObject *given[2];
    if (green_arguments("acquire", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    int result = rlock_try(self);
    if (result == 0) {
        int blocking = green_argument_flag(given[0], 1);
        result = blocking <= 0 ? blocking : rlock_wait(self, given[1]);
    }
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *
rlock_enter(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    if (!Py_IS_TYPE(self, RLock_Type)) { /* a subclass may have an acquire() of its own */
        return PyObject_CallMethod((PyObject *)self, "acquire", NULL);
    }
    int result = rlock_try(self);
    if (result == 0) {
        result = rlock_wait(self, NULL);
    }
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static void
rlock_free(RLockObject *self)
{
    Py_CLEAR(self->owner); /* not the last one: the thread or the saved state has it */
    self->count = 0;
    green_semaphore_release(self->block);
}

static int
rlock_release_core(RLockObject *self)
{
    GreenletObject *me = green_greenlet_current();
    if (me == NULL) {
        return -1;
    }
    if (self->owner != me) {
        PyErr_Format(PyExc_RuntimeError, "cannot release un-acquired lock. Owner: %R Current: %R",
                     self->owner == NULL ? Py_None : (PyObject *)self->owner, me);
        return -1;
    }
    if (--self->count == 0) {
        rlock_free(self);
    }
    return 0;
}

static PyObject *
rlock_release(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    if (rlock_release_core(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
rlock_exit(RLockObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    return Py_IS_TYPE(self, RLock_Type) ? rlock_release(self, NULL)
                                        : PyObject_CallMethod((PyObject *)self, "release", NULL);
}

static PyObject *
rlock_locked(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->count > 0);
}

/* --- for threading.Condition, threading and logging --- */

static PyObject *
rlock_is_owned(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    GreenletObject *me = green_greenlet_current();
    return me == NULL ? NULL : PyBool_FromLong(self->owner == me);
}

static PyObject *
rlock_recursion_count(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    GreenletObject *me = green_greenlet_current();
    return me == NULL ? NULL : PyLong_FromSsize_t(self->owner == me ? self->count : 0);
}

static PyObject *
rlock_release_save(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    if (self->count == 0) {
        PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
        return NULL;
    }
    PyObject *state =
        Py_BuildValue("(nO)", self->count, self->owner ? (PyObject *)self->owner : Py_None);
    if (state != NULL) {
        rlock_free(self);
    }
    return state;
}

static PyObject *
rlock_acquire_restore(RLockObject *self, PyObject *state)
{
    Py_ssize_t count;
    PyObject *owner;
    if (!PyTuple_Check(state)) {
        PyErr_SetString(PyExc_TypeError, "the state that _release_save() returned is needed");
        return NULL;
    }
    if (!PyArg_ParseTuple(state, "nO:_acquire_restore", &count, &owner)) {
        return NULL;
    }
    if (!Greenlet_Check(owner)) {
        PyErr_SetString(PyExc_TypeError, "the state that _release_save() returned is needed");
        return NULL;
    }
    if (rlock_take(self, -1) < 0) {
        return NULL;
    }
    rlock_own(self, (GreenletObject *)owner, count);
    Py_RETURN_NONE;
}

static PyObject *
rlock_at_fork_reinit(RLockObject *self, PyObject *Py_UNUSED(ignored))
{
    green_linkable_forked(&self->block->base.linkable);
    self->block->counter = 1;
    self->count = 0;
    Py_CLEAR(self->owner);
    Py_RETURN_NONE;
}

static PyObject *
rlock_repr(RLockObject *self)
{
    return PyUnicode_FromFormat("<%s at %p _block=%R _count=%zd _owner=%R)>",
                                _PyType_Name(Py_TYPE(self)), self, self->block, self->count,
                                self->owner ? (PyObject *)self->owner : Py_None);
}

PyDoc_STRVAR(
    rlock_acquire_doc,
    "acquire($self, /, blocking=True, timeout=None)\n--\n\n"
    "Lock it and return True; its owner may do so again and again. While another greenlet\n"
    "has it: return False at once if not `blocking`, else wait, and return False once\n"
    "`timeout` seconds (None: without limit) have passed.");
PyDoc_STRVAR(rlock_release_doc,
             "release($self, /)\n--\n\n"
             "Undo one acquire(). Raises RuntimeError when another greenlet owns it, or nobody.");

static PyMethodDef rlock_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))rlock_acquire, METH_FASTCALL | METH_KEYWORDS,
     rlock_acquire_doc},
    {"release", (PyCFunction)rlock_release, METH_NOARGS, rlock_release_doc},
    {"locked", (PyCFunction)rlock_locked, METH_NOARGS,
     PyDoc_STR("locked($self, /)\n--\n\n"
               "Return whether some greenlet owns it.")},
    {"__enter__", (PyCFunction)rlock_enter, METH_NOARGS, PyDoc_STR("acquire()")},
    {"__exit__", (PyCFunction)(void (*)(void))rlock_exit, METH_FASTCALL, PyDoc_STR("release()")},
    {"_is_owned", (PyCFunction)rlock_is_owned, METH_NOARGS,
     PyDoc_STR("Whether the running greenlet owns it.")},
    {"_recursion_count", (PyCFunction)rlock_recursion_count, METH_NOARGS,
     PyDoc_STR("How often the running greenlet has acquired it.")},
    {"_release_save", (PyCFunction)rlock_release_save, METH_NOARGS,
     PyDoc_STR("Release it fully; returns what _acquire_restore() needs.")},
    {"_acquire_restore", (PyCFunction)rlock_acquire_restore, METH_O,
     PyDoc_STR("Undo _release_save().")},
    {"_at_fork_reinit", (PyCFunction)rlock_at_fork_reinit, METH_NOARGS,
     PyDoc_STR("In a forked child: unlocked.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef rlock_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(RLockObject, weakrefs), READONLY, NULL},
    {"_block", T_OBJECT, offsetof(RLockObject, block), READONLY, NULL},
    {"_owner", T_OBJECT, offsetof(RLockObject, owner), READONLY, NULL},
    {"_count", T_PYSSIZET, offsetof(RLockObject, count), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(rlock_doc, "RLock(hub=None)\n--\n\n"
                        "A lock that one greenlet at a time owns, and that its owner may acquire "
                        "again; it is free after as many releases. A context manager.");

static PyType_Slot rlock_slots[] = {
    {Py_tp_doc, (void *)rlock_doc},   {Py_tp_new, rlock_new},
    {Py_tp_init, rlock_init},         {Py_tp_dealloc, rlock_dealloc},
    {Py_tp_traverse, rlock_traverse}, {Py_tp_clear, rlock_clear},
    {Py_tp_repr, rlock_repr},         {Py_tp_methods, rlock_methods},
    {Py_tp_members, rlock_members},   {0, NULL},
};

static PyType_Spec rlock_spec = {
    .name = "greencore.lock.RLock",
    .basicsize = sizeof(RLockObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = rlock_slots,
};

int
green_rlock_exec(PyObject *module)
{
    RLock_Type = (PyTypeObject *)green_type_new(module, &rlock_spec, NULL);
    return RLock_Type == NULL ? -1 : PyModule_AddType(module, RLock_Type);
}
