#include <pthread.h>
#include "greenlet/attributes.h"
#include "greenlet/error.h"
#include "greenlet/stacksize.h"

/* Returns the value that switch(*args, **kwargs) hands over: one argument as it is, several or none
   as a tuple, keywords as a dict, both as a pair. New reference, or NULL with an exception. */
static PyObject *
pack_value(PyObject *args, PyObject *kwargs)
{
    Py_ssize_t nargs = PyTuple_GET_SIZE(args);
    if (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0) {
        return nargs == 0 ? Py_NewRef(kwargs) : PyTuple_Pack(2, args, kwargs);
    }
    return Py_NewRef(nargs == 1 ? PyTuple_GET_ITEM(args, 0) : args);
}

PyObject *
green_attributes_switch(GreenletObject *self, PyObject *args, PyObject *kwargs)
{
    green_thread *thread = green_thread_get();
    PyObject *value = thread == NULL ? NULL : pack_value(args, kwargs);
    if (value == NULL) {
        return NULL;
    }
    for (;;) {
        GreenletObject *real = green_greenlet_resolve(thread, self);
        if (real == NULL) {
            Py_DECREF(value);
            return NULL;
        }
        if (real->status == GREEN_UNSTARTED && green_greenlet_prepared(real)) {
            if (real->kind->calls_run) {
                PyObject *some = PyTuple_GET_SIZE(args) > 0 ? Py_NewRef(args) : NULL;
                Py_XSETREF(real->args, some);
                Py_XSETREF(real->kwargs, Py_XNewRef(kwargs));
            }
        } else if (real->status == GREEN_UNSTARTED) {
            Py_INCREF(real);
            int status = green_greenlet_prepare(real);
            Py_DECREF(real);
            if (status < 0) {
                Py_DECREF(value);
                return NULL;
            }
            continue;
        }
        thread->value = value;
        return green_greenlet_transfer(thread, real);
    }
}

PyDoc_STRVAR(
    switch_doc,
    "switch($self, /, *args, **kwargs)\n--\n\n"
    "Run this greenlet, until something switches back, and return what was handed over.\n\n"
    "One that has not begun calls run(*args, **kwargs). In one that is parked, its own\n"
    "switch() returns: the argument where it is one, the tuple of several, the dict of\n"
    "keywords, or the pair of both. For a dead one its parent stands in.\n"
    "Raises greenlet.error where it belongs to another thread.");

static PyObject *
attributes_switch(PyObject *op, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    GreenletObject *self = (GreenletObject *)op;
    green_thread *thread = green_thread_self;
    if (nargs == 1 && kwnames == NULL && self->status == GREEN_ACTIVE && self->thread == thread &&
        thread != NULL) {
        thread->value = Py_NewRef(args[0]);
        return green_greenlet_transfer(thread, self);
    }
    PyObject *result = NULL;
    PyObject *kwargs = NULL;
    PyObject *tuple = PyTuple_New(nargs);
    if (tuple == NULL) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < nargs; i++) {
        PyTuple_SET_ITEM(tuple, i, Py_NewRef(args[i]));
    }
    if (kwnames != NULL) {
        kwargs = PyDict_New();
        if (kwargs == NULL) {
            goto done;
        }
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); i++) {
            if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
                goto done;
            }
        }
    }
    result = green_attributes_switch(self, tuple, kwargs);
done:
    Py_DECREF(tuple);
    Py_XDECREF(kwargs);
    return result;
}

/* Returns the exception object that Python 2's `raise type, value, traceback` would have raised.
   New reference, or NULL with an exception. */
static PyObject *
make_exception(PyObject *type, PyObject *value, PyObject *traceback)
{
    if (value == Py_None) {
        value = NULL;
    }
    if (traceback == Py_None) {
        traceback = NULL;
    }
    if (traceback != NULL && !PyTraceBack_Check(traceback)) {
        PyErr_SetString(PyExc_TypeError, "throw() third argument must be a traceback object");
        return NULL;
    }
    PyObject *exception;
    if (PyExceptionClass_Check(type)) {
        int given = value != NULL && PyExceptionInstance_Check(value)
                        ? PyObject_IsInstance(value, type)
                        : 0;
        if (given != 0) {
            exception = given < 0 ? NULL : Py_NewRef(value);
        } else if (value == NULL) {
            exception = PyObject_CallNoArgs(type);
        } else if (PyTuple_Check(value)) {
            exception = PyObject_CallObject(type, value);
        } else {
            exception = PyObject_CallOneArg(type, value);
        }
        if (exception == NULL) {
            /* This error is raised in the target instead, as `raise` does. */
            exception = green_error_take();
        } else if (!PyExceptionInstance_Check(exception)) {
            PyErr_Format(PyExc_TypeError,
                         "calling %R should have returned an instance of BaseException, not %s",
                         type, Py_TYPE(exception)->tp_name);
            Py_DECREF(exception);
            return NULL;
        }
    } else if (PyExceptionInstance_Check(type)) {
        if (value != NULL) {
            PyErr_SetString(PyExc_TypeError, "instance exception may not have a separate value");
            return NULL;
        }
        exception = Py_NewRef(type);
    } else {
        PyErr_Format(PyExc_TypeError, "exceptions must be classes, or instances, not %s",
                     Py_TYPE(type)->tp_name);
        return NULL;
    }
    if (traceback != NULL && PyException_SetTraceback(exception, traceback) < 0) {
        Py_DECREF(exception);
        return NULL;
    }
    return exception;
}

