#include "sync/timeout.h"

#include <math.h>
#include <stddef.h>
#include <structmember.h>
#include "greenlet/error.h"
#include "greenlet/type.h"
#include "hub/hub.h"
#include "hub/wait.h"
#include "greenlet/arguments.h"

typedef struct TimeoutObject {
    PyBaseExceptionObject base;
    PyObject *seconds;        /* owned; None: it never expires */
    PyObject *exception;      /* owned; what to raise; None, False or a string: itself */
    double delay;             /* `seconds` as a number */
    GreenletObject *greenlet; /* owned while pending, with `loop` and self; else NULL */
    LoopObject *loop;
    green_timer timer;
    green_ready ready;
    bool closed;
    bool one_shot; /* cancel() closes it, too */
} TimeoutObject;

PyTypeObject *Timeout_Type;
static PyObject *timeout_never;         /* owned; the shared Timeout that never expires */
static PyObject *name_on_expiration;    /* owned */
static PyObject *timeout_on_expiration; /* borrowed from the type: Timeout's own method */
static const char *const timeout_names[] = {"seconds", "exception", "ref", "priority", "_one_shot"};

static inline bool
timeout_pending(const TimeoutObject *self)
{
    return self->greenlet != NULL;
}

/* Whether the Timeout raises itself, and not `exception`. */
static inline bool
timeout_raises_self(const TimeoutObject *self)
{
    return self->exception == Py_None || self->exception == Py_False ||
           PyUnicode_Check(self->exception);
}

/* The Timeout is not pending any more. Drops the reference to self that the timer and the node had,
   which must not be the last one. Returns the greenlet that the Timeout was for, a new
   reference. */
static GreenletObject *
timeout_release(TimeoutObject *self)
{
    GreenletObject *greenlet = self->greenlet;
    self->greenlet = NULL;
    Py_CLEAR(self->loop);
    Py_DECREF(self);
    return greenlet;
}

static void
timeout_stop(TimeoutObject *self)
{
    if (timeout_pending(self)) {
        green_loop_stop_timer(self->loop, &self->timer);
        green_ready_cancel(&self->ready);
        Py_DECREF(timeout_release(self));
    }
}

/* --- expiry --- */

static GreenletObject *timeout_turn(green_ready *ready);
static GreenletObject *timeout_turn_on_hub(green_ready *ready);
static void timeout_drop(green_ready *ready);

static GreenletObject *
timeout_greenlet(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, TimeoutObject, ready)->greenlet;
}

static const green_ready_kind timeout_kind = {
    .turn = timeout_turn, .drop = timeout_drop, .greenlet = timeout_greenlet};
static const green_ready_kind timeout_on_hub = {.turn = timeout_turn_on_hub,
                                                .on_hub = true,
                                                .drop = timeout_drop,
                                                .greenlet = timeout_greenlet};

static void
timeout_expired(green_timer *timer)
{
    TimeoutObject *self = GREEN_CONTAINER(timer, TimeoutObject, timer);
    assert(!green_ready_queued(&self->ready));
    green_ready_push(self->loop, &self->ready);
}

static void
timeout_drop(green_ready *ready)
{
    TimeoutObject *self = GREEN_CONTAINER(ready, TimeoutObject, ready);
    Py_DECREF(timeout_release(self));
}

static void
timeout_dropped(green_timer *timer)
{
    timeout_drop(&GREEN_CONTAINER(timer, TimeoutObject, timer)->ready);
}

/* Raise `exception` (stolen) in `greenlet` (stolen), which runs next and is returned, borrowed from
   the loop's trash. */
static GreenletObject *
timeout_raise_in(LoopObject *loop, GreenletObject *greenlet, PyObject *exception)
{
    greenlet->thread->exception = exception;
    green_loop_put_trash(loop, (PyObject *)greenlet);
    return greenlet;
}

static GreenletObject *
timeout_turn(green_ready *ready)
{
    TimeoutObject *self = GREEN_CONTAINER(ready, TimeoutObject, ready);
    PyObject *throws = timeout_raises_self(self) ? (PyObject *)self : self->exception;
    if (green_loop_has_trash(self->loop) || !PyExceptionInstance_Check(throws) ||
        self->greenlet->status != GREEN_ACTIVE ||
        (throws != (PyObject *)self && Py_REFCNT(self) == 1)) {
        ready->kind = &timeout_on_hub; /* what is to be done may run Python code */
        green_ready_push_front(self->loop, ready);
        return NULL;
    }
    LoopObject *loop = self->loop; /* alive after the release, since this is a turn of it */
    Py_INCREF(throws);
    return timeout_raise_in(loop, timeout_release(self), throws);
}

