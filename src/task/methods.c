#include "task/attributes.h"

#include "greenlet/error.h"
#include "greenlet/name.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"
#include "task/kill.h"
#include "task/task.h"

#define TASK(op) ((TaskObject *)(op))

/* ---- starting ---- */

PyDoc_STRVAR(
    start_doc,
    "start($self)\n--\n\n"
    "Let it run once those that are ready have had their turn. Only the first call counts.");

static PyObject *
task_start(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (green_task_start(TASK(self)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(start_later_doc, "start_later($self, seconds)\n--\n\n"
                              "Let it run in `seconds`. Only the first start counts.");

static PyObject *
task_start_later(PyObject *self, PyObject *argument)
{
    double seconds = PyFloat_AsDouble(argument);
    if (seconds == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (seconds != seconds) {
        PyErr_SetString(PyExc_ValueError, "seconds must not be NaN");
        return NULL;
    }
    if (green_task_start_later(TASK(self), seconds) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(spawn_doc,
             "spawn($type, run, /, *args, **kwargs)\n--\n\n"
             "Make a greenlet of this class with these arguments, start() it and return it.");

static PyObject *
task_spawn(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *task = green_task_call(type, args, nargs, kwnames);
    if (task == NULL) {
        return NULL;
    }
    int status;
    if (Task_Check(task) && !(green_task_traits(Py_TYPE(task))->overrides & TASK_HAS_START)) {
        status = green_task_start(TASK(task));
    } else {
        PyObject *done = PyObject_CallMethod(task, "start", NULL);
        status = done == NULL ? -1 : 0;
        Py_XDECREF(done);
    }
    if (status < 0) {
        Py_CLEAR(task);
    }
    return task;
}

PyDoc_STRVAR(spawn_later_doc,
             "spawn_later($type, seconds, run, /, *args, **kwargs)\n--\n\n"
             "Make a greenlet of this class, start it in `seconds` and return it.");

static PyObject *
task_spawn_later(PyObject *type, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 0) {
        PyErr_SetString(PyExc_TypeError, "spawn_later() needs the seconds");
        return NULL;
    }
    if (nargs == 1 && type == (PyObject *)Task_Type &&
        (kwnames == NULL || PyTuple_GET_SIZE(kwnames) == 0)) {
        PyErr_SetString(PyExc_TypeError, "spawn_later() needs a callable after the seconds");
        return NULL;
    }
    PyObject *task = green_task_call(type, args + 1, nargs - 1, kwnames);
    if (task == NULL) {
        return NULL;
    }
    PyObject *done = PyObject_CallMethod(task, "start_later", "O", args[0]);
    if (done == NULL) {
        Py_CLEAR(task);
    }
    Py_XDECREF(done);
    return task;
}

PyDoc_STRVAR(
    run_doc,
    "run($self)\n--\n\nWhat the greenlet runs: its function, and the report of the result.");

static PyObject *
task_run(PyObject *self, PyObject *Py_UNUSED(none))
{
    if (green_task_run(TASK(self)) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- waiting ---- */

/* Whether the task is ready. Where it is not `plain`, a subclass may have its own ready(), which is
   called. -1 with an exception. */
static int
task_ask_ready(PyObject *self, bool plain)
{
    if (plain) {
        return green_task_ready(TASK(self));
    }
    PyObject *ready = PyObject_CallMethod(self, "ready", NULL);
    int result = ready == NULL ? -1 : PyObject_IsTrue(ready);
    Py_XDECREF(ready);
    return result;
}

PyDoc_STRVAR(join_doc,
             "join($self, timeout=None)\n--\n\n"
             "Wait until it has ended, or `timeout` seconds have passed. Returns None either way.");

static PyObject *
task_join(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout = NULL;
    if (green_arguments("join", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    bool plain = !(green_task_traits(Py_TYPE(self))->overrides & TASK_HAS_GET);
    int ready = task_ask_ready(self, plain);
    if (ready > 0) {
        Py_RETURN_NONE;
    }
    green_deadline deadline;
    if (ready < 0 || green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status =
        green_linkable_wait(&TASK(self)->linkable, deadline.seconds, "Greenlet.join", false);
    if (status < 0 && green_deadline_caught(&deadline)) {
        status = GREEN_TIMED_OUT;
    }
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
green_task_get(TaskObject *self, PyObject *timeout)
{
    if (green_task_ready(self)) {
        return green_task_result(self);
    }
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status = green_linkable_wait(&self->linkable, deadline.seconds, "Greenlet.get", false);
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        return NULL;
    }
    if (status == GREEN_TIMED_OUT && !green_task_ready(self)) {
        return green_timeout_raise(timeout);
    }
    return green_task_result(self);
}

PyDoc_STRVAR(
    get_doc,
    "get($self, block=True, timeout=None)\n--\n\n"
    "Return what it returned, or raise what it raised, once it has ended.\n\n"
    "Raises Timeout when `timeout` seconds pass before that; at once when block is false.");

static PyObject *
task_get(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"block", "timeout"};
    PyObject *values[2];
    if (green_arguments("get", args, nargs, kwnames, names, 2, values) < 0) {
        return NULL;
    }
    int block = green_task_ready(TASK(self)) ? 1 : green_argument_flag(values[0], 1);
    if (block <= 0) {
        return block < 0 ? NULL : green_timeout_raise(NULL);
    }
    return green_task_get(TASK(self), values[1]);
}

PyDoc_STRVAR(ready_doc, "ready($self)\n--\n\nReturn whether it has ended, or can never begin.");

static PyObject *
task_ready(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(green_task_ready(TASK(self)));
}

PyDoc_STRVAR(successful_doc, "successful($self)\n--\n\n"
                             "Return whether it has ended without an error. GreenletExit is none.");

static PyObject *
task_successful(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyBool_FromLong(TASK(self)->done && TASK(self)->exception == NULL);
}

PyDoc_STRVAR(
    raise_doc,
    "_raise_exception($self)\n--\n\nRaise what it ended with, with the traceback of then.");

static PyObject *
task_raise(PyObject *self, PyObject *Py_UNUSED(none))
{
    return green_task_raise(TASK(self));
}

static PyObject *
task_enter(PyObject *self, PyObject *Py_UNUSED(none))
{
    return Py_NewRef(self);
}

static PyObject *
task_exit(PyObject *self, PyObject *args)
{
    PyObject *kind = PyTuple_GET_SIZE(args) > 0 ? PyTuple_GET_ITEM(args, 0) : Py_None;
    if (kind != Py_None) {
        return PyObject_CallMethod(self, "kill", "(O)", args);
    }
    PyObject *joined = PyObject_CallMethod(self, "join", NULL);
    PyObject *error = green_error_take();
    PyObject *killed = PyObject_CallMethod(self, "kill", NULL);
    if (killed == NULL) {
        Py_XDECREF(error);
    } else {
        green_error_raise(error);
    }
    Py_XDECREF(killed);
    Py_XDECREF(joined);
    if (PyErr_Occurred()) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- outcome ---- */

PyDoc_STRVAR(report_result_doc,
             "_report_result($self, result)\n--\n\n"
             "Keep the result and notify those linked. Called at the end of the run.");

static PyObject *
task_report_result(PyObject *self, PyObject *result)
{
    green_task_succeed(TASK(self), result);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    report_error_doc,
    "_report_error($self, exc_info)\n--\n\n"
    "Keep the error (type, value, traceback), notify those linked and report it to the hub.");

static PyObject *
task_report_error(PyObject *self, PyObject *info)
{
    PyObject *exception = PyTuple_Check(info) ? green_kill_exception(&PyTuple_GET_ITEM(info, 0),
                                                                     PyTuple_GET_SIZE(info))
                                              : green_kill_exception(&info, 1);
    if (exception == NULL || green_task_fail(TASK(self), exception) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- links ---- */

PyDoc_STRVAR(rawlink_doc,
             "rawlink($self, callback)\n--\n\n"
             "Call callback(self) in the hub once it has ended; soon, where it has.\n\n"
             "The callback must not block. Raises TypeError for what can't be called.");

static PyObject *
task_rawlink(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *callback = green_argument("rawlink", args, nargs, kwnames, "callback");
    if (callback == NULL) {
        return NULL;
    }
    if (green_linkable_link(&TASK(self)->linkable, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
task_link_by(PyObject *self, const char *function, const char *wrapper, PyObject *const *args,
             Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"callback", "SpawnedLink"};
    PyObject *values[2];
    if (green_arguments(function, args, nargs, kwnames, names, 2, values) < 0) {
        return NULL;
    }
    if (values[0] == NULL) {
        PyErr_Format(PyExc_TypeError, "%s() needs a callback", function);
        return NULL;
    }
    PyObject *class = Py_XNewRef(values[1]);
    if (class == NULL) {
        class = green_name_get("greencore.greenlet", wrapper);
    }
    PyObject *link = class == NULL ? NULL : PyObject_CallOneArg(class, values[0]);
    PyObject *done = link == NULL ? NULL : PyObject_CallMethod(self, "rawlink", "O", link);
    Py_XDECREF(link);
    Py_XDECREF(class);
    return done;
}

PyDoc_STRVAR(link_doc, "link($self, callback, SpawnedLink=None)\n--\n\n"
                       "Call callback(self) in a greenlet of its own once it has ended.");

static PyObject *
task_link(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return task_link_by(self, "link", "SpawnedLink", args, nargs, kwnames);
}

PyDoc_STRVAR(link_value_doc,
             "link_value($self, callback, SpawnedLink=None)\n--\n\n"
             "As link(callback, SpawnedLink), but only when it ended without an error.");

static PyObject *
task_link_value(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return task_link_by(self, "link_value", "SuccessSpawnedLink", args, nargs, kwnames);
}

PyDoc_STRVAR(link_exception_doc,
             "link_exception($self, callback, SpawnedLink=None)\n--\n\n"
             "As link(callback, SpawnedLink), but only when it ended with an error.");

static PyObject *
task_link_exception(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    return task_link_by(self, "link_exception", "FailureSpawnedLink", args, nargs, kwnames);
}

PyDoc_STRVAR(unlink_doc, "unlink($self, callback)\n--\n\n"
                         "Take back a link() or rawlink(); nothing when there is none.");

static PyObject *
task_unlink(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    PyObject *callback = green_argument("unlink", args, nargs, kwnames, "callback");
    if (callback == NULL) {
        return NULL;
    }
    if (green_linkable_unlink(&TASK(self)->linkable, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(unlink_all_doc, "unlink_all($self)\n--\n\n"
                             "Take back every link() and rawlink().");

static PyObject *
task_unlink_all(PyObject *self, PyObject *Py_UNUSED(none))
{
    green_linkable_unlink_all(&TASK(self)->linkable);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(has_links_doc, "has_links($self)\n--\n\nReturn how many are linked, or wait for it.");

static PyObject *
task_has_links(PyObject *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromSsize_t(green_linkable_count(&TASK(self)->linkable));
}

PyMethodDef green_task_methods[] = {
    {"start", task_start, METH_NOARGS, start_doc},
    {"start_later", task_start_later, METH_O, start_later_doc},
    {"__class_getitem__", Py_GenericAlias, METH_O | METH_CLASS, PyDoc_STR("See PEP 585.")},
    {"spawn", (PyCFunction)(void (*)(void))task_spawn, METH_FASTCALL | METH_KEYWORDS | METH_CLASS,
     spawn_doc},
    {"spawn_later", (PyCFunction)(void (*)(void))task_spawn_later,
     METH_FASTCALL | METH_KEYWORDS | METH_CLASS, spawn_later_doc},
    {"add_spawn_callback", green_task_add_spawn_callback, METH_O | METH_STATIC,
     "add_spawn_callback(callback)\n--\n\nCall callback(greenlet) whenever one is started; once, "
     "however often it is added."},
    {"remove_spawn_callback", green_task_remove_spawn_callback, METH_O | METH_STATIC,
     "remove_spawn_callback(callback)\n--\n\nTake back add_spawn_callback(); nothing when it was "
     "not added."},
    {"run", task_run, METH_NOARGS, run_doc},
    {"join", (PyCFunction)(void (*)(void))task_join, METH_FASTCALL | METH_KEYWORDS, join_doc},
    {"get", (PyCFunction)(void (*)(void))task_get, METH_FASTCALL | METH_KEYWORDS, get_doc},
    {"ready", task_ready, METH_NOARGS, ready_doc},
    {"successful", task_successful, METH_NOARGS, successful_doc},
    {"kill", (PyCFunction)(void (*)(void))green_task_kill, METH_FASTCALL | METH_KEYWORDS,
     "kill($self, /, exception=None, block=True, timeout=None)\n--\n\n"
     "Raise `exception` (a class, an object, or a triple of type, value and traceback; None is\n"
     "GreenletExit) in it.\n\n"
     "One that has not begun never will. Waits until it has ended, or `timeout` seconds after the\n"
     "exception reached it; with block false not at all. Nothing happens to one that has ended."},
    {"throw", (PyCFunction)(void (*)(void))green_task_throw, METH_FASTCALL,
     "throw($self, type=..., value=None, traceback=None, /)\n--\n\n"
     "Switch to it and raise the exception there, at once. Meant for the hub: nobody switches "
     "back\n"
     "to another caller. See kill()."},
    {"_raise_exception", task_raise, METH_NOARGS, raise_doc},
    {"_report_result", task_report_result, METH_O, report_result_doc},
    {"_report_error", task_report_error, METH_O, report_error_doc},
    {"_formatinfo", green_task_formatinfo, METH_NOARGS,
     "_formatinfo($self)\n--\n\nReturn what repr() shows of the function and its arguments."},
    {"rawlink", (PyCFunction)(void (*)(void))task_rawlink, METH_FASTCALL | METH_KEYWORDS,
     rawlink_doc},
    {"link", (PyCFunction)(void (*)(void))task_link, METH_FASTCALL | METH_KEYWORDS, link_doc},
    {"link_value", (PyCFunction)(void (*)(void))task_link_value, METH_FASTCALL | METH_KEYWORDS,
     link_value_doc},
    {"link_exception", (PyCFunction)(void (*)(void))task_link_exception,
     METH_FASTCALL | METH_KEYWORDS, link_exception_doc},
    {"unlink", (PyCFunction)(void (*)(void))task_unlink, METH_FASTCALL | METH_KEYWORDS, unlink_doc},
    {"unlink_all", task_unlink_all, METH_NOARGS, unlink_all_doc},
    {"has_links", task_has_links, METH_NOARGS, has_links_doc},
    {"__enter__", task_enter, METH_NOARGS, NULL},
    {"__exit__", task_exit, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