PyObject *
green_attributes_throw(GreenletObject *self, PyObject *type, PyObject *value, PyObject *traceback)
{
    PyObject *exception = make_exception(type, value, traceback);
    return exception == NULL ? NULL : green_greenlet_throw(self, exception);
}

PyDoc_STRVAR(throw_doc,
             "throw($self, type=..., value=None, traceback=None, /)\n--\n\n"
             "Switch to this greenlet and raise an exception there: an instance, or a class with\n"
             "its argument or arguments; by default GreenletExit. Returns and raises what switch() "
             "does. In a dead greenlet\n"
             "GreenletExit is returned, all else raised in its parent.");

static PyObject *
attributes_throw(PyObject *op, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs > 3) {
        PyErr_Format(PyExc_TypeError, "throw() takes at most 3 arguments (%zd given)", nargs);
        return NULL;
    }
    return green_attributes_throw((GreenletObject *)op,
                                  nargs > 0 ? args[0] : green_exc_GreenletExit,
                                  nargs > 1 ? args[1] : NULL, nargs > 2 ? args[2] : NULL);
}

static PyObject *
attributes_refuse_state(PyObject *op, PyObject *Py_UNUSED(none))
{
    PyErr_Format(PyExc_TypeError, "cannot serialize '%s' object", Py_TYPE(op)->tp_name);
    return NULL;
}

PyMethodDef green_attributes_methods[] = {
    {"switch", (PyCFunction)(void (*)(void))attributes_switch, METH_FASTCALL | METH_KEYWORDS,
     switch_doc},
    {"throw", (PyCFunction)(void (*)(void))attributes_throw, METH_FASTCALL, throw_doc},
    {"__getstate__", attributes_refuse_state, METH_NOARGS, NULL},
    {NULL},
};

int
green_attributes_bool(PyObject *op)
{
    const GreenletObject *self = (GreenletObject *)op;
    return self->status == GREEN_ACTIVE && !green_greenlet_stranded(self);
}

PyObject *
green_attributes_repr(PyObject *op)
{
    const GreenletObject *self = (GreenletObject *)op;
    const char *name = Py_TYPE(op)->tp_name;
    bool stranded = green_greenlet_stranded(self);
    if (stranded || self->status == GREEN_DEAD) {
        return PyUnicode_FromFormat("<%s object at %p (otid=%p) %sdead>", name, self,
                                    stranded ? NULL : self->thread,
                                    stranded ? "(thread exited) " : "");
    }
    const char *state = self->status == GREEN_UNSTARTED    ? " pending"
                        : self == green_greenlet_current() ? " current active started"
                                                           : " suspended active started";
    return PyUnicode_FromFormat("<%s object at %p (otid=%p)%s%s>", name, self, self->thread, state,
                                self->is_main ? " main" : "");
}

static PyObject *
attributes_get_dead(PyObject *op, void *Py_UNUSED(closure))
{
    const GreenletObject *self = (GreenletObject *)op;
    return PyBool_FromLong(self->status == GREEN_DEAD || green_greenlet_stranded(self));
}

static PyObject *
attributes_get_run(PyObject *op, void *Py_UNUSED(closure))
{
    const GreenletObject *self = (GreenletObject *)op;
    if (self->run == NULL || self->status != GREEN_UNSTARTED) {
        PyErr_SetString(PyExc_AttributeError, "run");
        return NULL;
    }
    return Py_NewRef(self->run);
}

int
green_attributes_set_run(GreenletObject *self, PyObject *value)
{
    if (self->status != GREEN_UNSTARTED) {
        PyErr_SetString(PyExc_AttributeError, "run cannot be set after the start of the greenlet");
        return -1;
    }
    self->run_found = 0;
    Py_XINCREF(value);
    Py_XSETREF(self->run, value);
    return 0;
}

static int
attributes_set_run(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    return green_attributes_set_run((GreenletObject *)op, value);
}

static PyObject *
attributes_get_parent(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *parent = (PyObject *)((GreenletObject *)op)->parent;
    return Py_NewRef(parent == NULL ? Py_None : parent);
}