/* Returns the exception object to raise for what was given as `exception`, a new reference. Where
   it cannot be made, that error is returned. */
static PyObject *
timeout_make_exception(PyObject *throws)
{
    if (PyExceptionInstance_Check(throws)) {
        return Py_NewRef(throws);
    }
    if (PyExceptionClass_Check(throws)) {
        PyObject *made = PyObject_CallNoArgs(throws);
        if (made != NULL && PyExceptionInstance_Check(made)) {
            return made;
        }
        Py_XDECREF(made);
    }
    if (!PyErr_Occurred()) {
        PyErr_Format(
            PyExc_TypeError,
            "exceptions must be classes or instances deriving from BaseException, not %.200s",
            Py_TYPE(throws)->tp_name);
    }
    return green_error_take();
}

static GreenletObject *
timeout_turn_on_hub(green_ready *ready)
{
    TimeoutObject *self = GREEN_CONTAINER(ready, TimeoutObject, ready);
    GreenletObject *next = NULL;
    Py_INCREF(self);
    LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)self->loop);
    GreenletObject *greenlet =
        timeout_release(self); /* before Python code runs, which may stop the Timeout */
    PyObject *throws = Py_NewRef(timeout_raises_self(self) ? (PyObject *)self : self->exception);
    if (_PyType_Lookup(Py_TYPE(self), name_on_expiration) != timeout_on_expiration) {
        PyObject *done = PyObject_CallMethodObjArgs((PyObject *)self, name_on_expiration, greenlet,
                                                    throws, NULL);
        if (done == NULL) {
            green_loop_handle_error(loop, (PyObject *)self);
        }
        Py_XDECREF(done);
        Py_DECREF(greenlet);
    } else {
        PyObject *exception = timeout_make_exception(throws);
        if (greenlet->status == GREEN_ACTIVE) {
            next = timeout_raise_in(loop, greenlet, exception);
        } else {
            Py_DECREF(exception);
            Py_DECREF(greenlet);
        }
    }
    Py_DECREF(throws);
    Py_DECREF(loop);
    Py_DECREF(self);
    return next;
}

/* --- methods --- */

static int
timeout_start_core(TimeoutObject *self)
{
    if (timeout_pending(self)) {
        PyErr_Format(PyExc_AssertionError, "%R is already started; to restart it, cancel it first",
                     self);
        return -1;
    }
    if (self->seconds == Py_None) {
        return 0;
    }
    if (self->closed) {
        PyErr_SetString(PyExc_AssertionError, "a closed timeout cannot be started");
        return -1;
    }
    HubObject *hub = green_hub_get();
    if (hub == NULL) {
        return -1;
    }
    self->greenlet = (GreenletObject *)Py_NewRef((PyObject *)green_thread_self->current);
    self->loop = (LoopObject *)Py_NewRef((PyObject *)hub->loop);
    Py_INCREF(self);
    self->ready.kind = &timeout_kind;
    if (_PyType_Lookup(Py_TYPE(self), name_on_expiration) != timeout_on_expiration) {
        self->ready.kind = &timeout_on_hub;
    }
    self->timer.greenlet = self->greenlet;
    green_loop_start_timer(self->loop, &self->timer, green_time_after(self->delay));
    return 0;
}

PyDoc_STRVAR(timeout_start_doc,
             "start($self, /)\n--\n\n"
             "Begin to count. Raises AssertionError when it is pending already, or closed.");

