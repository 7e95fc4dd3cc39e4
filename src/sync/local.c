#include "sync/local.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/greenlet.h"
#include "greenlet/locals.h"
#include "greenlet/type.h"

typedef struct LocalObject {
    PyObject_HEAD
    PyObject *weakrefs;
    PyObject *args;   /* owned, a tuple: what __init__ is called with in each greenlet */
    PyObject *kwargs; /* owned, a dict or NULL: likewise */
    green_local_owner dicts;
} LocalObject;

static PyTypeObject *Local_Type;
static PyObject *name_dict; /* owned: "__dict__" */

/* The running greenlet uses the local for the first time: make its dict, and let __init__ fill it.
   Returns the dict, borrowed; NULL with an exception. */
static PyObject *
local_make_dict(LocalObject *self, GreenletObject *greenlet)
{
    PyObject *dict = PyDict_New();
    int result = dict == NULL ? -1 : green_local_set(&self->dicts, greenlet, dict);
    Py_XDECREF(dict);
    if (result < 0) {
        return NULL;
    }
    if (Py_TYPE(self)->tp_init != PyBaseObject_Type.tp_init &&
        Py_TYPE(self)->tp_init((PyObject *)self, self->args, self->kwargs) < 0) {
        green_local_drop(&self->dicts, greenlet); /* the next use tries again */
        return NULL;
    }
    return green_local_find(&self->dicts, greenlet);
}

/* Returns the dict of the running greenlet's attributes, borrowed; NULL with an exception. */
static inline PyObject *
local_dict(LocalObject *self)
{
    GreenletObject *greenlet = green_greenlet_current();
    if (greenlet == NULL) {
        return NULL;
    }
    PyObject *dict = green_local_get(&self->dicts, greenlet);
    return __builtin_expect(dict != NULL, 1) ? dict : local_make_dict(self, greenlet);
}

/* Whether the name is "__dict__". -1 with an exception, since a name of another type may compare as
   it likes. */
static inline int
name_is_dict(PyObject *name)
{
    if (name == name_dict) {
        return 1;
    }
    if (PyUnicode_CheckExact(name)) {
        return PyUnicode_Compare(name, name_dict) == 0;
    }
    return PyObject_RichCompareBool(name, name_dict, Py_EQ);
}

static PyObject *
local_getattro(LocalObject *self, PyObject *name)
{
    PyObject *dict = local_dict(self);
    if (dict == NULL) {
        return NULL;
    }
    Py_INCREF(dict); /* a descriptor may switch, and the greenlet's locals may be dropped */
    PyObject *value;
    if (Py_TYPE(self) == Local_Type) {
        /* Only the type's data descriptors go before the dict, and a dict rarely has their names:
           the dict is asked first. */
        value = PyDict_GetItemWithError(dict, name);
        if (value != NULL) {
            Py_INCREF(value);
            Py_DECREF(dict);
            return value;
        }
        if (PyErr_Occurred()) {
            Py_DECREF(dict);
            return NULL;
        }
    }
    int is_dict = name_is_dict(name);
    if (is_dict != 0) {
        if (is_dict < 0) {
            Py_CLEAR(dict);
        }
        return dict;
    }
    value = _PyObject_GenericGetAttrWithDict((PyObject *)self, name, dict, 0);
    Py_DECREF(dict);
    return value;
}

static int
local_setattro(LocalObject *self, PyObject *name, PyObject *value)
{
    PyObject *dict = local_dict(self);
    if (dict == NULL) {
        return -1;
    }
    Py_INCREF(dict);
    int result = name_is_dict(name);
    if (result == 0) {
        result = _PyObject_GenericSetAttrWithDict((PyObject *)self, name, value, dict);
    } else if (result > 0) {
        PyErr_Format(PyExc_AttributeError, "'%.100s' object attribute '__dict__' is read-only",
                     _PyType_Name(Py_TYPE(self)));
        result = -1;
    }
    Py_DECREF(dict);
    return result;
}

