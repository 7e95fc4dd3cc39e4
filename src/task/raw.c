#include "task/raw.h"

#include "greenlet/spare.h"
#include "greenlet/type.h"
#include "hub/hub.h"
#include "task/ancestry.h"

/* A raw greenlet that knows who spawned it. From which calls is not noted, as that would cost more
   than the spawn. */
typedef struct {
    GreenletObject base;
    green_ancestry ancestry;
} RawObject;

static PyTypeObject *Raw_Type;

static green_spares spares; /* dead objects of exactly Raw_Type */

static PyObject *
raw_alloc(PyTypeObject *type, Py_ssize_t count)
{
    GreenletObject *self = type == Raw_Type ? green_spares_take(&spares, type) : NULL;
    if (self == NULL) {
        return PyType_GenericAlloc(type, count);
    }
    PyObject_GC_Track(self);
    return (PyObject *)self;
}

static void
raw_free(void *op)
{
    if (!Py_IS_TYPE((PyObject *)op, Raw_Type) || !green_spares_put(&spares, op)) {
        PyObject_GC_Del(op);
    }
}

static int
raw_traverse(PyObject *op, visitproc visit, void *arg)
{
    int result = green_ancestry_traverse(&((RawObject *)op)->ancestry, visit, arg);
    return result != 0 ? result : Greenlet_Type->tp_traverse(op, visit, arg);
}

static int
raw_clear(PyObject *op)
{
    if (((GreenletObject *)op)->status != GREEN_ACTIVE) {
        green_ancestry_clear(&((RawObject *)op)->ancestry);
    }
    return Greenlet_Type->tp_clear(op);
}

static void
raw_dealloc(PyObject *op)
{
    PyObject_GC_UnTrack(op);
    if (green_greenlet_survives((GreenletObject *)op)) {
        return;
    }
    green_ancestry_clear(&((RawObject *)op)->ancestry);
    Greenlet_Type->tp_dealloc(op);
}

static int
raw_init(PyObject *op, PyObject *args, PyObject *kwargs)
{
    if (Greenlet_Type->tp_init(op, args, kwargs) < 0) {
        return -1;
    }
    green_ancestry *ancestry = &((RawObject *)op)->ancestry;
    return green_ancestry_tracking && ancestry->spawner == NULL ? green_ancestry_note(ancestry, 0)
                                                                : 0;
}

static PyObject *
raw_get_spawner(PyObject *op, void *Py_UNUSED(closure))
{
    return green_ancestry_get_spawner(&((RawObject *)op)->ancestry);
}

static PyObject *
raw_get_tree_locals(PyObject *op, void *Py_UNUSED(closure))
{
    return green_ancestry_get_locals(&((RawObject *)op)->ancestry);
}

static int
raw_set_tree_locals(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    return green_ancestry_set_locals(&((RawObject *)op)->ancestry, value);
}

static PyObject *
raw_get_loop(PyObject *op, void *Py_UNUSED(closure))
{
    return PyObject_GetAttrString((PyObject *)((GreenletObject *)op)->parent, "loop");
}

static PyGetSetDef raw_getset[] = {
    {"spawning_greenlet", raw_get_spawner, NULL,
     "A weak reference to the greenlet that made it; None when that is not tracked.", NULL},
    {"spawn_tree_locals", raw_get_tree_locals, raw_set_tree_locals,
     "A dict shared by all greenlets that descend from one by spawning; None when that is not\n"
     "tracked.",
     NULL},
    {"loop", raw_get_loop, NULL, "Its hub's loop.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot raw_slots[] = {
    {Py_tp_doc, "TrackedRawGreenlet(run=None, parent=None)\n--\n\n"
                "A greenlet.greenlet that knows who spawned it: spawn_raw() makes these."},
    {Py_tp_init, raw_init},
    {Py_tp_alloc, raw_alloc},
    {Py_tp_free, raw_free},
    {Py_tp_dealloc, raw_dealloc},
    {Py_tp_traverse, raw_traverse},
    {Py_tp_clear, raw_clear},
    {Py_tp_getset, raw_getset},
    {0, NULL},
};

static PyType_Spec raw_spec = {
    .name = "greencore.hub.TrackedRawGreenlet",
    .basicsize = sizeof(RawObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = raw_slots,
};

static GreenletObject *
raw_make(PyObject *run, HubObject *hub)
{
    if (!green_ancestry_tracking) {
        return green_greenlet_new(Greenlet_Type, run, NULL, NULL, &hub->base);
    }
    RawObject *self = (RawObject *)green_greenlet_new(Raw_Type, run, NULL, NULL, &hub->base);
    if (self != NULL) {
        self->base.run_found = 1;
        if (green_ancestry_note(&self->ancestry, 0) < 0) {
            Py_CLEAR(self);
        }
    }
    return (GreenletObject *)self;
}

PyDoc_STRVAR(
    spawn_raw_doc,
    "spawn_raw(function, /, *args, **kwargs)\n--\n\n"
    "Make a plain greenlet.greenlet that runs function(*args, **kwargs) when the hub gets to "
    "it.\n\n"
    "It is cheaper than a Greenlet: it keeps no result and can't be waited for. An error goes to\n"
    "the hub's handle_error. Raises TypeError when the function can't be called.");

static PyObject *
spawn_raw(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    if (nargs == 0 || !PyCallable_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "spawn_raw() needs a callable first");
        return NULL;
    }
    HubObject *hub = green_hub_get();
    GreenletObject *g = hub == NULL ? NULL : raw_make(args[0], hub);
    if (g == NULL) {
        return NULL;
    }
    if (nargs > 1) {
        g->args = PyTuple_New(nargs - 1);
        if (g->args == NULL) {
            goto error;
        }
        for (Py_ssize_t i = 1; i < nargs; i++) {
            PyTuple_SET_ITEM(g->args, i - 1, Py_NewRef(args[i]));
        }
    }
    if (kwnames != NULL && PyTuple_GET_SIZE(kwnames) > 0) {
        g->kwargs = PyDict_New();
        for (Py_ssize_t i = 0; g->kwargs != NULL && i < PyTuple_GET_SIZE(kwnames); i++) {
            if (PyDict_SetItem(g->kwargs, PyTuple_GET_ITEM(kwnames, i), args[nargs + i]) < 0) {
                goto error;
            }
        }
        if (g->kwargs == NULL) {
            goto error;
        }
    }
    green_hub_start(hub, g);
    return (PyObject *)g;
error:
    Py_DECREF(g);
    return NULL;
}

static PyMethodDef raw_functions[] = {
    {"spawn_raw", (PyCFunction)(void (*)(void))spawn_raw, METH_FASTCALL | METH_KEYWORDS,
     spawn_raw_doc},
    {NULL, NULL, 0, NULL},
};

int
green_raw_exec(PyObject *module)
{
    PyObject *bases = PyTuple_Pack(1, Greenlet_Type);
    if (bases == NULL) {
        return -1;
    }
    Raw_Type = (PyTypeObject *)green_type_new(NULL, &raw_spec, bases);
    Py_DECREF(bases);
    if (Raw_Type == NULL || green_ancestry_register(Raw_Type, offsetof(RawObject, ancestry)) < 0 ||
        PyModule_AddObjectRef(module, "TrackedRawGreenlet", (PyObject *)Raw_Type) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, raw_functions);
}
