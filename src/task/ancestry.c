#include "task/ancestry.h"

#include <structmember.h>
#include "greenlet/pystate_stack.h"
#include "greenlet/type.h"

bool green_ancestry_tracking = true;

/* ---- the calls of a spawner ---- */

#define STACK_MOST 64

typedef struct {
    PyObject_VAR_HEAD
    green_code_position positions[]; /* each `code` is owned */
} StackObject;

/* One entry of spawning_stack. It has what tracebacks and debuggers read of a frame. */
typedef struct {
    PyObject_HEAD
    PyObject *code;
    PyObject *back; /* owned; None at the end */
    int line;
} FrameObject;

static PyTypeObject *Stack_Type;
static PyTypeObject *Frame_Type;
static PyObject *str_tree_locals;
static StackObject *stack_last; /* owned; the last one made, which spawns in a loop share */

static void
stack_dealloc(StackObject *self)
{
    for (Py_ssize_t i = 0; i < Py_SIZE(self); i++) {
        Py_DECREF(self->positions[i].code);
    }
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot stack_slots[] = {{Py_tp_dealloc, stack_dealloc}, {0, NULL}};

static PyType_Spec stack_spec = {
    .name = "greencore._core.SpawningStack",
    .basicsize = offsetof(StackObject, positions),
    .itemsize = sizeof(green_code_position),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = stack_slots,
};

static PyObject *
stack_record(int limit)
{
    PyThreadState *ts = PyThreadState_Get();
    limit = limit < STACK_MOST ? limit : STACK_MOST;
    if (stack_last != NULL &&
        green_pystate_stack_is(ts, stack_last->positions, (int)Py_SIZE(stack_last), limit)) {
        return Py_NewRef(stack_last);
    }
    green_code_position positions[STACK_MOST];
    int count = green_pystate_stack(ts, positions, limit);
    StackObject *stack = PyObject_NewVar(StackObject, Stack_Type, count);
    if (stack == NULL) {
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        stack->positions[i] = positions[i];
        Py_INCREF(positions[i].code);
    }
    Py_INCREF(stack);
    Py_XSETREF(stack_last, stack);
    return (PyObject *)stack;
}

static PyObject *
stack_frames(const StackObject *stack)
{
    PyObject *back = Py_NewRef(Py_None);
    for (Py_ssize_t i = Py_SIZE(stack); i-- > 0;) {
        FrameObject *frame = PyObject_GC_New(FrameObject, Frame_Type);
        if (frame == NULL) {
            Py_DECREF(back);
            return NULL;
        }
        frame->code = Py_NewRef((PyObject *)stack->positions[i].code);
        frame->back = back;
        frame->line = green_code_line(&stack->positions[i]);
        PyObject_GC_Track(frame);
        back = (PyObject *)frame;
    }
    return back;
}

static int
frame_traverse(FrameObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->code);
    Py_VISIT(self->back);
    return 0;
}

