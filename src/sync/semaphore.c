#include "sync/semaphore.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"

PyTypeObject *Semaphore_Type;
PyTypeObject *BoundedSemaphore_Type;

static bool
semaphore_is_ready(PyObject *object)
{
    return ((SemaphoreObject *)object)->counter > 0;
}

static void
semaphore_take(PyObject *object)
{
    ((SemaphoreObject *)object)->counter--;
}

static void
semaphore_give(PyObject *object)
{
    green_semaphore_release((SemaphoreObject *)object);
}

static const green_linkable_kind semaphore_kind = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = semaphore_is_ready,
    .take = semaphore_take,
    .give = semaphore_give,
};

/* --- object --- */

static PyObject *
semaphore_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    SemaphoreObject *self = (SemaphoreObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_linkable_init(&self->base.linkable, &semaphore_kind);
        self->counter = self->initial = 1;
    }
    return (PyObject *)self;
}

static int
semaphore_setup(SemaphoreObject *self, PyObject *value)
{
    Py_ssize_t counter = 1;
    if (value != NULL) {
        counter = PyNumber_AsSsize_t(value, PyExc_OverflowError);
        if (counter == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (counter < 0) {
            PyErr_SetString(PyExc_ValueError, "semaphore initial value must be >= 0");
            return -1;
        }
    }
    self->counter = self->initial = counter;
    return 0;
}

static int
semaphore_init(SemaphoreObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"value", "hub", NULL};
    PyObject *value = NULL, *hub = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:Semaphore", names, &value, &hub)) {
        return -1;
    }
    return semaphore_setup(self, value);
}

static PyObject *
semaphore_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    static const char *const names[] = {"value", "hub"};
    PyObject *given[2];
    if (green_arguments("Semaphore", args, PyVectorcall_NARGS(nargsf), kwnames, names, 2, given) <
        0) {
        return NULL;
    }
    PyObject *self = semaphore_new((PyTypeObject *)type, NULL, NULL);
    if (self != NULL && semaphore_setup((SemaphoreObject *)self, given[0]) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

/* --- acquire and release --- */

int
green_semaphore_acquire(SemaphoreObject *self, double seconds)
{
    return green_semaphore_acquire_within(self, seconds, "Semaphore.acquire", (PyObject *)self);
}

int
green_semaphore_acquire_within(SemaphoreObject *self, double seconds, const char *verb,
                               PyObject *whole)
{
    green_usage_note(&self->base.linkable.usage);
    if (self->counter > 0) {
        self->counter--;
        return 1;
    }
    int status = green_linkable_wait_within(&self->base.linkable, seconds, verb, whole, true);
    return status < 0 ? -1 : status == GREEN_WOKEN;
}

int
green_semaphore_acquire_timed(SemaphoreObject *self, PyObject *timeout)
{
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return -1;
    }
    int result = green_semaphore_acquire(self, deadline.seconds);
    if (result < 0 && green_deadline_caught(&deadline)) {
        result = 0;
    }
    return green_deadline_stop(&deadline) < 0 ? -1 : result;
}

