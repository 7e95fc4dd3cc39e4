#include "task/attributes.h"

#include "task/start.h"
#include "task/task.h"

#define TASK(op) ((TaskObject *)(op))

/* ---- what repr() shows ---- */

/* Returns what the task runs, or where that is not set its attribute _run (new reference); NULL
   with an exception. */
static PyObject *
task_function(PyObject *self)
{
    PyObject *func = TASK(self)->base.run;
    return func != NULL ? Py_NewRef(func) : PyObject_GetAttrString(self, "_run");
}

static PyObject *
function_label(PyObject *self, PyObject *func)
{
    PyObject *owner = PyObject_GetAttrString(func, "__self__");
    if (owner == NULL) {
        PyErr_Clear();
        PyObject *name = PyObject_GetAttrString(func, "__name__");
        if (name != NULL && PyUnicode_Check(name) && PyUnicode_GET_LENGTH(name) > 0) {
            return name;
        }
        PyErr_Clear();
        Py_XDECREF(name);
        return PyObject_Repr(func);
    }
    bool own = owner == self;
    Py_DECREF(owner);
    return own ? PyUnicode_FromString("_run") : PyObject_Repr(func);
}

/* Append "name=value", or "value" alone where `name` is NULL, to a list. The value is cut after 50
   characters. 0, or -1 with an exception. */
static int
append_argument(PyObject *list, PyObject *name, PyObject *value)
{
    PyObject *full = PyObject_Repr(value);
    PyObject *text = full == NULL ? NULL : PyUnicode_Substring(full, 0, 50);
    Py_XDECREF(full);
    if (text != NULL && name != NULL) {
        Py_SETREF(text, PyUnicode_FromFormat("%S=%U", name, text));
    }
    int status = text == NULL ? -1 : PyList_Append(list, text);
    Py_XDECREF(text);
    return status;
}

static PyObject *
arguments_label(TaskObject *self)
{
    PyObject *list = PyList_New(0);
    PyObject *items = list == NULL ? NULL : green_task_args(self);
    if (items == NULL) {
        goto error;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); i++) {
        if (append_argument(list, NULL, PyTuple_GET_ITEM(items, i)) < 0) {
            goto error;
        }
    }
    if (self->base.kwargs != NULL && PyDict_Check(self->base.kwargs)) {
        PyObject *name, *value;
        Py_ssize_t position = 0;
        while (PyDict_Next(self->base.kwargs, &position, &name, &value)) {
            if (append_argument(list, name, value) < 0) {
                goto error;
            }
        }
    }
    Py_DECREF(items);
    PyObject *comma = PyUnicode_FromString(", ");
    PyObject *label = comma == NULL ? NULL : PyUnicode_Join(comma, list);
    Py_XDECREF(comma);
    Py_DECREF(list);
    return label;
error:
    Py_XDECREF(items);
    Py_XDECREF(list);
    return NULL;
}

PyObject *
green_task_formatinfo(PyObject *op, PyObject *Py_UNUSED(none))
{
    TaskObject *self = TASK(op);
    if (self->extra != NULL && self->extra->info != NULL) {
        return Py_NewRef(self->extra->info);
    }
    PyObject *func = task_function(op);
    PyObject *label = func == NULL ? NULL : function_label(op, func);
    PyObject *arguments = label == NULL ? NULL : arguments_label(self);
    Py_XDECREF(func);
    if (arguments != NULL && PyUnicode_GET_LENGTH(arguments) > 0) {
        Py_SETREF(label, PyUnicode_FromFormat("%U(%U)", label, arguments));
    } else if (arguments == NULL) {
        Py_CLEAR(label);
    }
    Py_XDECREF(arguments);
    task_extra *extra = label == NULL ? NULL : green_task_extra(self);
    if (extra == NULL) {
        Py_XDECREF(label);
        return NULL;
    }
    Py_XSETREF(extra->info, Py_NewRef(label));
    return label;
}

/* Returns the name that the task was given (borrowed), or NULL. */
static PyObject *
task_own_name(const TaskObject *self)
{
    return self->extra == NULL ? NULL : self->extra->name;
}

