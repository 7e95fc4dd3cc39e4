#include "hub/hub.h"

#include <structmember.h>
#include "greenlet/type.h"

/* The size of a hub's stack. Callbacks run there, whatever size the program's greenlets have. */
#define HUB_STACK_SIZE ((size_t)8 << 20)

PyTypeObject *Hub_Type;
static PyObject *hub_switch_method; /* owned; Hub.switch as it is defined here */

/* Owned and interned: a string that is not would fill the type cache. */
static PyObject *name_switch, *name_switch_out;

/* ---- switching ---- */

/* Returns who is next, borrowed. For one from the queue, its turn has set what is handed over; the
   hub itself gets None. */
static inline GreenletObject *
hub_choose(HubObject *hub, green_thread *thread)
{
    LoopObject *loop = hub->loop;
    if (loop != NULL) {
        GreenletObject *next = green_loop_next(loop);
        if (next != NULL) {
            return next;
        }
    }
    thread->value = Py_NewRef(Py_None);
    GreenletObject *runner = loop == NULL ? NULL : green_loop_runner(loop);
    if (runner != NULL && runner != thread->current && green_greenlet_alive(runner)) {
        return runner;
    }
    GreenletObject *target = (GreenletObject *)hub;
    while (target->status == GREEN_DEAD && target->parent != NULL) {
        target = target->parent;
    }
    return target;
}

GreenletObject *
green_hub_next(green_thread *thread)
{
    return hub_choose((HubObject *)thread->hub, thread);
}

/* Looks `switch` up, which tools replace on the class, in a subclass or on the object. Returns
   whether theirs is to be called. Looked up again only when the type has changed. */
GREEN_COLD static bool
hub_find_switch(HubObject *hub)
{
    PyTypeObject *type = Py_TYPE(hub);
    PyObject *method = PyObject_GetAttr((PyObject *)type, name_switch);
    if (method == NULL) {
        PyErr_Clear();
        return false;
    }
    hub->switch_replaced = hub->switch_own || method != hub_switch_method;
    hub->switch_tag = type->tp_version_tag;
    Py_DECREF(method);
    return hub->switch_replaced;
}

static inline bool
hub_switch_is_replaced(HubObject *hub)
{
    unsigned int tag = Py_TYPE(hub)->tp_version_tag;
    return GREEN_RARELY(tag == 0 || tag != hub->switch_tag) ? hub_find_switch(hub)
                                                            : hub->switch_replaced;
}

/* Version tags of types that are known to have no switch_out(), a hook that a greenlet's class may
   define. */
static unsigned int hub_plain_tags[256];

