#include "task/task.h"

static const struct {
    const char *name;
    int flag;
} hooks[] = {
    {"_run", TASK_HAS_RUN_METHOD},
    {"run", TASK_HAS_RUN},
    {"_report_result", TASK_HAS_REPORT_RESULT},
    {"_report_error", TASK_HAS_REPORT_ERROR},
    {"start", TASK_HAS_START},
    {"rawlink", TASK_HAS_RAWLINK},
    {"unlink", TASK_HAS_RAWLINK},
    {"get", TASK_HAS_GET},
    {"ready", TASK_HAS_GET},
    {"join", TASK_HAS_JOIN},
};
#define HOOKS Py_ARRAY_LENGTH(hooks)

static PyObject *plain[HOOKS]; /* owned; the attributes of Task_Type itself */

task_traits green_task_plain;

#define TRAITS 32
static task_traits known[TRAITS];

int
green_task_stack_limit(PyObject *limit)
{
    int overflow;
    long value = PyLong_AsLongAndOverflow(limit, &overflow);
    if (overflow > 0 || value > INT_MAX) {
        return INT_MAX;
    }
    if (value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
    }
    return value < 0 ? 0 : (int)value;
}

static int
traits_limit(PyTypeObject *type)
{
    PyObject *limit = PyObject_GetAttrString((PyObject *)type, "spawning_stack_limit");
    if (limit == NULL) {
        PyErr_Clear();
        return 0;
    }
    int value = green_task_stack_limit(limit);
    Py_DECREF(limit);
    return value;
}

static task_traits
traits_make(PyTypeObject *type)
{
    task_traits found = {.type = type};
    for (size_t i = 0; i < HOOKS; i++) {
        PyObject *hook = PyObject_GetAttrString((PyObject *)type, hooks[i].name);
        if (hook == NULL) {
            PyErr_Clear();
        }
        found.overrides |= hook == plain[i] ? 0 : hooks[i].flag;
        Py_XDECREF(hook);
    }
    found.stack_limit = traits_limit(type);
    found.tag = type->tp_version_tag; /* the look-ups have given the type a version */
    return found;
}

const task_traits *
green_task_traits_find(PyTypeObject *type)
{
    unsigned int tag = type->tp_version_tag;
    task_traits *place = &known[tag % TRAITS];
    if (tag != 0 && place->tag == tag && place->type == type) {
        return place;
    }
    task_traits found = traits_make(type);
    place = type == Task_Type ? &green_task_plain : &known[found.tag % TRAITS];
    *place = found;
    return place;
}

int
green_task_traits_exec(void)
{
    for (size_t i = 0; i < HOOKS; i++) {
        plain[i] = PyObject_GetAttrString((PyObject *)Task_Type, hooks[i].name);
        if (plain[i] == NULL) {
            return -1;
        }
    }
    return 0;
}