static PyObject *
timeout_start(TimeoutObject *self, PyObject *Py_UNUSED(ignored))
{
    if (timeout_start_core(self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(timeout_cancel_doc, "cancel($self, /)\n--\n\n"
                                 "Stop it. It may be started again. Nothing happens when it is not "
                                 "pending.");

static PyObject *
timeout_cancel(TimeoutObject *self, PyObject *Py_UNUSED(ignored))
{
    timeout_stop(self);
    self->closed |= self->one_shot;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(timeout_close_doc,
             "close($self, /)\n--\n\n"
             "Stop it for good: start() raises AssertionError then. Harmless when it was closed\n"
             "before.");

static PyObject *
timeout_close(TimeoutObject *self, PyObject *Py_UNUSED(ignored))
{
    timeout_stop(self);
    self->closed = true;
    Py_RETURN_NONE;
}

static PyObject *
timeout_method_on_expiration(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        return PyErr_Format(PyExc_TypeError, "_on_expiration() takes 2 arguments (%zd given)",
                            nargs);
    }
    return PyObject_CallMethod(args[0], "throw", "O", args[1]);
}

static PyObject *
timeout_enter(TimeoutObject *self, PyObject *Py_UNUSED(ignored))
{
    if (!timeout_pending(self)) {
        if (Py_TYPE(self) == Timeout_Type) {
            if (timeout_start_core(self) < 0) {
                return NULL;
            }
        } else {
            PyObject *started = PyObject_CallMethod((PyObject *)self, "start", NULL);
            if (started == NULL) {
                return NULL;
            }
            Py_DECREF(started);
        }
    }
    return Py_NewRef((PyObject *)self);
}

static PyObject *
timeout_exit(TimeoutObject *self, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3) {
        return PyErr_Format(PyExc_TypeError, "__exit__() takes 3 arguments (%zd given)", nargs);
    }
    if (Py_TYPE(self) == Timeout_Type) {
        timeout_stop(self);
        self->closed = true;
    } else {
        PyObject *closed = PyObject_CallMethod((PyObject *)self, "close", NULL);
        if (closed == NULL) {
            return NULL;
        }
        Py_DECREF(closed);
    }
    if (args[1] == (PyObject *)self && self->exception == Py_False) {
        Py_RETURN_TRUE;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(timeout_start_new_doc,
             "start_new($type, /, timeout=None, exception=None, ref=True, _one_shot=False)\n--\n\n"
             "A started timeout: `timeout` itself when it is a Timeout (started unless it is\n"
             "pending), else a new one of `timeout` seconds that raises `exception`.");

static PyObject *
timeout_start_new_core(PyObject *type, PyObject *const *given, PyObject *one_shot)
{
    PyObject *timeout = given[0];
    if (timeout != NULL && PyObject_TypeCheck(timeout, Timeout_Type)) {
        Py_INCREF(timeout);
        if (timeout_pending((TimeoutObject *)timeout)) {
            return timeout;
        }
    } else {
        PyObject *args = PyTuple_Pack(2, timeout == NULL ? Py_None : timeout,
                                      given[1] == NULL ? Py_None : given[1]);
        PyObject *kwargs = Py_BuildValue("{s:O,s:O}", "ref", given[2] == NULL ? Py_True : given[2],
                                         "_one_shot", one_shot);
        timeout = args == NULL || kwargs == NULL ? NULL : PyObject_Call(type, args, kwargs);
        Py_XDECREF(args);
        Py_XDECREF(kwargs);
    }
    PyObject *started = timeout == NULL ? NULL : PyObject_CallMethod(timeout, "start", NULL);
    if (started == NULL) {
        Py_XDECREF(timeout);
        return NULL;
    }
    Py_DECREF(started);
    return timeout;
}

static PyObject *
timeout_start_new(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout", "exception", "ref", "_one_shot"};
    PyObject *given[4];
    if (green_arguments("start_new", args, nargs, kwnames, names, 4, given) < 0) {
        return NULL;
    }
    return timeout_start_new_core(type, given, given[3] == NULL ? Py_False : given[3]);
}

PyDoc_STRVAR(timeout_start_new_or_dummy_doc,
             "_start_new_or_dummy(timeout, exception=None, ref=True)\n--\n\n"
             "start_new(), or for None a shared timeout that never expires.");

static PyObject *
timeout_start_new_or_dummy(PyObject *Py_UNUSED(ignored), PyObject *const *args, Py_ssize_t nargs,
                           PyObject *kwnames)
{
    static const char *const names[] = {"timeout", "exception", "ref"};
    PyObject *given[3];
    if (green_arguments("_start_new_or_dummy", args, nargs, kwnames, names, 3, given) < 0) {
        return NULL;
    }
    if (given[0] == NULL || given[0] == Py_None) {
        return Py_NewRef(timeout_never);
    }
    return timeout_start_new_core((PyObject *)Timeout_Type, given, Py_True);
}

/* --- object --- */

static int
timeout_set_seconds_core(TimeoutObject *self, PyObject *seconds)
{
    double delay = 0;
    if (seconds != Py_None) {
        delay = PyFloat_AsDouble(seconds);
        if (delay == -1 && PyErr_Occurred()) {
            return -1;
        }
        if (isnan(delay)) {
            PyErr_SetString(PyExc_ValueError, "seconds must not be NaN");
            return -1;
        }
    }
    self->delay = delay;
    Py_XSETREF(self->seconds, Py_NewRef(seconds));
    return 0;
}

/* Set the Timeout up from the constructor's arguments, which timeout_names lists (NULL: not given).
   0, or -1 with an exception. */
static int
timeout_setup(TimeoutObject *self, PyObject *const *given)
{
    int ref = green_argument_flag(given[2], 1);
    int one_shot = green_argument_flag(given[4], 0);
    long priority = given[3] == NULL || given[3] == Py_None ? -1 : PyLong_AsLong(given[3]);
    if (ref < 0 || one_shot < 0 || (priority == -1 && PyErr_Occurred())) {
        return -1;
    }
    if (timeout_pending(self)) {
        timeout_stop(self);
    }
    self->timer.ref = ref;
    self->timer.late = priority < 0;
    self->one_shot = one_shot;
    self->closed = false;
    Py_XSETREF(self->exception, Py_NewRef(given[1] == NULL ? Py_None : given[1]));
    return timeout_set_seconds_core(self, given[0] == NULL ? Py_None : given[0]);
}

static PyObject *
timeout_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    TimeoutObject *self =
        (TimeoutObject *)((PyTypeObject *)PyExc_BaseException)->tp_new(type, args, kwargs);
    if (self != NULL) {
        self->seconds = Py_NewRef(Py_None);
        self->exception = Py_NewRef(Py_None);
        green_timer_init(&self->timer, timeout_expired, true);
        self->timer.dropped = timeout_dropped;
        green_ready_init(&self->ready, &timeout_kind);
    }
    return (PyObject *)self;
}

static int
timeout_init(TimeoutObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"seconds", "exception", "ref", "priority", "_one_shot", NULL};
    PyObject *given[5] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OOOOO:Timeout", names, &given[0], &given[1],
                                     &given[2], &given[3], &given[4])) {
        return -1;
    }
    PyObject *none = PyTuple_New(0);
    if (none == NULL) {
        return -1;
    }
    int result = ((PyTypeObject *)PyExc_BaseException)->tp_init((PyObject *)self, none, NULL);
    Py_DECREF(none);
    return result < 0 ? -1 : timeout_setup(self, given);
}

