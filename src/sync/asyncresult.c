#include "sync/asyncresult.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/event.h"
#include "sync/timeout.h"

typedef struct AsyncResultObject {
    LinkableObject base;
    PyObject *value;      /* owned; NULL: not set */
    PyObject *exception;  /* owned; NULL: not set */
    PyObject *exc_type;   /* owned; the type in exc_info; NULL without `exception` */
    PyObject *traceback;  /* owned; the traceback in exc_info, or NULL */
    PyObject *task_index; /* owned; the number that imap gives it, or NULL */
} AsyncResultObject;

PyTypeObject *AsyncResult_Type;

static inline bool
result_ready(const AsyncResultObject *self)
{
    return self->value != NULL || self->exception != NULL;
}

/* Whether the object is not a subclass's. Where it is, the other methods call its own set(),
   set_exception() and get(). */
static inline bool
result_is_plain(AsyncResultObject *self)
{
    return Py_IS_TYPE(self, AsyncResult_Type);
}

static bool
result_is_ready(PyObject *object)
{
    return result_ready((AsyncResultObject *)object);
}

static const green_linkable_kind result_kind = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = result_is_ready,
    .all = true,
    .once = true,
};

static PyObject *
result_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    AsyncResultObject *self = (AsyncResultObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_linkable_init(&self->base.linkable, &result_kind);
    }
    return (PyObject *)self;
}

static int
result_init(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {NULL};
    return PyArg_ParseTupleAndKeywords(args, kwargs, ":AsyncResult", names) ? 0 : -1;
}

static PyObject *
result_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (green_arguments("AsyncResult", args, PyVectorcall_NARGS(nargsf), kwnames, NULL, 0, NULL) <
        0) {
        return NULL;
    }
    return result_new((PyTypeObject *)type, NULL, NULL);
}

static int
result_traverse(AsyncResultObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->value);
    Py_VISIT(self->exception);
    Py_VISIT(self->exc_type);
    Py_VISIT(self->traceback);
    Py_VISIT(self->task_index);
    return green_linkable_object_traverse(&self->base, visit, arg);
}

static int
result_clear(AsyncResultObject *self)
{
    Py_CLEAR(self->value);
    Py_CLEAR(self->exception);
    Py_CLEAR(self->exc_type);
    Py_CLEAR(self->traceback);
    Py_CLEAR(self->task_index);
    return green_linkable_object_clear(&self->base);
}

static void
result_dealloc(AsyncResultObject *self)
{
    PyObject_GC_UnTrack(self);
    result_clear(self);
    green_linkable_object_dealloc(&self->base);
}

/* --- setting --- */

static PyObject *
result_set(AsyncResultObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"value"};
    PyObject *value;
    if (green_arguments("set", args, nargs, kwnames, names, 1, &value) < 0) {
        return NULL;
    }
    Py_XSETREF(self->value, Py_NewRef(value == NULL ? Py_None : value));
    green_linkable_notify(&self->base.linkable);
    Py_RETURN_NONE;
}

static int
result_set_exception_core(AsyncResultObject *self, PyObject *exception, PyObject *exc_info)
{
    PyObject *type = (PyObject *)Py_TYPE(exception), *traceback = NULL; /* both borrowed */
    int given = exc_info == NULL ? 0 : PyObject_IsTrue(exc_info);
    if (given < 0) {
        return -1;
    }
    if (given) {
        if (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3) {
            PyErr_SetString(PyExc_TypeError,
                            "exc_info must be a tuple of three, as of sys.exc_info()");
            return -1;
        }
        type = PyTuple_GET_ITEM(exc_info, 0);
        exception = PyTuple_GET_ITEM(exc_info, 1);
        traceback = PyTuple_GET_ITEM(exc_info, 2);
    }
    if (!PyExceptionInstance_Check(exception)) {
        PyErr_Format(PyExc_TypeError, "an exception is needed, not %.200s",
                     Py_TYPE(exception)->tp_name);
        return -1;
    }
    Py_XSETREF(self->exc_type, Py_NewRef(type));
    Py_XSETREF(self->exception, Py_NewRef(exception));
    Py_XSETREF(self->traceback, traceback == Py_None ? NULL : Py_XNewRef(traceback));
    green_linkable_notify(&self->base.linkable);
    return 0;
}