GREEN_COLD static int
hub_find_switch_out(GreenletObject *current)
{
    PyTypeObject *type = Py_TYPE(current);
    PyObject *hook = PyObject_GetAttr((PyObject *)type, name_switch_out);
    if (hook == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        unsigned int tag = type->tp_version_tag;
        hub_plain_tags[tag & 255] = tag;
        return 0;
    }
    Py_DECREF(hook);
    PyObject *done = PyObject_CallMethodNoArgs((PyObject *)current, name_switch_out);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static inline int
hub_call_switch_out(GreenletObject *current)
{
    unsigned int tag = Py_TYPE(current)->tp_version_tag;
    return GREEN_RARELY(tag == 0 || hub_plain_tags[tag & 255] != tag) ? hub_find_switch_out(current)
                                                                      : 0;
}

static inline PyObject *
hub_switch_away(HubObject *hub)
{
    green_thread *thread = green_thread_self;
    if (__builtin_expect(thread == NULL || (PyObject *)hub != thread->hub, 0)) {
        return green_greenlet_switch((GreenletObject *)hub, Py_NewRef(Py_None));
    }
    thread->current->epoch = green_epoch;
    if (hub_call_switch_out(thread->current) < 0) {
        return NULL;
    }
    return green_greenlet_transfer(thread, hub_choose(hub, thread));
}

inline PyObject *
green_hub_switch(HubObject *hub)
{
    if (__builtin_expect(hub_switch_is_replaced(hub), 0)) {
        return PyObject_CallMethodNoArgs((PyObject *)hub, name_switch);
    }
    return hub_switch_away(hub);
}

GREEN_COLD void
green_hub_refuse(const green_thread *thread)
{
    PyErr_SetString(green_exc_BlockingSwitchOutError,
                    thread->no_switch
                        ? "Impossible to block here: switching is forbidden in this section"
                        : "Impossible to call blocking function in the event loop callback");
}

static PyObject *
hub_switch(HubObject *self, PyObject *Py_UNUSED(ignored))
{
    const green_thread *thread = green_thread_self;
    if (thread != NULL && thread->no_switch) {
        green_hub_refuse(thread);
        return NULL;
    }
    PyObject *got = hub_switch_away(self);
    green_hub_drop_trash();
    return got;
}

static PyObject *
hub_switch_out(HubObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    PyErr_SetString(green_exc_BlockingSwitchOutError,
                    "Impossible to call blocking function in the event loop callback");
    return NULL;
}

/* ---- queued starts ---- */

/* There was no stack for the greenlet. The turn is taken on the hub, since whoever is told may run
   Python code. */
static GreenletObject *
unborn_turn(green_ready *ready)
{
    GreenletObject *g = GREEN_CONTAINER(ready, GreenletObject, ready);
    PyErr_SetString(PyExc_MemoryError, "no memory for the stack of a greenlet");
    if (g->kind->unborn != NULL) {
        g->kind->unborn(g);
    } else {
        green_loop_handle_error(((HubObject *)green_thread_self->hub)->loop, (PyObject *)g);
    }
    Py_DECREF(g);
    return NULL;
}

static void start_drop(green_ready *ready);

static GreenletObject *start_greenlet(const green_ready *ready);

static const green_ready_kind unborn_kind = {
    .turn = unborn_turn, .on_hub = true, .drop = start_drop, .greenlet = start_greenlet};

static GreenletObject *
start_turn(green_ready *ready)
{
    GreenletObject *g = GREEN_CONTAINER(ready, GreenletObject, ready);
    if (__builtin_expect(g->status != GREEN_UNSTARTED, 0)) {
        Py_DECREF(g);
        return NULL;
    }
    if (__builtin_expect(green_greenlet_begin(green_thread_self, g) < 0, 0)) {
        PyErr_Clear();
        green_ready_init(&g->ready, &unborn_kind);
        green_ready_push_front(((HubObject *)green_thread_self->hub)->loop, &g->ready);
        return NULL;
    }
    /* Nobody uses the value, so the queue's reference travels as the value, and is dropped on
       arrival. */
    green_thread_self->value = (PyObject *)g;
    return g;
}

static void
start_drop(green_ready *ready)
{
    Py_DECREF(GREEN_CONTAINER(ready, GreenletObject, ready));
}

static GreenletObject *
start_greenlet(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, GreenletObject, ready);
}

static const green_ready_kind start_kind = {
    .turn = start_turn, .drop = start_drop, .greenlet = start_greenlet};

inline void
green_hub_start(HubObject *hub, GreenletObject *g)
{
    assert(!green_ready_queued(&g->ready));
    Py_INCREF(g);
    green_ready_init(&g->ready, &start_kind);
    green_ready_push(hub->loop, &g->ready);
}

void
green_hub_unstart(GreenletObject *g)
{
    if (green_ready_queued(&g->ready)) {
        green_ready_cancel(&g->ready);
        Py_DECREF(g);
    }
}

/* ---- the type ---- */

static const green_greenlet_kind hub_kind = {.body = green_hub_body, .catches = true};

static PyObject *
hub_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    GreenletObject *self = (GreenletObject *)Greenlet_Type->tp_new(type, args, kwargs);
    if (self != NULL) {
        self->kind = &hub_kind;
        /* Whoever makes the hub, the main greenlet is its parent: what ends a program is raised
           there. */
        Py_SETREF(self->parent, (GreenletObject *)Py_NewRef(green_thread_get()->main));
        if (green_stack_get_default() < HUB_STACK_SIZE) { /* where greenlets are to be small */
            self->stack_kib = HUB_STACK_SIZE >> 10;
        }
    }
    return (PyObject *)self;
}

static int
hub_setattr(PyObject *self, PyObject *name, PyObject *value)
{
    if (PyObject_GenericSetAttr(self, name, value) < 0) {
        return -1;
    }
    if (PyUnicode_Compare(name, name_switch) == 0) {
        ((HubObject *)self)->switch_own = value != NULL;
        ((HubObject *)self)->switch_tag = 0;
    }
    return 0;
}

