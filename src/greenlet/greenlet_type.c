/* The type of greenlets: how they are made, collected, and killed when nobody refers to them any
   more. */
#include "greenlet/greenlet.h"
#include "greenlet/pystate_abandon.h"
#include "greenlet/attributes.h"
#include "greenlet/call.h"
#include "greenlet/error.h"
#include "greenlet/locals.h"
#include "greenlet/spare.h"
#include "greenlet/type.h"
#include <structmember.h>

PyTypeObject *Greenlet_Type;
Py_ssize_t green_greenlet_mains;

static green_spares spares; /* dead objects of exactly Greenlet_Type */

/* Returns a new object that is blank (new reference), or NULL with MemoryError. The collector
   tracks it already if it is of a subtype. */
static inline GreenletObject *
greenlet_alloc(PyTypeObject *type)
{
    if (type != Greenlet_Type) {
        return (GreenletObject *)type->tp_alloc(type, 0);
    }
    GreenletObject *self = green_spares_take(&spares, type);
    if (self == NULL && (self = PyObject_GC_New(GreenletObject, type)) != NULL) {
        green_greenlet_blank(self);
    }
    return self;
}

/* Call `run`. It stays in the object, with its arguments, while it runs, because the collector sees
   it there. */
static PyObject *
greenlet_body(GreenletObject *self)
{
    Py_CLEAR(self->leftover);
    if (self->run == NULL) {
        PyErr_SetString(PyExc_AttributeError, "run");
        return NULL;
    }
    if (self->args != NULL) {
        return PyObject_Call(self->run, self->args, self->kwargs);
    }
    if (self->kwargs == NULL) {
        return green_call(self->run, NULL, 0);
    }
    self->args = PyTuple_New(0);
    return self->args == NULL ? NULL : PyObject_Call(self->run, self->args, self->kwargs);
}

static const green_greenlet_kind raw_kind = {.body = greenlet_body, .calls_run = true};

inline GreenletObject *
green_greenlet_new(PyTypeObject *type, PyObject *run, PyObject *args, PyObject *kwargs,
                   GreenletObject *parent)
{
    GreenletObject *self = greenlet_alloc(type);
    if (self == NULL) {
        return NULL;
    }
    self->parent = (GreenletObject *)Py_NewRef(parent);
    self->run = Py_XNewRef(run);
    self->args = Py_XNewRef(args);
    self->kwargs = Py_XNewRef(kwargs);
    self->kind = &raw_kind;
    green_ready_init(&self->ready, NULL);
    if (type == Greenlet_Type) {
        PyObject_GC_Track(self);
    }
    return self;
}

GreenletObject *
green_greenlet_new_main(green_thread *thread)
{
    GreenletObject *self = greenlet_alloc(Greenlet_Type);
    if (self == NULL) {
        return NULL;
    }
    self->thread = thread;
    green_thread_incref(thread);
    self->status = GREEN_ACTIVE;
    self->kind = &raw_kind;
    self->is_main = 1;
    self->epoch = green_epoch;
    green_ready_init(&self->ready, NULL);
    self->flow = &thread->main_flow;
    green_flow_init(self->flow);
    green_pystate_init_main(&self->flow->state, PyThreadState_Get());
    PyObject_GC_Track(self);
    green_greenlet_mains++;
    return self;
}

static PyObject *
greenlet_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (thread->orphans != NULL) {
        green_thread_kill_orphans(thread);
    }
    if (type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) {
        return PyBaseObject_Type.tp_new(type, args, NULL); /* raises, and says what is missing */
    }
    return (PyObject *)green_greenlet_new(type, NULL, NULL, NULL, thread->current);
}

static int
greenlet_init_with(GreenletObject *self, PyObject *run, PyObject *parent)
{
    if (run != NULL && green_attributes_set_run(self, run) < 0) {
        return -1;
    }
    if (parent != NULL && parent != Py_None) {
        return green_attributes_set_parent(self, parent);
    }
    return 0;
}

static int
greenlet_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"run", "parent", NULL};
    PyObject *run = NULL, *parent = NULL;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO:greenlet", names, &run, &parent)) {
        return -1;
    }
    return greenlet_init_with((GreenletObject *)op, run, parent);
}

/* Call greenlet(...), in the usual cases without a tuple of the arguments. */
static PyObject *
greenlet_vectorcall(PyObject *op, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyTypeObject *type = (PyTypeObject *)op;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (kwnames == NULL && nargs <= 2 && type->tp_new == greenlet_new &&
        type->tp_init == greenlet_init) {
        PyObject *self = greenlet_new(type, NULL, NULL);
        if (self != NULL && greenlet_init_with((GreenletObject *)self, nargs > 0 ? args[0] : NULL,
                                               nargs > 1 ? args[1] : NULL) < 0) {
            Py_CLEAR(self);
        }
        return self;
    }
    PyObject *tuple = PyTuple_New(nargs);
    PyObject *dict = kwnames != NULL ? PyDict_New() : NULL;
    PyObject *self = NULL;
    if (tuple == NULL || (kwnames != NULL && dict == NULL)) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    }
    for (Py_ssize_t i = 0; dict != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
        if (PyDict_SetItem(dict, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
            goto done;
        }
    }
    self = type->tp_new(type, tuple, dict);
    if (self != NULL && PyObject_TypeCheck(self, type) &&
        Py_TYPE(self)->tp_init(self, tuple, dict) < 0) {
        Py_CLEAR(self);
    }
done:
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    return self;
}