static PyObject *
timeout_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    PyObject *given[5];
    if (green_arguments("Timeout", args, PyVectorcall_NARGS(nargsf), kwnames, timeout_names, 5,
                        given) < 0) {
        return NULL;
    }
    PyObject *none = PyTuple_New(0);
    PyObject *self = none == NULL ? NULL : timeout_new((PyTypeObject *)type, none, NULL);
    Py_XDECREF(none);
    if (self != NULL && timeout_setup((TimeoutObject *)self, given) < 0) {
        Py_CLEAR(self);
    }
    return self;
}

static int
timeout_traverse(TimeoutObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->seconds);
    Py_VISIT(self->exception);
    Py_VISIT(self->greenlet);
    Py_VISIT(self->loop);
    return ((PyTypeObject *)PyExc_BaseException)->tp_traverse((PyObject *)self, visit, arg);
}

static int
timeout_clear(TimeoutObject *self)
{
    Py_CLEAR(self->seconds);
    Py_CLEAR(self->exception);
    return ((PyTypeObject *)PyExc_BaseException)->tp_clear((PyObject *)self);
}

/* A Timeout that is pending owns a reference to itself, so this one is not. */
static void
timeout_dealloc(TimeoutObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    timeout_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
timeout_repr(TimeoutObject *self)
{
    const char *pending = timeout_pending(self) ? " pending" : "",
               *name = _PyType_Name(Py_TYPE(self));
    PyObject *seconds = Py_NewRef(self->seconds), *exception = Py_NewRef(self->exception);
    PyObject *text =
        exception == Py_None
            ? PyUnicode_FromFormat("<%s at %p seconds=%S%s>", name, self, seconds, pending)
            : PyUnicode_FromFormat("<%s at %p seconds=%S exception=%R%s>", name, self, seconds,
                                   exception, pending);
    Py_DECREF(seconds);
    Py_DECREF(exception);
    return text;
}

static PyObject *
timeout_str(TimeoutObject *self)
{
    if (self->seconds == Py_None) {
        return PyUnicode_FromString("");
    }
    const char *plural = self->delay == 1 ? "" : "s";
    if (self->exception == Py_None) {
        return PyUnicode_FromFormat("%S second%s", self->seconds, plural);
    }
    if (self->exception == Py_False) {
        return PyUnicode_FromFormat("%S second%s (silent)", self->seconds, plural);
    }
    PyObject *seconds = Py_NewRef(self->seconds), *exception = Py_NewRef(self->exception);
    PyObject *text = PyUnicode_FromFormat("%S second%s: %S", seconds, plural, exception);
    Py_DECREF(seconds);
    Py_DECREF(exception);
    return text;
}

/* Only "less than" is defined, for another timeout or a number, and only as a convenience. */
static PyObject *
timeout_richcompare(PyObject *self, PyObject *other, int op)
{
    if (op != Py_LT || !PyObject_TypeCheck(self, Timeout_Type)) {
        return Py_NewRef(op == Py_EQ && self == other ? Py_True : Py_NotImplemented);
    }
    PyObject *seconds = PyObject_GetAttrString(other, "seconds");
    if (seconds == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
        seconds = Py_NewRef(other);
    }
    PyObject *result = PyObject_RichCompare(((TimeoutObject *)self)->seconds, seconds, Py_LT);
    Py_DECREF(seconds);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Clear();
        Py_RETURN_NOTIMPLEMENTED;
    }
    return result;
}

