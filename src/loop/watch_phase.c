/* idle, prepare, check and fork watchers. The loop itself fires them: prepare at the beginning of
   each iteration, check after its poll, idle there, too, when nothing is ready, and fork in a
   forked child. */
#include "loop/watcher.h"

static PyTypeObject *phase_types[4];
static const char *const phase_names[4] = {"idle", "prepare", "check", "fork"};

static int
phase_start(WatcherObject *self)
{
    for (int phase = 0; phase < 4; phase++) {
        if (PyObject_TypeCheck(self, phase_types[phase])) {
            green_list_append(&self->loop->phases[phase], &self->link);
        }
    }
    return 0;
}

static void
phase_stop(WatcherObject *self)
{
    green_list_remove(&self->link);
}

static const green_watcher_kind phase_kind = {.start = phase_start, .stop = phase_stop};

static PyObject *
phase_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "ref", "priority", NULL};
    PyObject *loop, *priority = NULL;
    int ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|pO", keywords, &loop, &ref, &priority)) {
        return NULL;
    }
    return (PyObject *)green_watcher_new(type, &phase_kind, loop, ref, priority);
}

static PyType_Slot phase_slots[] = {
    {Py_tp_doc, "A watcher of a phase of the loop: its callback is called at each."},
    {Py_tp_new, phase_new},
    {0, NULL},
};

int
green_watch_phase_exec(PyObject *module)
{
    for (int phase = 0; phase < 4; phase++) {
        char name[32];
        snprintf(name, sizeof(name), "greencore._core.%s", phase_names[phase]);
        PyType_Spec spec = {
            .name = name,
            .basicsize = sizeof(WatcherObject),
            .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
            .slots = phase_slots,
        };
        phase_types[phase] = green_watcher_add_type(module, &spec);
        if (phase_types[phase] == NULL) {
            return -1;
        }
    }
    return 0;
}