int
green_attributes_set_parent(GreenletObject *self, PyObject *value)
{
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "can't delete attribute");
        return -1;
    }
    if (!Greenlet_Check(value)) {
        PyErr_Format(PyExc_TypeError, "GreenletChecker: Expected any type of greenlet, not %s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    if (self->is_main) {
        PyErr_SetString(PyExc_AttributeError, "cannot set the parent of a main greenlet");
        return -1;
    }
    /* A new object, which has one reference, is nobody's parent. The parents of `value` are not
       walked for it, or a program that makes a long line of parents would walk the line each time.
       From 3.14 on the interpreter borrows references, so the one reference may be that of `value`,
       too. */
    if (Py_REFCNT(self) > 1 || self->thread != NULL || value == (PyObject *)self) {
        const green_thread *thread = NULL; /* that the new parents belong to */
        for (GreenletObject *g = (GreenletObject *)value; g != NULL; g = g->parent) {
            if (g == self) {
                PyErr_SetString(PyExc_ValueError, "cyclic parent chain");
                return -1;
            }
            thread = thread == NULL ? g->thread : thread;
        }
        if (thread == NULL) {
            PyErr_SetString(PyExc_ValueError, "parent must not be garbage collected");
            return -1;
        }
        if (self->thread != NULL && self->thread != thread) {
            PyErr_SetString(PyExc_ValueError, "parent cannot be on a different thread");
            return -1;
        }
    }
    Py_INCREF(value);
    Py_XSETREF(self->parent, (GreenletObject *)value);
    return 0;
}

static int
attributes_set_parent(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    return green_attributes_set_parent((GreenletObject *)op, value);
}

/* Whether the greenlet runs now, in any thread. Its state is in the thread state then. */
static bool
attributes_running(const GreenletObject *self)
{
    return self->thread != NULL && self->thread->current == self;
}

static PyObject *
attributes_get_context(PyObject *op, void *Py_UNUSED(closure))
{
    const GreenletObject *self = (GreenletObject *)op;
    PyObject *context = self->context; /* borrowed */
    if (attributes_running(self)) {
        if (self->thread != green_thread_get()) {
            PyErr_SetString(PyExc_ValueError, "cannot get context of a greenlet that is running in "
                                              "a different thread");
            return NULL;
        }
        context = green_pystate_get_context(self->thread->tstate);
    }
    return Py_NewRef(context == NULL ? Py_None : context);
}

static int
attributes_set_context(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    GreenletObject *self = (GreenletObject *)op;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "can't delete context attribute");
        return -1;
    }
    PyObject *context = value == Py_None ? NULL : value;
    if (context != NULL && !PyContext_CheckExact(context)) {
        PyErr_SetString(PyExc_TypeError, "greenlet context must be a contextvars.Context or None");
        return -1;
    }
    if (!attributes_running(self)) {
        Py_XINCREF(context);
        Py_XSETREF(self->context, context);
        return 0;
    }
    if (self->thread != green_thread_get()) {
        PyErr_SetString(PyExc_ValueError, "cannot set context of a greenlet that is running in a "
                                          "different thread");
        return -1;
    }
    green_pystate_set_context(self->thread->tstate, context);
    return 0;
}

static PyObject *
attributes_get_frame(PyObject *op, void *Py_UNUSED(closure))
{
    GreenletObject *self = (GreenletObject *)op;
    PyFrameObject *frame = NULL;
    if (self->status == GREEN_ACTIVE && !attributes_running(self)) {
        frame = green_pystate_frame(&self->flow->state);
        if (frame == NULL && PyErr_Occurred()) {
            return NULL;
        }
    }
    return frame == NULL ? Py_NewRef(Py_None) : (PyObject *)frame;
}

/* Returns the high end of the calling native thread's stack, or NULL where the system does not
   tell. */
static char *
attributes_thread_base(void)
{
    pthread_attr_t attr;
    void *limit;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attr) != 0) {
        return NULL;
    }
    int failed = pthread_attr_getstack(&attr, &limit, &size);
    pthread_attr_destroy(&attr);
    return failed ? NULL : (char *)limit + size;
}

static PyObject *
attributes_get_stack_saved(PyObject *op, void *Py_UNUSED(closure))
{
    const GreenletObject *self = (GreenletObject *)op;
    char *base = NULL;
    if (self->status == GREEN_ACTIVE && !attributes_running(self)) {
        const green_stack *stack = green_greenlet_stack(self);
        if (stack != NULL) {
            base = stack->base;
        } else if (self->thread == green_thread_get()) {
            base = attributes_thread_base();
        }
    }
    assert(base == NULL || self->flow != NULL); /* parked */
    return PyLong_FromSsize_t(base == NULL ? 0 : base - (char *)self->flow->sp);
}

PyGetSetDef green_attributes_getset[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, NULL, NULL},
    {"run", attributes_get_run, attributes_set_run, "What to call; unset once it has begun.", NULL},
    {"parent", attributes_get_parent, attributes_set_parent,
     "The greenlet that gets its result or exception.", NULL},
    {"gr_frame", attributes_get_frame, NULL,
     "The innermost Python frame while it is parked, else None.", NULL},
    {"gr_context", attributes_get_context, attributes_set_context,
     "The contextvars.Context that its code runs in, or None for an empty one.", NULL},
    {"_stack_saved", attributes_get_stack_saved, NULL,
     "How many bytes of its machine stack are in use while it is parked, else 0.", NULL},
    {"stack_size", green_stacksize_get, green_stacksize_set,
     "Bytes of machine stack that it will get, or None for what set_stack_size() says.", NULL},
    {"dead", attributes_get_dead, NULL, "Whether it can never run again.", NULL},
    {NULL},
};