static Py_hash_t
timeout_hash(PyObject *self)
{
    return PyBaseObject_Type.tp_hash(self);
}

static PyObject *
timeout_get_pending(TimeoutObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(timeout_pending(self));
}

static PyObject *
timeout_get_seconds(TimeoutObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->seconds);
}

static int
timeout_set_seconds(TimeoutObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    return timeout_set_seconds_core(self, value == NULL ? Py_None : value);
}

static PyObject *
timeout_get_exception(TimeoutObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->exception);
}

static int
timeout_set_exception(TimeoutObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XSETREF(self->exception, Py_NewRef(value == NULL ? Py_None : value));
    return 0;
}

/* Copying and pickling make a Timeout that is not started, but still says what it was for. */
static PyObject *
timeout_reduce(TimeoutObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *dict = self->base.dict;
    PyObject *state = dict == NULL ? PyDict_New() : PyDict_Copy(dict);
    PyObject *exception = self->exception == NULL ? Py_None : self->exception;
    if (state == NULL || PyDict_SetItemString(state, "seconds", self->seconds) < 0 ||
        PyDict_SetItemString(state, "exception", exception) < 0) {
        Py_XDECREF(state);
        return NULL;
    }
    return Py_BuildValue("(OON)", Py_TYPE(self), self->base.args, state);
}

