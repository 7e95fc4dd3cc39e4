#include "task/start.h"

#include "greenlet/type.h"
#include "task/task.h"

static PyTypeObject *StartEvent_Type;

typedef struct {
    PyObject_HEAD
    TaskObject *task; /* owned */
} StartEventObject;

PyObject *
green_start_event_get(PyObject *task, void *Py_UNUSED(closure))
{
    if (((TaskObject *)task)->phase == TASK_NEW) {
        Py_RETURN_NONE;
    }
    StartEventObject *self = PyObject_GC_New(StartEventObject, StartEvent_Type);
    if (self != NULL) {
        self->task = (TaskObject *)Py_NewRef(task);
        PyObject_GC_Track(self);
    }
    return (PyObject *)self;
}

static int
start_event_traverse(StartEventObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)self->task);
    return 0;
}

static int
start_event_clear(StartEventObject *self)
{
    Py_CLEAR(self->task);
    return 0;
}

static void
start_event_dealloc(StartEventObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    start_event_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
start_event_get_pending(StartEventObject *self, void *Py_UNUSED(closure))
{
    const TaskObject *task = self->task;
    bool queued = task->phase == TASK_QUEUED && task->base.status == GREEN_UNSTARTED &&
                  green_ready_queued(&task->base.ready);
    return PyBool_FromLong(queued || task->phase == TASK_LATER);
}

static PyObject *
start_event_stop(StartEventObject *self, PyObject *Py_UNUSED(none))
{
    green_task_cancel(self->task);
    Py_RETURN_NONE;
}

static PyMethodDef start_event_methods[] = {
    {"stop", (PyCFunction)start_event_stop, METH_NOARGS,
     "stop($self)\n--\n\nThe start will not happen."},
    {"close", (PyCFunction)start_event_stop, METH_NOARGS,
     "close($self)\n--\n\nThe start will not happen."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef start_event_getset[] = {
    {"pending", (getter)start_event_get_pending, NULL, "Whether the start is still to come.", NULL},
    {"active", (getter)start_event_get_pending, NULL, "Whether the start is still to come.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot start_event_slots[] = {
    {Py_tp_doc, "The start of a Greenlet: queued, made or cancelled."},
    {Py_tp_dealloc, start_event_dealloc},
    {Py_tp_traverse, start_event_traverse},
    {Py_tp_clear, start_event_clear},
    {Py_tp_methods, start_event_methods},
    {Py_tp_getset, start_event_getset},
    {0, NULL},
};

static PyType_Spec start_event_spec = {
    .name = "greencore._core.StartEvent",
    .basicsize = sizeof(StartEventObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = start_event_slots,
};

int
green_start_event_exec(PyObject *Py_UNUSED(module))
{
    StartEvent_Type = (PyTypeObject *)green_type_new(NULL, &start_event_spec, NULL);
    return StartEvent_Type == NULL ? -1 : 0;
}