static PyObject *
result_set_exception(AsyncResultObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const char *const names[] = {"exception", "exc_info"};
    PyObject *given[2];
    if (green_arguments("set_exception", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    if (given[0] == NULL) {
        PyErr_SetString(PyExc_TypeError, "set_exception() needs the argument 'exception'");
        return NULL;
    }
    if (result_set_exception_core(self, given[0], given[1]) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* Called as a link of something that has finished: take over its value or exception. */
static PyObject *
result_call(AsyncResultObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"source", NULL};
    PyObject *source;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:__call__", names, &source)) {
        return NULL;
    }
    PyObject *answer = PyObject_CallMethod(source, "successful", NULL);
    int successful = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    if (successful < 0) {
        return NULL;
    }
    if (successful) {
        PyObject *value = PyObject_GetAttrString(source, "value");
        if (value == NULL) {
            return NULL;
        }
        if (!result_is_plain(self)) {
            PyObject *done = PyObject_CallMethod((PyObject *)self, "set", "(O)", value);
            Py_DECREF(value);
            return done;
        }
        Py_XSETREF(self->value, value);
        green_linkable_notify(&self->base.linkable);
        Py_RETURN_NONE;
    }
    PyObject *exception = PyObject_GetAttrString(source, "exception");
    if (exception == NULL) {
        return NULL;
    }
    PyObject *exc_info = PyObject_GetAttrString(source, "exc_info");
    if (exc_info == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        exc_info = Py_NewRef(Py_None);
    }
    if (exc_info != NULL && !result_is_plain(self)) {
        PyObject *done =
            PyObject_CallMethod((PyObject *)self, "set_exception", "(OO)", exception, exc_info);
        Py_DECREF(exception);
        Py_DECREF(exc_info);
        return done;
    }
    int result = exc_info == NULL ? -1 : result_set_exception_core(self, exception, exc_info);
    Py_DECREF(exception);
    Py_XDECREF(exc_info);
    if (result < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* --- getting --- */

/* Returns the value, or raises the exception, of a result that is ready. Each time it is raised,
   the exception has the traceback that it was set with. */
static PyObject *
result_take(AsyncResultObject *self)
{
    if (self->value != NULL) {
        return Py_NewRef(self->value);
    }
    PyObject *exception = Py_NewRef(self->exception);
    if (PyException_SetTraceback(exception, self->traceback ? self->traceback : Py_None) == 0) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    }
    Py_DECREF(exception);
    return NULL;
}

static PyObject *
result_get_core(AsyncResultObject *self, bool block, PyObject *timeout)
{
    green_deadline deadline;
    while (!result_ready(self)) {
        if (!block) {
            return green_timeout_raise(NULL);
        }
        if (green_deadline_start(&deadline, timeout) < 0) {
            return NULL;
        }
        int status =
            green_linkable_wait(&self->base.linkable, deadline.seconds, "AsyncResult.get", false);
        if (green_deadline_stop(&deadline) < 0 || status < 0) {
            return NULL;
        }
        if (status == GREEN_TIMED_OUT) {
            return green_timeout_raise(timeout);
        }
    }
    return result_take(self);
}

static PyObject *
result_get(AsyncResultObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"block", "timeout"};
    PyObject *given[2];
    if (green_arguments("get", args, nargs, kwnames, names, 2, given) < 0) {
        return NULL;
    }
    int block = green_argument_flag(given[0], 1);
    return block < 0 ? NULL : result_get_core(self, block, given[1]);
}

static PyObject *
result_result(AsyncResultObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    if (green_arguments("result", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (!result_is_plain(self)) {
        return PyObject_CallMethod((PyObject *)self, "get", "(OO)", Py_True,
                                   timeout == NULL ? Py_None : timeout);
    }
    return result_get_core(self, true, timeout);
}

static PyObject *
result_get_nowait(AsyncResultObject *self, PyObject *Py_UNUSED(ignored))
{
    return result_is_plain(self) ? result_get_core(self, false, NULL)
                                 : PyObject_CallMethod((PyObject *)self, "get", "(O)", Py_False);
}

static PyObject *
result_value(AsyncResultObject *self)
{
    return Py_NewRef(self->value == NULL ? Py_None : self->value);
}

static PyObject *
result_wait(AsyncResultObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    green_deadline deadline;
    if (green_arguments("wait", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (result_ready(self)) {
        PyObject *value = result_value(self);
        if (green_linkable_wait_behind(&self->base.linkable, "AsyncResult.wait") < 0) {
            Py_CLEAR(value);
        }
        return value;
    }
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status =
        green_linkable_wait(&self->base.linkable, deadline.seconds, "AsyncResult.wait", false);
    if (status < 0 && green_deadline_caught(&deadline)) {
        status = GREEN_TIMED_OUT;
    }
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        return NULL;
    }
    return result_value(self);
}

static PyObject *
result_method_ready(AsyncResultObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(result_ready(self));
}

static PyObject *
result_successful(AsyncResultObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->value != NULL);
}

static PyObject *
result_false(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_FALSE;
}

static PyObject *
result_repr(AsyncResultObject *self)
{
    Py_ssize_t links = green_linkable_count(&self->base.linkable);
    const char *name = _PyType_Name(Py_TYPE(self));
    PyObject *held = self->exception != NULL ? self->exception : self->value;
    if (held == NULL) {
        return PyUnicode_FromFormat("<%s unset  _links[%zd]>", name, links);
    }
    Py_INCREF(held); /* repr() of it may set another one */
    PyObject *text =
        PyUnicode_FromFormat("<%s %s=%R  _links[%zd]>", name,
                             held == self->exception ? "exception" : "value", held, links);
    Py_DECREF(held);
    return text;
}

static PyObject *
result_get_value(AsyncResultObject *self, void *Py_UNUSED(closure))
{
    return result_value(self);
}

static PyObject *
result_get_exception(AsyncResultObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->exception == NULL ? Py_None : self->exception);
}

static PyObject *
result_get_exc_info(AsyncResultObject *self, void *Py_UNUSED(closure))
{
    if (self->exception == NULL) {
        return PyTuple_New(0);
    }
    return PyTuple_Pack(3, self->exc_type, self->exception,
                        self->traceback == NULL ? Py_None : self->traceback);
}

PyDoc_STRVAR(result_set_doc,
             "set($self, /, value=None)\n--\n\n"
             "Hold `value` in place of what was there, and wake all who wait, in the order they\n"
             "came.");
PyDoc_STRVAR(
    result_set_exception_doc,
    "set_exception($self, /, exception, exc_info=None)\n--\n\n"
    "Hold `exception` and wake all who wait: get() raises it. exc_info, as of\n"
    "sys.exc_info(), says with which traceback. Raises TypeError for what is no exception.");
PyDoc_STRVAR(result_get_doc,
             "get($self, /, block=True, timeout=None)\n--\n\n"
             "Return the value or raise the exception, waiting for it at most `timeout` seconds\n"
             "(None: without limit). Raises Timeout when the time has passed, or at once without\n"
             "`block`; when `timeout` is itself a Timeout, that one, or what it is made to raise.");
PyDoc_STRVAR(result_wait_doc,
             "wait($self, /, timeout=None)\n--\n\n"
             "Wait until this holds something, at most `timeout` seconds (None: without limit).\n"
             "Returns the value; None when it holds an exception, or the time has passed.");

static PyMethodDef result_methods[] = {
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, PyDoc_STR("See PEP 585.")},
    {"set", (PyCFunction)(void (*)(void))result_set, METH_FASTCALL | METH_KEYWORDS, result_set_doc},
    {"set_result", (PyCFunction)(void (*)(void))result_set, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("set_result($self, /, value=None)\n--\n\nset(value), under the name that futures "
               "have for it.")},
    {"set_exception", (PyCFunction)(void (*)(void))result_set_exception,
     METH_FASTCALL | METH_KEYWORDS, result_set_exception_doc},
    {"get", (PyCFunction)(void (*)(void))result_get, METH_FASTCALL | METH_KEYWORDS, result_get_doc},
    {"get_nowait", (PyCFunction)result_get_nowait, METH_NOARGS,
     PyDoc_STR(
         "get_nowait($self, /)\n--\n\n"
         "get(block=False): return the value or raise the exception. Raises Timeout when there\n"
         "is neither.")},
    {"result", (PyCFunction)(void (*)(void))result_result, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR(
         "result($self, /, timeout=None)\n--\n\n"
         "get(timeout=timeout), under a future's name: the time is in seconds, None is without\n"
         "limit.")},
    {"wait", (PyCFunction)(void (*)(void))result_wait, METH_FASTCALL | METH_KEYWORDS,
     result_wait_doc},
    {"ready", (PyCFunction)result_method_ready, METH_NOARGS,
     PyDoc_STR("ready($self, /)\n--\n\n"
               "Return whether it holds a value or an exception.")},
    {"done", (PyCFunction)result_method_ready, METH_NOARGS,
     PyDoc_STR("done($self, /)\n--\n\nready(), under a future's name.")},
    {"successful", (PyCFunction)result_successful, METH_NOARGS,
     PyDoc_STR(
         "successful($self, /)\n--\n\n"
         "Return whether it holds a value: False with an exception, and while it holds nothing.")},
    {"cancel", result_false, METH_NOARGS,
     PyDoc_STR("cancel($self, /)\n--\n\n"
               "Return False: it cannot be cancelled. For code that is written for futures.")},
    {"cancelled", result_false, METH_NOARGS,
     PyDoc_STR("cancelled($self, /)\n--\n\n"
               "Return False. For code that is written for futures.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef result_members[] = {
    {"_imap_task_index", T_OBJECT_EX, offsetof(AsyncResultObject, task_index), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef result_getset[] = {
    {"value", (getter)result_get_value, NULL, PyDoc_STR("The value, or None without one."), NULL},
    {"exception", (getter)result_get_exception, NULL,
     PyDoc_STR("The exception, or None without one."), NULL},
    {"exc_info", (getter)result_get_exc_info, NULL,
     PyDoc_STR("Type, exception and traceback, or an empty tuple."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(result_doc,
             "AsyncResult()\n--\n\n"
             "A value or an exception that greenlets can wait for.\n\n"
             "set() and set_exception() wake all who wait in get() and wait(), in the order they\n"
             "came, once the setter lets others run. It can be linked to a Greenlet\n"
             "(greenlet.link(result)) and then takes over its outcome.");

static PyType_Slot result_slots[] = {
    {Py_tp_doc, (void *)result_doc},   {Py_tp_new, result_new},
    {Py_tp_init, result_init},         {Py_tp_dealloc, result_dealloc},
    {Py_tp_traverse, result_traverse}, {Py_tp_clear, result_clear},
    {Py_tp_call, result_call},         {Py_tp_repr, result_repr},
    {Py_tp_methods, result_methods},   {Py_tp_members, result_members},
    {Py_tp_getset, result_getset},     {0, NULL},
};

static PyType_Spec result_spec = {
    .name = "greencore.event.AsyncResult",
    .basicsize = sizeof(AsyncResultObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = result_slots,
};

int
green_asyncresult_exec(PyObject *module)
{
    AsyncResult_Type =
        (PyTypeObject *)green_type_new(module, &result_spec, (PyObject *)Linkable_Type);
    if (AsyncResult_Type == NULL) {
        return -1;
    }
    AsyncResult_Type->tp_vectorcall = result_vectorcall;
    return PyModule_AddType(module, AsyncResult_Type);
}