static PyObject *
semaphore_acquire(SemaphoreObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"blocking", "timeout"};
    PyObject *given[2];
    if (green_arguments("acquire", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    if (self->counter > 0) {
        green_usage_note(&self->base.linkable.usage);
        self->counter--;
        Py_RETURN_TRUE;
    }
    int blocking = green_argument_flag(given[0], 1);
    if (blocking < 0) {
        return NULL;
    }
    if (!blocking) {
        Py_RETURN_FALSE;
    }
    int result = green_semaphore_acquire_timed(self, given[1]);
    return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *
semaphore_release(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    green_semaphore_release(self);
    return PyLong_FromSsize_t(self->counter);
}

/* Whether the object is not a subclass's. Where it is, a `with` statement calls its own acquire()
   and release(). */
static inline bool
semaphore_is_plain(SemaphoreObject *self)
{
    return Py_IS_TYPE(self, Semaphore_Type) || Py_IS_TYPE(self, BoundedSemaphore_Type);
}

static PyObject *
semaphore_enter(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    if (!semaphore_is_plain(self)) {
        PyObject *taken = PyObject_CallMethod((PyObject *)self, "acquire", NULL);
        if (taken == NULL) {
            return NULL;
        }
        Py_DECREF(taken);
    } else if (green_semaphore_acquire(self, -1) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static int
bounded_release_core(SemaphoreObject *self)
{
    if (self->counter >= self->initial) {
        PyObject *error = PyObject_GetAttrString((PyObject *)self, "_OVER_RELEASE_ERROR");
        if (error != NULL) {
            PyErr_SetString(error, "Semaphore released too many times");
            Py_DECREF(error);
        }
        return -1;
    }
    green_semaphore_release(self);
    return 0;
}

static PyObject *
semaphore_exit(SemaphoreObject *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(nargs))
{
    if (Py_IS_TYPE(self, Semaphore_Type)) {
        green_semaphore_release(self);
    } else if (Py_IS_TYPE(self, BoundedSemaphore_Type)) {
        if (bounded_release_core(self) < 0) {
            return NULL;
        }
    } else {
        PyObject *done = PyObject_CallMethod((PyObject *)self, "release", NULL);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    Py_RETURN_NONE;
}

static PyObject *
semaphore_wait(SemaphoreObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    green_deadline deadline;
    if (green_arguments("wait", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (self->counter <= 0) {
        if (green_deadline_start(&deadline, timeout) < 0) {
            return NULL;
        }
        int status =
            green_linkable_wait(&self->base.linkable, deadline.seconds, "Semaphore.wait", false);
        if (status < 0 && green_deadline_caught(&deadline)) {
            status = GREEN_TIMED_OUT;
        }
        if (green_deadline_stop(&deadline) < 0 || status < 0) {
            return NULL;
        }
    }
    return PyLong_FromSsize_t(self->counter);
}

static PyObject *
semaphore_locked(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->counter <= 0);
}

static PyObject *
semaphore_ready(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->counter > 0);
}

static PyObject *
semaphore_repr(SemaphoreObject *self)
{
    return PyUnicode_FromFormat("<%s at %p counter=%zd _links[%zd]>", _PyType_Name(Py_TYPE(self)),
                                self, self->counter, green_linkable_count(&self->base.linkable));
}

PyDoc_STRVAR(
    semaphore_acquire_doc,
    "acquire($self, /, blocking=True, timeout=None)\n--\n\n"
    "Take a permit and return True. Without one: return False at once if not `blocking`,\n"
    "else wait, and return False once `timeout` seconds (None: without limit) have passed.");
PyDoc_STRVAR(semaphore_release_doc,
             "release($self, /)\n--\n\n"
             "Give a permit and return how many there are. Who waits is woken in a later turn of\n"
             "the hub, in the order they came, as long as there are permits then.");
PyDoc_STRVAR(
    semaphore_wait_doc,
    "wait($self, /, timeout=None)\n--\n\n"
    "Wait until there is a permit, at most `timeout` seconds (None: without limit), and\n"
    "take none. Returns how many there are when this greenlet runs again, which may be 0.");

static PyMethodDef semaphore_methods[] = {
    {"acquire", (PyCFunction)(void (*)(void))semaphore_acquire, METH_FASTCALL | METH_KEYWORDS,
     semaphore_acquire_doc},
    {"release", (PyCFunction)semaphore_release, METH_NOARGS, semaphore_release_doc},
    {"wait", (PyCFunction)(void (*)(void))semaphore_wait, METH_FASTCALL | METH_KEYWORDS,
     semaphore_wait_doc},
    {"locked", (PyCFunction)semaphore_locked, METH_NOARGS,
     PyDoc_STR("locked($self, /)\n--\n\n"
               "Return whether there is no permit: acquire() would wait.")},
    {"ready", (PyCFunction)semaphore_ready, METH_NOARGS,
     PyDoc_STR("ready($self, /)\n--\n\n"
               "Return whether there is a permit: acquire() would not wait.")},
    {"__enter__", (PyCFunction)semaphore_enter, METH_NOARGS, PyDoc_STR("acquire()")},
    {"__exit__", (PyCFunction)(void (*)(void))semaphore_exit, METH_FASTCALL,
     PyDoc_STR("release()")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef semaphore_members[] = {
    {"counter", T_PYSSIZET, offsetof(SemaphoreObject, counter), 0, PyDoc_STR("Permits there are.")},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(semaphore_doc,
             "Semaphore(value=1, hub=None)\n--\n\n"
             "A number of permits, `value` of them at first, that acquire() takes and release()\n"
             "gives; anyone may release. Works across threads. A context manager.\n"
             "Raises ValueError for a negative value. `hub` is accepted and not needed.");

static PyType_Slot semaphore_slots[] = {
    {Py_tp_doc, (void *)semaphore_doc},
    {Py_tp_new, semaphore_new},
    {Py_tp_init, semaphore_init},
    {Py_tp_dealloc, green_linkable_object_dealloc},
    {Py_tp_traverse, green_linkable_object_traverse},
    {Py_tp_clear, green_linkable_object_clear},
    {Py_tp_repr, semaphore_repr},
    {Py_tp_methods, semaphore_methods},
    {Py_tp_members, semaphore_members},
    {0, NULL},
};

static PyType_Spec semaphore_spec = {
    .name = "greencore.lock.Semaphore",
    .basicsize = sizeof(SemaphoreObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = semaphore_slots,
};

/* --- BoundedSemaphore --- */

static PyObject *
bounded_release(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    return bounded_release_core(self) < 0 ? NULL : PyLong_FromSsize_t(self->counter);
}

static PyObject *
bounded_at_fork_reinit(SemaphoreObject *self, PyObject *Py_UNUSED(ignored))
{
    green_linkable_forked(&self->base.linkable);
    self->counter = self->initial;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(bounded_release_doc,
             "release($self, /)\n--\n\n"
             "Semaphore.release(), but ValueError when there are as many permits as at first.");

static PyMethodDef bounded_methods[] = {
    {"release", (PyCFunction)bounded_release, METH_NOARGS, bounded_release_doc},
    {"_at_fork_reinit", (PyCFunction)bounded_at_fork_reinit, METH_NOARGS,
     PyDoc_STR("In a forked child: all permits are back.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef bounded_members[] = {
    {"_initial_value", T_PYSSIZET, offsetof(SemaphoreObject, initial), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(bounded_doc, "BoundedSemaphore(value=1, hub=None)\n--\n\n"
                          "A Semaphore that never has more permits than at first: releasing more "
                          "often raises ValueError.");

static PyType_Slot bounded_slots[] = {
    {Py_tp_doc, (void *)bounded_doc},           {Py_tp_methods, bounded_methods},
    {Py_tp_members, bounded_members},           {Py_tp_traverse, green_linkable_object_traverse},
    {Py_tp_clear, green_linkable_object_clear}, {0, NULL},
};

static PyType_Spec bounded_spec = {
    .name = "greencore.lock.BoundedSemaphore",
    .basicsize = sizeof(SemaphoreObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = bounded_slots,
};

int
green_semaphore_exec(PyObject *module)
{
    Semaphore_Type =
        (PyTypeObject *)green_type_new(module, &semaphore_spec, (PyObject *)Linkable_Type);
    if (Semaphore_Type == NULL) {
        return -1;
    }
    Semaphore_Type->tp_vectorcall = semaphore_vectorcall;
    BoundedSemaphore_Type =
        (PyTypeObject *)green_type_new(module, &bounded_spec, (PyObject *)Semaphore_Type);
    if (BoundedSemaphore_Type == NULL ||
        PyObject_SetAttrString((PyObject *)BoundedSemaphore_Type, "_OVER_RELEASE_ERROR",
                               PyExc_ValueError) < 0) {
        return -1;
    }
    BoundedSemaphore_Type->tp_vectorcall = semaphore_vectorcall;
    return PyModule_AddType(module, Semaphore_Type) < 0 ||
                   PyModule_AddType(module, BoundedSemaphore_Type) < 0
               ? -1
               : 0;
}