PyObject *
green_task_repr(PyObject *op)
{
    TaskObject *self = TASK(op);
    PyObject *info = PyObject_CallMethod(op, "_formatinfo", NULL);
    PyObject *name = NULL;
    PyObject *result = NULL;
    if (info == NULL) {
        return NULL;
    }
    PyObject *class = PyObject_GetAttrString((PyObject *)Py_TYPE(op), "__name__");
    if (class == NULL) {
        goto done;
    }
    if (task_own_name(self) == NULL && self->ident < 0) {
        name = PyUnicode_FromString(" ");
    } else {
        PyObject *given = PyObject_GetAttrString(op, "name");
        name = given == NULL ? NULL : PyUnicode_FromFormat(" \"%S\" ", given);
        Py_XDECREF(given);
    }
    int empty = name == NULL ? -1 : PyObject_Not(info);
    if (empty >= 0) {
        result = empty ? PyUnicode_FromFormat("<%U%Uat %p>", class, name, op)
                       : PyUnicode_FromFormat("<%U%Uat %p: %S>", class, name, op, info);
    }
    Py_XDECREF(name);
    Py_DECREF(class);
done:
    Py_DECREF(info);
    return result;
}

int
green_task_bool(PyObject *self)
{
    return TASK(self)->phase != TASK_NEW && !TASK(self)->done;
}

/* ---- attributes ---- */

static PyObject *
task_get_name(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *name = task_own_name(TASK(op));
    if (name != NULL) {
        return Py_NewRef(name);
    }
    PyObject *ident = PyObject_GetAttrString(op, "minimal_ident");
    name = ident == NULL ? NULL : PyUnicode_FromFormat("Greenlet-%S", ident);
    Py_XDECREF(ident);
    return name;
}

static int
task_set_name(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value == NULL && TASK(op)->extra == NULL) {
        return 0;
    }
    task_extra *extra = green_task_extra(TASK(op));
    if (extra == NULL) {
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(extra->name, value);
    return 0;
}

static PyObject *
task_get_ident(PyObject *op, void *Py_UNUSED(closure))
{
    TaskObject *self = TASK(op);
    if (self->ident < 0) {
        PyObject *registry =
            PyObject_GetAttrString((PyObject *)self->base.parent, "ident_registry");
        PyObject *ident =
            registry == NULL ? NULL : PyObject_CallMethod(registry, "get_ident", "O", op);
        Py_XDECREF(registry);
        long number = ident == NULL ? -1 : PyLong_AsLong(ident);
        Py_XDECREF(ident);
        if (number == -1 && PyErr_Occurred()) {
            return NULL;
        }
        if (number < 0 || number > INT32_MAX) {
            PyErr_Format(PyExc_OverflowError, "no number for a greenlet: %ld", number);
            return NULL;
        }
        self->ident = (int32_t)number;
    }
    return PyLong_FromLong(self->ident);
}

static PyObject *
task_default_run(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(args))
{
    Py_RETURN_NONE;
}

static PyMethodDef default_run = {"_run", task_default_run, METH_VARARGS,
                                  "What a greenlet without a function runs: nothing."};

static PyObject *
task_get_run(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *func = TASK(op)->base.run;
    return func != NULL ? Py_NewRef(func) : PyCFunction_New(&default_run, op);
}

static int
task_set_run(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XINCREF(value);
    Py_XSETREF(TASK(op)->base.run, value);
    return 0;
}

static PyObject *
task_get_args(PyObject *op, void *Py_UNUSED(closure))
{
    return green_task_args(TASK(op));
}

static int
task_set_args(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    PyObject *args = value == NULL ? NULL : PySequence_Tuple(value);
    if (value != NULL && args == NULL) {
        return -1;
    }
    Py_XSETREF(TASK(op)->base.args, args);
    return 0;
}

static PyObject *
task_get_kwargs(PyObject *op, void *Py_UNUSED(closure))
{
    TaskObject *self = TASK(op);
    if (self->base.kwargs == NULL) {
        self->base.kwargs = PyDict_New(); /* kept, since the caller may fill it */
    }
    return Py_XNewRef(self->base.kwargs);
}

static int
task_set_kwargs(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    if (value != NULL && value != Py_None && !PyDict_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "kwargs must be a dict");
        return -1;
    }
    PyObject *kwargs = value == Py_None ? NULL : Py_XNewRef(value);
    Py_XSETREF(TASK(op)->base.kwargs, kwargs);
    return 0;
}

static PyObject *
task_get_value(PyObject *op, void *Py_UNUSED(closure))
{
    return green_task_value(TASK(op));
}

static int
task_set_value(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    TASK(op)->exited = false;
    Py_XINCREF(value);
    Py_XSETREF(TASK(op)->value, value);
    return 0;
}

static PyObject *
task_get_exception(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *exception = TASK(op)->exception;
    return Py_NewRef(exception != NULL ? exception : Py_None);
}

/* Returns (type, value, traceback) of the error that the task ended with (new reference), or NULL
   with an exception. */