static PyObject *
local_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    bool given = PyTuple_GET_SIZE(args) > 0 || (kwargs != NULL && PyDict_GET_SIZE(kwargs) > 0);
    if (given && type->tp_init == PyBaseObject_Type.tp_init) {
        PyErr_SetString(PyExc_TypeError, "Initialization arguments are not supported");
        return NULL;
    }
    GreenletObject *greenlet = green_greenlet_current();
    LocalObject *self = greenlet == NULL ? NULL : (LocalObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    green_local_owner_init(&self->dicts);
    self->args = Py_NewRef(args);
    self->kwargs = Py_XNewRef(kwargs);
    /* The dict of the greenlet that makes the local is there before __init__ runs. This first time
       the type's call runs __init__, not local_make_dict. */
    PyObject *dict = PyDict_New();
    int result = dict == NULL ? -1 : green_local_set(&self->dicts, greenlet, dict);
    Py_XDECREF(dict);
    if (result < 0) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static int
local_traverse(LocalObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    return green_locals_traverse(&self->dicts, visit, arg);
}

static int
local_clear(LocalObject *self)
{
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    green_locals_drop_all(&self->dicts);
    return 0;
}

static void
local_dealloc(LocalObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    local_clear(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Returns a new local, made with the same arguments, that has a copy of the running greenlet's
   attributes. */
static PyObject *
local_copy(LocalObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *dict = local_dict(self);
    PyObject *duplicate = dict == NULL ? NULL : PyDict_Copy(dict);
    if (duplicate == NULL) {
        return NULL;
    }
    PyObject *copy = PyObject_Call((PyObject *)Py_TYPE(self), self->args, self->kwargs);
    if (copy != NULL && PyObject_TypeCheck(copy, Local_Type)) {
        GreenletObject *greenlet = green_greenlet_current();
        if (green_local_set(&((LocalObject *)copy)->dicts, greenlet, duplicate) < 0) {
            Py_CLEAR(copy);
        }
    }
    Py_DECREF(duplicate);
    return copy;
}

static PyMethodDef local_methods[] = {
    {"__copy__", (PyCFunction)local_copy, METH_NOARGS,
     PyDoc_STR("__copy__($self, /)\n--\n\n"
               "Another one, with the running greenlet's attributes.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef local_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LocalObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    local_doc,
    "local()\n--\n\n"
    "An object whose attributes are each greenlet's own, as threading.local's are each\n"
    "thread's. A subclass's __init__ is called, with the arguments of the constructor, in\n"
    "each greenlet that uses the object; class attributes and __slots__ are shared. The\n"
    "attributes go when the greenlet ends.");

static PyType_Slot local_slots[] = {
    {Py_tp_doc, (void *)local_doc},   {Py_tp_new, local_new},
    {Py_tp_dealloc, local_dealloc},   {Py_tp_traverse, local_traverse},
    {Py_tp_clear, local_clear},       {Py_tp_getattro, local_getattro},
    {Py_tp_setattro, local_setattro}, {Py_tp_methods, local_methods},
    {Py_tp_members, local_members},   {0, NULL},
};

static PyType_Spec local_spec = {
    .name = "greencore.local.local",
    .basicsize = sizeof(LocalObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = local_slots,
};

/* --- functions --- */

static PyObject *
local_module_get_dict(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!PyObject_TypeCheck(arg, Local_Type)) {
        return PyErr_Format(PyExc_TypeError, "a local is needed, not %.200s",
                            Py_TYPE(arg)->tp_name);
    }
    return Py_XNewRef(local_dict((LocalObject *)arg));
}

static PyObject *
local_module_all_dicts(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.200s",
                            Py_TYPE(arg)->tp_name);
    }
    PyObject *all = PyList_New(0);
    const green_local *local = ((GreenletObject *)arg)->locals;
    for (; all != NULL && local != NULL; local = local->next) {
        PyObject *object = (PyObject *)GREEN_CONTAINER(local->owner, LocalObject, dicts);
        PyObject *item =
            Py_BuildValue("((ON)O)", Py_TYPE(object), PyLong_FromVoidPtr(object), local->value);
        if (item == NULL || PyList_Append(all, item) < 0) {
            Py_CLEAR(all);
        }
        Py_XDECREF(item);
    }
    return all;
}

static PyMethodDef local_functions[] = {
    {"_local_get_dict", local_module_get_dict, METH_O,
     PyDoc_STR("_local_get_dict(local, /)\n--\n\nThe running greenlet's attributes of a local.")},
    {"all_local_dicts_for_greenlet", local_module_all_dicts, METH_O,
     PyDoc_STR("all_local_dicts_for_greenlet(greenlet, /)\n--\n\n"
               "A list of ((type, id), attributes) of the locals that the greenlet has used.")},
    {NULL, NULL, 0, NULL},
};

int
green_local_exec(PyObject *module)
{
    name_dict = PyUnicode_InternFromString("__dict__");
    if (name_dict == NULL) {
        return -1;
    }
    Local_Type = (PyTypeObject *)green_type_new(module, &local_spec, NULL);
    if (Local_Type == NULL || PyModule_AddType(module, Local_Type) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, local_functions);
}
