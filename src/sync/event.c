#include "sync/event.h"

#include <stddef.h>
#include <structmember.h>
#include "greenlet/type.h"
#include "greenlet/arguments.h"
#include "sync/timeout.h"

typedef struct EventObject {
    LinkableObject base;
    bool flag;
} EventObject;

PyTypeObject *Linkable_Type;
PyTypeObject *Event_Type;

/* --- AbstractLinkable --- */

static bool
linkable_object_ready(PyObject *object)
{
    PyObject *result = PyObject_CallMethod(object, "ready", NULL);
    int ready = result == NULL ? -1 : PyObject_IsTrue(result);
    Py_XDECREF(result);
    if (ready < 0) {
        PyErr_WriteUnraisable(object);
    }
    return ready > 0;
}

static const green_linkable_kind linkable_all = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = linkable_object_ready,
    .all = true,
    .python = true,
};

static const green_linkable_kind linkable_while_ready = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = linkable_object_ready,
    .python = true,
};

int
green_linkable_object_traverse(LinkableObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    return green_linkable_traverse(&self->linkable, visit, arg);
}

int
green_linkable_object_clear(LinkableObject *self)
{
    green_linkable_clear(&self->linkable);
    return 0;
}

void
green_linkable_object_dealloc(LinkableObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    green_linkable_clear(&self->linkable);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *
linkable_object_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    LinkableObject *self = (LinkableObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_linkable_init(&self->linkable, &linkable_all);
    }
    return (PyObject *)self;
}

static int
linkable_object_init(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"hub", NULL};
    PyObject *hub; /* taken and not used, as in gevent: who waits does so in its own hub */
    return PyArg_ParseTupleAndKeywords(args, kwargs, "|O", names, &hub) ? 0 : -1;
}