static PyObject *
hub_get_loop(HubObject *self, void *Py_UNUSED(closure))
{
    PyObject *loop = self->stand_in != NULL ? self->stand_in : (PyObject *)self->loop;
    return Py_NewRef(loop != NULL ? loop : Py_None);
}

static int
hub_set_loop(HubObject *self, PyObject *loop, void *Py_UNUSED(closure))
{
    LoopObject *new = loop == NULL || loop == Py_None ? NULL : (LoopObject *)loop;
    if (new != NULL && !PyObject_TypeCheck(loop, Loop_Type)) {
        if (self->loop == NULL || !PyObject_HasAttrString(loop, "run")) {
            PyErr_Format(PyExc_TypeError, "a loop is needed, not %.100s", Py_TYPE(loop)->tp_name);
            return -1;
        }
        Py_XSETREF(self->stand_in, Py_NewRef(loop));
        return 0;
    }
    Py_CLEAR(self->stand_in);
    if (self == green_hub_peek()) {
        if (self->loop != NULL) {
            green_loop_release(self->loop);
        }
        if (new != NULL) {
            green_loop_hold(new, green_thread_self);
        }
    }
    Py_XSETREF(self->loop, (LoopObject *)Py_XNewRef((PyObject *)new));
    return 0;
}

static int
hub_traverse(HubObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->loop);
    Py_VISIT(self->stand_in);
    return Greenlet_Type->tp_traverse((PyObject *)self, visit, arg);
}

static int
hub_clear(HubObject *self)
{
    Py_CLEAR(self->loop);
    Py_CLEAR(self->stand_in);
    return Greenlet_Type->tp_clear((PyObject *)self);
}

static void
hub_dealloc(HubObject *self)
{
    PyObject_GC_UnTrack(self);
    if (green_greenlet_survives((GreenletObject *)self)) {
        return;
    }
    Py_CLEAR(self->loop);
    Py_CLEAR(self->stand_in);
    Greenlet_Type->tp_dealloc((PyObject *)self);
}

static PyMethodDef hub_methods[] = {
    {"switch", (PyCFunction)hub_switch, METH_NOARGS,
     "switch($self, /)\n--\n\n"
     "Leave the running greenlet for the next that is ready, the hub itself where none is; "
     "returns\n"
     "what the switch back hands over. Raises BlockingSwitchOutError in the hub, and where "
     "switches\n"
     "are forbidden."},
    {"switch_out", (PyCFunction)hub_switch_out, METH_NOARGS,
     "switch_out($self, /)\n--\n\nRaises BlockingSwitchOutError: the hub itself cannot wait."},
    {"run", (PyCFunction)green_hub_run, METH_NOARGS,
     "run($self, /)\n--\n\n"
     "What the hub's greenlet does: runs the loop, and throws LoopExit into the main greenlet\n"
     "whenever nothing is left that could wake anybody."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef hub_getset[] = {
    {"loop", (getter)hub_get_loop, (setter)hub_set_loop,
     "The event loop; None once destroyed. What a program puts in its place passes calls on to it.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot hub_slots[] = {
    {Py_tp_doc, "The greenlet that runs the loop: what greencore.hub.Hub is made of."},
    {Py_tp_new, hub_new},
    {Py_tp_dealloc, hub_dealloc},
    {Py_tp_setattro, hub_setattr},
    {Py_tp_traverse, hub_traverse},
    {Py_tp_clear, hub_clear},
    {Py_tp_methods, hub_methods},
    {Py_tp_getset, hub_getset},
    {0, NULL},
};

static PyType_Spec hub_spec = {
    .name = "greencore._core.Hub",
    .basicsize = sizeof(HubObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = hub_slots,
};

int
green_hub_exec(PyObject *module)
{
    name_switch = PyUnicode_InternFromString("switch");
    name_switch_out = PyUnicode_InternFromString("switch_out");
    PyObject *bases = PyTuple_Pack(1, Greenlet_Type);
    if (bases == NULL || name_switch == NULL || name_switch_out == NULL) {
        return -1;
    }
    Hub_Type = (PyTypeObject *)green_type_new(module, &hub_spec, bases);
    Py_DECREF(bases);
    if (Hub_Type == NULL || PyModule_AddObjectRef(module, "Hub", (PyObject *)Hub_Type) < 0) {
        return -1;
    }
    hub_switch_method = PyObject_GetAttrString((PyObject *)Hub_Type, "switch");
    return hub_switch_method == NULL ? -1 : 0;
}