static void
frame_dealloc(FrameObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    Py_DECREF(self->code);
    Py_DECREF(self->back);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
frame_get_none(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    Py_RETURN_NONE;
}

static PyMemberDef frame_members[] = {
    {"f_code", T_OBJECT, offsetof(FrameObject, code), READONLY, "The code object."},
    {"f_back", T_OBJECT, offsetof(FrameObject, back), READONLY, "The caller's frame, or None."},
    {"f_lineno", T_INT, offsetof(FrameObject, line), READONLY, "The line."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef frame_getset[] = {
    {"f_globals", frame_get_none, NULL, "None: variables are not recorded.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot frame_slots[] = {
    {Py_tp_doc, "One call of those that were active when a greenlet was spawned."},
    {Py_tp_dealloc, frame_dealloc},
    {Py_tp_traverse, frame_traverse},
    {Py_tp_members, frame_members},
    {Py_tp_getset, frame_getset},
    {0, NULL},
};

static PyType_Spec frame_spec = {
    .name = "greencore._core.SpawningFrame",
    .basicsize = sizeof(FrameObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = frame_slots,
};

/* ---- the spawner ---- */

/* The last spawner is noted, since who spawns one greenlet spawns more. */
static struct {
    PyWeakReference *reference; /* owned; NULL: nobody has spawned one yet */
    green_ancestry *ancestry;   /* inside the spawner, valid while that lives; NULL: it has none */
} spawner_last;

static struct {
    PyTypeObject *type;
    size_t offset;
} ancestry_types[2];

int
green_ancestry_register(PyTypeObject *type, size_t offset)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(ancestry_types); i++) {
        if (ancestry_types[i].type == NULL || ancestry_types[i].type == type) {
            ancestry_types[i].type = type;
            ancestry_types[i].offset = offset;
            return 0;
        }
    }
    PyErr_SetString(PyExc_SystemError, "too many classes with an ancestry");
    return -1;
}

static green_ancestry *
ancestry_of(GreenletObject *g)
{
    if (Py_IS_TYPE((PyObject *)g, Greenlet_Type)) {
        return NULL;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(ancestry_types); i++) {
        if (ancestry_types[i].type != NULL &&
            PyObject_TypeCheck((PyObject *)g, ancestry_types[i].type)) {
            return (green_ancestry *)((char *)g + ancestry_types[i].offset);
        }
    }
    return NULL;
}

/* Returns the locals that a child of `spawner`, whose own ancestry is `above`, shares (new
   reference). NULL: with an exception, it failed; without, the child begins a family of its own. */
static PyObject *
ancestry_inherit(GreenletObject *spawner, green_ancestry *above)
{
    if (above != NULL && above->spawner != NULL) {
        return green_ancestry_get_locals(above);
    }
    PyObject *dict = spawner->dict; /* borrowed */
    PyObject *locals = dict == NULL ? NULL : PyDict_GetItemWithError(dict, str_tree_locals);
    if (locals != NULL || spawner->is_main || PyErr_Occurred()) {
        return Py_XNewRef(locals);
    }
    locals = PyDict_New();
    if (locals != NULL && PyObject_SetAttr((PyObject *)spawner, str_tree_locals, locals) < 0) {
        Py_CLEAR(locals);
    }
    return locals;
}

inline int
green_ancestry_note(green_ancestry *ancestry, int stack_limit)
{
    GreenletObject *spawner = green_greenlet_current();
    if (spawner == NULL) {
        return -1;
    }
    PyWeakReference *last = spawner_last.reference;
    if (last == NULL || last->wr_object != (PyObject *)spawner) {
        PyObject *reference = PyWeakref_NewRef((PyObject *)spawner, NULL);
        if (reference == NULL) {
            return -1;
        }
        Py_XSETREF(spawner_last.reference, (PyWeakReference *)reference);
        spawner_last.ancestry = ancestry_of(spawner);
    }
    ancestry->spawner = Py_NewRef(spawner_last.reference);
    ancestry->locals = ancestry_inherit(spawner, spawner_last.ancestry);
    if (ancestry->locals == NULL && PyErr_Occurred()) {
        return -1;
    }
    if (stack_limit > 0) {
        ancestry->stack = stack_record(stack_limit);
        if (ancestry->stack == NULL) {
            return -1;
        }
    }
    return 0;
}

PyObject *
green_ancestry_get_spawner(green_ancestry *ancestry)
{
    return Py_NewRef(ancestry->spawner != NULL ? ancestry->spawner : Py_None);
}

PyObject *
green_ancestry_get_locals(green_ancestry *ancestry)
{
    if (ancestry->locals == NULL && ancestry->spawner != NULL) {
        ancestry->locals = PyDict_New();
        return Py_XNewRef(ancestry->locals);
    }
    return Py_NewRef(ancestry->locals != NULL ? ancestry->locals : Py_None);
}

int
green_ancestry_set_locals(green_ancestry *ancestry, PyObject *value)
{
    if (value != NULL && value != Py_None && !PyDict_Check(value)) {
        PyErr_Format(PyExc_TypeError, "spawn_tree_locals is a dict or None, not %.200s",
                     Py_TYPE(value)->tp_name);
        return -1;
    }
    Py_XINCREF(value);
    Py_XSETREF(ancestry->locals, value);
    return 0;
}

PyObject *
green_ancestry_get_stack(green_ancestry *ancestry)
{
    if (ancestry->stack == NULL) {
        Py_RETURN_NONE;
    }
    if (!Py_IS_TYPE(ancestry->stack, Stack_Type)) {
        return Py_NewRef(ancestry->stack);
    }
    PyObject *frames = stack_frames((StackObject *)ancestry->stack);
    if (frames != NULL) {
        Py_SETREF(ancestry->stack, Py_NewRef(frames));
    }
    return frames;
}

int
green_ancestry_traverse(green_ancestry *ancestry, visitproc visit, void *arg)
{
    Py_VISIT(ancestry->spawner);
    Py_VISIT(ancestry->locals);
    Py_VISIT(ancestry->stack);
    return 0;
}

void
green_ancestry_clear(green_ancestry *ancestry)
{
    Py_CLEAR(ancestry->spawner);
    Py_CLEAR(ancestry->locals);
    Py_CLEAR(ancestry->stack);
}

static PyObject *
set_track_greenlet_tree(PyObject *Py_UNUSED(module), PyObject *value)
{
    int track = PyObject_IsTrue(value);
    if (track < 0) {
        return NULL;
    }
    green_ancestry_tracking = track;
    Py_RETURN_NONE;
}

static PyMethodDef ancestry_functions[] = {
    {"set_track_greenlet_tree", set_track_greenlet_tree, METH_O,
     "set_track_greenlet_tree($module, value, /)\n--\n\n"
     "Set whether new greenlets note where they were spawned: config.track_greenlet_tree does."},
    {NULL, NULL, 0, NULL},
};

int
green_ancestry_exec(PyObject *module)
{
    Stack_Type = (PyTypeObject *)green_type_new(NULL, &stack_spec, NULL);
    if (Stack_Type == NULL) {
        return -1;
    }
    Frame_Type = (PyTypeObject *)green_type_new(NULL, &frame_spec, NULL);
    str_tree_locals = PyUnicode_InternFromString("spawn_tree_locals");
    if (Frame_Type == NULL || str_tree_locals == NULL) {
        return -1;
    }
    return PyModule_AddFunctions(module, ancestry_functions);
}