PyObject *
green_linkable_object_rawlink(LinkableObject *self, PyObject *const *args, Py_ssize_t nargs,
                              PyObject *kwnames)
{
    PyObject *callback = green_argument("rawlink", args, nargs, kwnames, "callback");
    if (callback == NULL) {
        return NULL;
    }
    if (green_linkable_link(&self->linkable, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
green_linkable_object_unlink(LinkableObject *self, PyObject *const *args, Py_ssize_t nargs,
                             PyObject *kwnames)
{
    PyObject *callback = green_argument("unlink", args, nargs, kwnames, "callback");
    if (callback == NULL) {
        return NULL;
    }
    if (green_linkable_unlink(&self->linkable, callback) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyObject *
green_linkable_object_linkcount(LinkableObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSsize_t(green_linkable_count(&self->linkable));
}

static PyObject *
linkable_object_method_ready(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    PyErr_SetString(PyExc_NotImplementedError, "a subclass must define ready()");
    return NULL;
}

static PyObject *
linkable_object_check_and_notify(LinkableObject *self, PyObject *Py_UNUSED(ignored))
{
    green_linkable *linkable = &self->linkable;
    if (!green_list_empty(&linkable->links) && linkable->kind->ready((PyObject *)self)) {
        green_linkable_notify(linkable);
    }
    Py_RETURN_NONE;
}

/* Wait at most for `timeout`, as green_deadline_start takes it; `verb` is for LoopExit. Returns a
   new reference to whether the object became ready in time, or NULL with an exception. */
static PyObject *
linkable_object_wait_for(LinkableObject *self, PyObject *timeout, const char *verb)
{
    green_deadline deadline;
    if (green_deadline_start(&deadline, timeout) < 0) {
        return NULL;
    }
    int status = green_linkable_wait(&self->linkable, deadline.seconds, verb, false);
    if (status < 0 && green_deadline_caught(&deadline)) {
        status = GREEN_TIMED_OUT;
    }
    if (green_deadline_stop(&deadline) < 0 || status < 0) {
        return NULL;
    }
    return PyBool_FromLong(status == GREEN_WOKEN);
}

static PyObject *
linkable_object_wait(LinkableObject *self, PyObject *const *args, Py_ssize_t nargs,
                     PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    if (green_arguments("_wait", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (self->linkable.kind->ready((PyObject *)self)) {
        Py_RETURN_TRUE;
    }
    return linkable_object_wait_for(self, timeout, "_wait");
}

static PyObject *
linkable_object_at_fork_reinit(LinkableObject *self, PyObject *Py_UNUSED(ignored))
{
    green_linkable_forked(&self->linkable);
    Py_RETURN_NONE;
}

static PyObject *
linkable_object_get_links(LinkableObject *self, void *Py_UNUSED(closure))
{
    return green_linkable_list(&self->linkable);
}

static PyObject *
linkable_object_get_hub(LinkableObject *self, void *Py_UNUSED(closure))
{
    HubObject *hub = green_usage_here(&self->linkable.usage) ? green_hub_peek() : NULL;
    return Py_NewRef(hub == NULL ? Py_None : (PyObject *)hub);
}

static PyObject *
linkable_object_get_notifier(LinkableObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(green_linkable_notifying(&self->linkable) ? Py_True : Py_None);
}

static PyObject *
linkable_object_get_notify_all(LinkableObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->linkable.kind->all);
}

static int
linkable_object_set_notify_all(LinkableObject *self, PyObject *value, void *Py_UNUSED(closure))
{
    int all = value == NULL ? 1 : PyObject_IsTrue(value);
    if (all < 0) {
        return -1;
    }
    if (!self->linkable.kind->python) {
        PyErr_SetString(PyExc_AttributeError, "_notify_all is fixed for this type");
        return -1;
    }
    self->linkable.kind = all ? &linkable_all : &linkable_while_ready;
    return 0;
}

PyDoc_STRVAR(rawlink_doc,
             "rawlink($self, /, callback)\n--\n\n"
             "Call callback(self) in the hub once this is ready; it is unlinked before the call.\n"
             "It must not block; what it raises goes to the hub's handle_error. Raises TypeError\n"
             "when callback is not callable.");
PyDoc_STRVAR(unlink_doc,
             "unlink($self, /, callback)\n--\n\n"
             "Remove a callback that rawlink() added. Nothing happens if it is not linked (any\n"
             "more).");

static PyMethodDef linkable_object_methods[] = {
    {"rawlink", (PyCFunction)(void (*)(void))green_linkable_object_rawlink,
     METH_FASTCALL | METH_KEYWORDS, rawlink_doc},
    {"unlink", (PyCFunction)(void (*)(void))green_linkable_object_unlink,
     METH_FASTCALL | METH_KEYWORDS, unlink_doc},
    {"linkcount", (PyCFunction)green_linkable_object_linkcount, METH_NOARGS,
     PyDoc_STR("linkcount($self, /)\n--\n\n"
               "Return how many greenlets and callbacks wait for this.")},
    {"ready", linkable_object_method_ready, METH_NOARGS,
     PyDoc_STR("ready($self, /)\n--\n\n"
               "Return whether those who wait may go on. A subclass defines it.")},
    {"_check_and_notify", (PyCFunction)linkable_object_check_and_notify, METH_NOARGS,
     PyDoc_STR("Notify who is linked, in a later turn of the hub, if this is ready.")},
    {"_wait", (PyCFunction)(void (*)(void))linkable_object_wait, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR(
         "_wait($self, /, timeout=None)\n--\n\n"
         "Wait until ready, at most `timeout` seconds (None: without limit). Returns whether\n"
         "that came in time.")},
    {"_at_fork_reinit", (PyCFunction)linkable_object_at_fork_reinit, METH_NOARGS,
     PyDoc_STR("In a forked child: forget the other threads' waiters.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef linkable_object_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(LinkableObject, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef linkable_object_getset[] = {
    {"_links", (getter)linkable_object_get_links, NULL, PyDoc_STR("A new list of what is linked."),
     NULL},
    {"hub", (getter)linkable_object_get_hub, NULL,
     PyDoc_STR("The hub of this thread if it was the last to use this, or None."), NULL},
    {"_notifier", (getter)linkable_object_get_notifier, NULL,
     PyDoc_STR("Something true while a notification is under way, else None."), NULL},
    {"_notify_all", (getter)linkable_object_get_notify_all, (setter)linkable_object_set_notify_all,
     PyDoc_STR("Whether a notification reaches all, or goes on only as long as this is ready."),
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(linkable_object_doc,
             "AbstractLinkable(hub=None)\n--\n\n"
             "Base of what can be waited for. A subclass defines ready() and calls\n"
             "_check_and_notify() when it may have become ready.");

static PyType_Slot linkable_object_slots[] = {
    {Py_tp_doc, (void *)linkable_object_doc},
    {Py_tp_new, linkable_object_new},
    {Py_tp_init, linkable_object_init},
    {Py_tp_dealloc, green_linkable_object_dealloc},
    {Py_tp_traverse, green_linkable_object_traverse},
    {Py_tp_clear, green_linkable_object_clear},
    {Py_tp_methods, linkable_object_methods},
    {Py_tp_members, linkable_object_members},
    {Py_tp_getset, linkable_object_getset},
    {0, NULL},
};

static PyType_Spec linkable_object_spec = {
    .name = "greencore._core.AbstractLinkable",
    .basicsize = sizeof(LinkableObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = linkable_object_slots,
};

/* --- Event --- */

static bool
event_is_ready(PyObject *object)
{
    return ((EventObject *)object)->flag;
}

static const green_linkable_kind event_kind = {
    .offset = offsetof(LinkableObject, linkable),
    .pass = GREEN_PASS(LinkableObject, linkable, pass),
    .ready = event_is_ready,
    .all = true,
};

static PyObject *
event_new(PyTypeObject *type, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    EventObject *self = (EventObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        green_linkable_init(&self->base.linkable, &event_kind);
    }
    return (PyObject *)self;
}

static int
event_init(PyObject *Py_UNUSED(self), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {NULL};
    return PyArg_ParseTupleAndKeywords(args, kwargs, ":Event", names) ? 0 : -1;
}

static PyObject *
event_vectorcall(PyObject *type, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    if (green_arguments("Event", args, PyVectorcall_NARGS(nargsf), kwnames, NULL, 0, NULL) < 0) {
        return NULL;
    }
    return event_new((PyTypeObject *)type, NULL, NULL);
}

static PyObject *
event_set(EventObject *self, PyObject *Py_UNUSED(ignored))
{
    self->flag = true;
    green_linkable_notify(&self->base.linkable);
    Py_RETURN_NONE;
}

static PyObject *
event_clear(EventObject *self, PyObject *Py_UNUSED(ignored))
{
    self->flag = false;
    Py_RETURN_NONE;
}

static PyObject *
event_is_set(EventObject *self, PyObject *Py_UNUSED(ignored))
{
    return PyBool_FromLong(self->flag);
}

static PyObject *
event_wait(EventObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames)
{
    static const char *const names[] = {"timeout"};
    PyObject *timeout;
    if (green_arguments("wait", args, nargs, kwnames, names, 1, &timeout) < 0) {
        return NULL;
    }
    if (self->flag) {
        if (green_linkable_wait_behind(&self->base.linkable, "Event.wait") < 0) {
            return NULL;
        }
        Py_RETURN_TRUE;
    }
    return linkable_object_wait_for(&self->base, timeout, "Event.wait");
}

static PyObject *
event_reset_internal_locks(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    Py_RETURN_NONE;
}

static PyObject *
event_repr(EventObject *self)
{
    PyObject *type = (PyObject *)Py_TYPE(self);
    PyObject *module = PyObject_GetAttrString(type, "__module__");
    if (module == NULL) {
        return NULL;
    }
    PyObject *repr = PyUnicode_FromFormat(
        "<%S.%s at %p %s _links[%zd]>", module, _PyType_Name(Py_TYPE(self)), self,
        self->flag ? "set" : "clear", green_linkable_count(&self->base.linkable));
    Py_DECREF(module);
    return repr;
}

PyDoc_STRVAR(
    event_set_doc,
    "set($self, /)\n--\n\n"
    "Set the flag. All who wait are woken, in the order they came, in a later turn of the\n"
    "hub. May be called in any thread.");
PyDoc_STRVAR(
    event_wait_doc,
    "wait($self, /, timeout=None)\n--\n\n"
    "Wait until the flag is set, at most `timeout` seconds (None: without limit; a Timeout\n"
    "counts as its seconds). Returns True if it was set at the call or while waiting, even\n"
    "if it has been cleared since, and False when the time has passed.");
#define EVENT_IS_SET_DOC(name) PyDoc_STR(name "($self, /)\n--\n\nWhether the flag is set.")

static PyMethodDef event_methods[] = {
    {"set", (PyCFunction)event_set, METH_NOARGS, event_set_doc},
    {"clear", (PyCFunction)event_clear, METH_NOARGS,
     PyDoc_STR("clear($self, /)\n--\n\n"
               "Clear the flag: wait() waits again. Greenlets that were woken already go on.")},
    {"wait", (PyCFunction)(void (*)(void))event_wait, METH_FASTCALL | METH_KEYWORDS,
     event_wait_doc},
    {"is_set", (PyCFunction)event_is_set, METH_NOARGS, EVENT_IS_SET_DOC("is_set")},
    {"isSet", (PyCFunction)event_is_set, METH_NOARGS, EVENT_IS_SET_DOC("isSet")},
    {"ready", (PyCFunction)event_is_set, METH_NOARGS, EVENT_IS_SET_DOC("ready")},
    {"_reset_internal_locks", event_reset_internal_locks, METH_NOARGS,
     PyDoc_STR("For the threading module; there is nothing to reset.")},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef event_members[] = {
    {"_flag", T_BOOL, offsetof(EventObject, flag), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(
    event_doc,
    "Event()\n--\n\n"
    "A flag that greenlets can wait for, with the interface of threading.Event.\n\n"
    "set() wakes all who wait, in the order they came, once the setter lets others run.\n"
    "Who calls wait() meanwhile, and finds the flag set, goes on after them. The flag may\n"
    "have been cleared again by the time that a woken greenlet runs.");

static PyType_Slot event_slots[] = {
    {Py_tp_doc, (void *)event_doc},
    {Py_tp_new, event_new},
    {Py_tp_init, event_init},
    {Py_tp_dealloc, green_linkable_object_dealloc},
    {Py_tp_traverse, green_linkable_object_traverse},
    {Py_tp_clear, green_linkable_object_clear},
    {Py_tp_repr, event_repr},
    {Py_tp_methods, event_methods},
    {Py_tp_members, event_members},
    {0, NULL},
};

static PyType_Spec event_spec = {
    .name = "greencore.event.Event",
    .basicsize = sizeof(EventObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = event_slots,
};

int
green_event_exec(PyObject *module)
{
    Linkable_Type = (PyTypeObject *)green_type_new(module, &linkable_object_spec, NULL);
    if (Linkable_Type == NULL || PyModule_AddType(module, Linkable_Type) < 0) {
        return -1;
    }
    Event_Type = (PyTypeObject *)green_type_new(module, &event_spec, (PyObject *)Linkable_Type);
    if (Event_Type == NULL) {
        return -1;
    }
    Event_Type->tp_vectorcall = event_vectorcall;
    return PyModule_AddType(module, Event_Type);
}