static PyObject *
task_error(TaskObject *self)
{
    PyObject *traceback = green_task_traceback(self);
    return PyTuple_Pack(3, Py_TYPE(self->exception), self->exception,
                        traceback != NULL ? traceback : Py_None);
}

static PyObject *
task_get_exc_info(PyObject *op, void *Py_UNUSED(closure))
{
    return TASK(op)->exception == NULL ? Py_NewRef(Py_None) : task_error(TASK(op));
}

static PyObject *
task_get_raw_exc_info(PyObject *op, void *Py_UNUSED(closure))
{
    if (!TASK(op)->done) {
        Py_RETURN_NONE;
    }
    return TASK(op)->exception == NULL ? PyTuple_Pack(3, Py_None, Py_None, Py_None)
                                       : task_error(TASK(op));
}

static PyObject *
task_get_dead(PyObject *op, void *Py_UNUSED(closure))
{
    TaskObject *self = TASK(op);
    bool dead = self->base.status == GREEN_DEAD || green_greenlet_stranded(&self->base) ||
                (self->phase == TASK_CANCELLED && self->base.status == GREEN_UNSTARTED);
    return PyBool_FromLong(dead);
}

static PyObject *
task_get_started(PyObject *op, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(green_task_bool(op));
}

static PyObject *
task_get_loop(PyObject *op, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString((PyObject *)TASK(op)->base.parent, "loop");
}

static PyObject *
task_get_links(PyObject *op, void *Py_UNUSED(closure))
{
    return green_linkable_list(&TASK(op)->linkable);
}

static PyObject *
task_get_spawner(PyObject *op, void *Py_UNUSED(closure))
{
    return green_ancestry_get_spawner(&TASK(op)->ancestry);
}

static int
task_set_spawner(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XINCREF(value);
    Py_XSETREF(TASK(op)->ancestry.spawner, value);
    return 0;
}

static PyObject *
task_get_tree_locals(PyObject *op, void *Py_UNUSED(closure))
{
    return green_ancestry_get_locals(&TASK(op)->ancestry);
}

static int
task_set_tree_locals(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    return green_ancestry_set_locals(&TASK(op)->ancestry, value);
}

static PyObject *
task_get_stack(PyObject *op, void *Py_UNUSED(closure))
{
    return green_ancestry_get_stack(&TASK(op)->ancestry);
}

static int
task_set_stack(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    Py_XINCREF(value);
    Py_XSETREF(TASK(op)->ancestry.stack, value);
    return 0;
}

PyGetSetDef green_task_getset[] = {
    {"name", task_get_name, task_set_name,
     "Its name: Greenlet- and minimal_ident, unless another was assigned.", NULL},
    {"minimal_ident", task_get_ident, NULL,
     "A small number from 0 that no other greenlet of this hub has while this one exists.", NULL},
    {"_run", task_get_run, task_set_run, "What it runs. A subclass defines a method.", NULL},
    {"args", task_get_args, task_set_args, "The positional arguments of the run.", NULL},
    {"kwargs", task_get_kwargs, task_set_kwargs, "The keyword arguments of the run.", NULL},
    {"value", task_get_value, task_set_value, "What it returned; None before and after an error.",
     NULL},
    {"exception", task_get_exception, NULL, "The error that it ended with, or None.", NULL},
    {"exc_info", task_get_exc_info, NULL,
     "(type, value, traceback) of the error that it ended with, or None.", NULL},
    {"_exc_info", task_get_raw_exc_info, NULL,
     "None until it has ended; then the triple of the error, or of three None.", NULL},
    {"dead", task_get_dead, NULL, "Whether it will not run (again).", NULL},
    {"started", task_get_started, NULL, "Whether it was started and has not ended.", NULL},
    {"loop", task_get_loop, NULL, "Its hub's loop.", NULL},
    {"_links", task_get_links, NULL, "Those linked, as a new list.", NULL},
    {"spawning_greenlet", task_get_spawner, task_set_spawner,
     "A weak reference to the greenlet that made it; None when that is not tracked.", NULL},
    {"spawn_tree_locals", task_get_tree_locals, task_set_tree_locals,
     "A dict shared by all greenlets that descend from one by spawning; None when that is not\n"
     "tracked.",
     NULL},
    {"spawning_stack", task_get_stack, task_set_stack,
     "Where it was made, as frames without variables, innermost first; at most\n"
     "spawning_stack_limit of them. None when that is not tracked.",
     NULL},
    {"_start_event", green_start_event_get, NULL,
     "What will start it, as an object with `pending`; None before start().", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