static PyMethodDef timeout_methods[] = {
    {"__reduce__", (PyCFunction)timeout_reduce, METH_NOARGS, NULL},
    {"start", (PyCFunction)timeout_start, METH_NOARGS, timeout_start_doc},
    {"cancel", (PyCFunction)timeout_cancel, METH_NOARGS, timeout_cancel_doc},
    {"close", (PyCFunction)timeout_close, METH_NOARGS, timeout_close_doc},
    {"start_new", (PyCFunction)(void (*)(void))timeout_start_new,
     METH_CLASS | METH_FASTCALL | METH_KEYWORDS, timeout_start_new_doc},
    {"_start_new_or_dummy", (PyCFunction)(void (*)(void))timeout_start_new_or_dummy,
     METH_STATIC | METH_FASTCALL | METH_KEYWORDS, timeout_start_new_or_dummy_doc},
    {"_on_expiration", (PyCFunction)(void (*)(void))timeout_method_on_expiration, METH_FASTCALL,
     PyDoc_STR("_on_expiration($self, prev_greenlet, ex, /)\n--\n\n"
               "Called in the hub when the time is up; a subclass may override it.")},
    {"__enter__", (PyCFunction)timeout_enter, METH_NOARGS,
     PyDoc_STR("Start it unless it is pending.")},
    {"__exit__", (PyCFunction)(void (*)(void))timeout_exit, METH_FASTCALL,
     PyDoc_STR("Close it; with exception=False, also swallow it, but no other Timeout.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef timeout_members[] = {
    {"_one_shot", T_BOOL, offsetof(TimeoutObject, one_shot), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef timeout_getset[] = {
    {"pending", (getter)timeout_get_pending, NULL, PyDoc_STR("Whether it is going to be raised."),
     NULL},
    {"seconds", (getter)timeout_get_seconds, (setter)timeout_set_seconds,
     PyDoc_STR("The time that it gives, in seconds; None: no limit."), NULL},
    {"exception", (getter)timeout_get_exception, (setter)timeout_set_exception,
     PyDoc_STR("What is raised: an exception, or None, False or a string for the timeout itself."),
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    timeout_doc,
    "Timeout(seconds=None, exception=None, ref=True, priority=-1)\n--\n\n"
    "Raise itself, or `exception`, in the running greenlet once `seconds` have passed since\n"
    "start(). It only strikes while the greenlet waits for something.\n\n"
    "seconds: None for no limit; 0 or less expires as soon as the greenlet waits.\n"
    "exception: an exception or a class of exceptions to be raised instead; False makes a `with`\n"
    "block end silently when this very timeout was raised in it.\n"
    "ref: whether a started timeout keeps the event loop running.\n"
    "priority: negative, the default, lets all I/O that is seen together with the expiry go "
    "first.\n\n"
    "As a context manager it is started and closed::\n\n"
    "    with Timeout(5, False):\n"
    "        line = reader.readline()\n\n"
    "Who catches a Timeout must check that it is the own one (`except Timeout as t: if t is not\n"
    "timeout: raise`): a caller may have set one as well. Every started timeout must be closed.");

static PyType_Slot timeout_slots[] = {
    {Py_tp_doc, (void *)timeout_doc},
    {Py_tp_new, timeout_new},
    {Py_tp_init, timeout_init},
    {Py_tp_dealloc, timeout_dealloc},
    {Py_tp_traverse, timeout_traverse},
    {Py_tp_clear, timeout_clear},
    {Py_tp_repr, timeout_repr},
    {Py_tp_str, timeout_str},
    {Py_tp_richcompare, timeout_richcompare},
    {Py_tp_hash, timeout_hash},
    {Py_tp_methods, timeout_methods},
    {Py_tp_members, timeout_members},
    {Py_tp_getset, timeout_getset},
    {0, NULL},
};

static PyType_Spec timeout_spec = {
    .name = "greencore.timeout.Timeout",
    .basicsize = sizeof(TimeoutObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = timeout_slots,
};

/* --- deadlines --- */

int
green_deadline_start_given(green_deadline *deadline, PyObject *argument)
{
    if (!PyObject_TypeCheck(argument, Timeout_Type)) {
        return green_wait_seconds(argument, &deadline->seconds);
    }
    deadline->timeout = argument;
    if (!timeout_pending((TimeoutObject *)argument)) {
        PyObject *started = PyObject_CallMethod(argument, "start", NULL);
        if (started == NULL) {
            return -1;
        }
        Py_DECREF(started);
    }
    return 0;
}

int
green_deadline_stop_timeout(green_deadline *deadline)
{
    PyObject *error = green_error_take();
    PyObject *done = PyObject_CallMethod(deadline->timeout, "cancel", NULL);
    if (done == NULL) {
        Py_XDECREF(error);
        return -1;
    }
    Py_DECREF(done);
    green_error_raise(error);
    return 0;
}

bool
green_deadline_caught(const green_deadline *deadline)
{
    if (deadline->timeout == NULL || !PyErr_ExceptionMatches((PyObject *)Timeout_Type)) {
        return false;
    }
    PyObject *error = green_error_take();
    if (error != deadline->timeout) {
        green_error_raise(error);
        return false;
    }
    Py_DECREF(error);
    return true;
}

PyObject *
green_timeout_raise(PyObject *argument)
{
    PyObject *timeout = argument == NULL ? PyObject_CallNoArgs((PyObject *)Timeout_Type)
                                         : PyObject_CallOneArg((PyObject *)Timeout_Type, argument);
    if (timeout != NULL) {
        PyErr_SetObject((PyObject *)Timeout_Type, timeout);
        Py_DECREF(timeout);
    }
    return NULL;
}

int
green_timeout_exec(PyObject *module)
{
    Timeout_Type = (PyTypeObject *)green_type_new(module, &timeout_spec, PyExc_BaseException);
    if (Timeout_Type == NULL) {
        return -1;
    }
    Timeout_Type->tp_vectorcall = timeout_vectorcall;
    name_on_expiration = PyUnicode_InternFromString("_on_expiration");
    timeout_never = PyObject_CallNoArgs((PyObject *)Timeout_Type);
    if (name_on_expiration == NULL || timeout_never == NULL) {
        return -1;
    }
    timeout_on_expiration = _PyType_Lookup(Timeout_Type, name_on_expiration);
    return PyModule_AddType(module, Timeout_Type);
}