/* Whether the greenlet, which does not run now, is parked on a stack of its own. It may be
   stranded. */
static bool
greenlet_parked(const GreenletObject *self)
{
    return self->status == GREEN_ACTIVE && !self->is_main;
}

/* The Python and C frames of a parked greenlet own references that cannot be visited. To the
   collector those come from outside, so it never takes what they refer to for garbage. */
static int
greenlet_traverse(PyObject *op, visitproc visit, void *arg)
{
    GreenletObject *self = (GreenletObject *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->dict);
    Py_VISIT((PyObject *)self->parent);
    Py_VISIT(self->run);
    Py_VISIT(self->leftover);
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    if (self->status != GREEN_ACTIVE) {
        Py_VISIT(self->context);
        return 0;
    }
#if PY_VERSION_HEX < 0x030D0000
    Py_VISIT(self->flow->asyncio_loop);
#endif
    if (self->thread->current == self || !green_pystate_idle(&self->flow->state)) {
        return 0; /* its state is in the thread state, or its frames may go on with it */
    }
    Py_VISIT(self->context);
    return green_pystate_traverse(&self->flow->state, visit, arg);
}

static int
greenlet_clear(PyObject *op)
{
    GreenletObject *self = (GreenletObject *)op;
    if (greenlet_parked(self)) {
        return 0; /* greenlet_finalize could not kill it, or it refused to die */
    }
    Py_CLEAR(self->dict);
    Py_CLEAR(self->parent);
    Py_CLEAR(self->run);
    Py_CLEAR(self->leftover);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    if (self->status != GREEN_ACTIVE) {
        Py_CLEAR(self->context);
    }
    return 0;
}

/* Called when the collector has found the greenlet unreachable, and has cleared nothing yet: while
   it dies it may still use all that it refers to. */
static void
greenlet_finalize(PyObject *op)
{
    GreenletObject *self = (GreenletObject *)op;
    if (greenlet_parked(self) && !green_greenlet_stranded(self)) {
        PyObject *error = green_error_take();
        green_greenlet_kill(self);
        green_error_raise(error);
    }
}

/* Make the greenlet an orphan of `thread` (NULL: there is none), which drops it later. 0; or -1
   without an exception, where there is no memory even for that. */
static int
greenlet_orphan(GreenletObject *self, green_thread *thread)
{
    if (thread != NULL && thread->orphans == NULL) {
        thread->orphans = PyList_New(0);
    }
    if (thread == NULL || thread->orphans == NULL ||
        PyList_Append(thread->orphans, (PyObject *)self) < 0) {
        PyErr_Clear();
        return -1;
    }
    return 0;
}

static void
greenlet_complain(GreenletObject *self)
{
    PyObject *file = PySys_GetObject("stderr"); /* borrowed */
    if (file == NULL || file == Py_None) {
        return;
    }
    Py_INCREF(file);
    if (PyFile_WriteString("GreenletExit did not kill ", file) < 0 ||
        PyFile_WriteObject((PyObject *)self, file, 0) < 0 || PyFile_WriteString("\n", file) < 0) {
        PyErr_Clear();
    }
    Py_DECREF(file);
}

/* Throw GreenletExit into a parked greenlet whose last reference is gone. Returns whether it lives
   on, because somebody refers to it again or because it cannot be killed here. */
static bool
greenlet_outlives(GreenletObject *self)
{
    PyObject *op = (PyObject *)self;
    Py_SET_REFCNT(op, 1);
    PyObject *error = green_error_take();
    if (!green_greenlet_kill(self)) {
        if (greenlet_orphan(self, self->thread) < 0) {
            Py_INCREF(op);
        }
    } else if (greenlet_parked(self) && Py_REFCNT(op) == 1) {
        greenlet_complain(self);
        Py_INCREF(op); /* its stack is in use, so it can never be freed */
    }
    green_error_raise(error);
    Py_ssize_t refs = Py_REFCNT(op) - 1;
    Py_SET_REFCNT(op, refs);
    if (refs == 0) {
        return false;
    }
    _Py_NewReference(op);
    Py_SET_REFCNT(op, refs);
#if defined(Py_REF_DEBUG) && PY_VERSION_HEX < 0x030C0000
    _Py_RefTotal--;
#endif
    PyObject_GC_Track(op);
    return true;
}

inline bool
green_greenlet_survives(GreenletObject *self)
{
    return greenlet_parked(self) && !green_greenlet_stranded(self) && greenlet_outlives(self);
}

/* Drop the last reference to a dead greenlet's parent. In a long line of parents each may be the
   last to refer to the next; dropping them all must not nest as many calls. At this depth the rest
   becomes an orphan, which the outermost call drops. */
#define NESTING_MAX 30

GREEN_COLD static void
greenlet_drop_last_parent(GreenletObject *parent)
{
    static _Thread_local int nesting;
    static _Thread_local bool deferred;
    if (nesting >= NESTING_MAX) {
        PyObject *error = green_error_take();
        int status = greenlet_orphan(parent, green_thread_get());
        green_error_raise(error);
        if (status == 0) {
            deferred = true;
            Py_DECREF(parent);
            return;
        }
    }
    nesting++;
    Py_DECREF(parent);
    while (nesting == 1 && deferred) {
        deferred = false;
        PyObject *error = green_error_take();
        green_thread *thread = green_thread_get();
        if (thread == NULL) {
            PyErr_Clear();
        } else {
            green_thread_kill_orphans(thread);
        }
        green_error_raise(error);
    }
    nesting--;
}

static inline void
greenlet_drop_parent(GreenletObject *parent)
{
    if (Py_REFCNT(parent) > 1) {
        Py_DECREF(parent);
    } else {
        greenlet_drop_last_parent(parent);
    }
}

static void
greenlet_dealloc(PyObject *op)
{
    GreenletObject *self = (GreenletObject *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    if (green_greenlet_survives(self)) {
        return;
    }
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs(op);
    }
    while (self->locals != NULL) {
        green_locals_end(self);
    }
    bool lost = false;
    if (greenlet_parked(self)) {
        /* The greenlet is stranded. A waiter on its stack may still be in somebody's list. */
        lost = self->flow->waiting != NULL || !green_pystate_abandon(&self->flow->state);
#if PY_VERSION_HEX < 0x030D0000
        Py_CLEAR(self->flow->asyncio_loop);
#endif
        if (!lost) {
            green_pystate_clear(&self->flow->state);
            green_stack_release(green_greenlet_stack(self));
        }
    }
    if (!lost) {
        Py_CLEAR(self->context);
    }
    Py_XDECREF(self->dict);
    Py_XDECREF(self->run);
    Py_XDECREF(self->leftover);
    Py_XDECREF(self->args);
    Py_XDECREF(self->kwargs);
    GreenletObject *parent = self->parent;
    if (self->thread != NULL) {
        green_thread_decref(self->thread);
    }
    green_greenlet_mains -= self->is_main;
    if (lost) {
        /* The stack was not given back, and may point into the object: its memory stays, too. */
    } else if (type != Greenlet_Type || !green_spares_put(&spares, self)) {
        type->tp_free(op);
    }
    Py_DECREF(type);
    if (parent != NULL) {
        greenlet_drop_parent(parent);
    }
}

PyDoc_STRVAR(
    greenlet_doc,
    "greenlet(run=None, parent=None)\n--\n\n"
    "A call with a stack of its own, which runs when it is switched to.\n\n"
    "run: what to call, with the arguments of the first switch().\n"
    "parent: the greenlet that gets the result or the exception at its end; by default the\n"
    "one that runs now.");

static PyMemberDef greenlet_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(GreenletObject, weakrefs), READONLY, NULL},
    {"__dictoffset__", T_PYSSIZET, offsetof(GreenletObject, dict), READONLY, NULL},
    {NULL},
};

static PyType_Slot greenlet_slots[] = {
    {Py_tp_doc, (void *)greenlet_doc},
    {Py_tp_new, greenlet_new},
    {Py_tp_init, greenlet_init},
    {Py_tp_dealloc, greenlet_dealloc},
    {Py_tp_traverse, greenlet_traverse},
    {Py_tp_clear, greenlet_clear},
    {Py_tp_finalize, greenlet_finalize},
    {Py_tp_repr, green_attributes_repr},
    {Py_nb_bool, green_attributes_bool},
    {Py_tp_methods, green_attributes_methods},
    {Py_tp_getset, green_attributes_getset},
    {Py_tp_members, greenlet_members},
    {0, NULL},
};

static PyType_Spec greenlet_spec = {
    .name = "greencore._greenlet_module.greenlet",
    .basicsize = sizeof(GreenletObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = greenlet_slots,
};

int
green_greenlet_type_exec(PyObject *module)
{
    Greenlet_Type = (PyTypeObject *)green_type_new(module, &greenlet_spec, NULL);
    if (Greenlet_Type == NULL) {
        return -1;
    }
    Greenlet_Type->tp_vectorcall = greenlet_vectorcall;
    return PyModule_AddObjectRef(module, "greenlet", (PyObject *)Greenlet_Type);
}
