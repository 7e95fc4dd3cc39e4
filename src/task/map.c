#include "task/map.h"

#include "task/group.h"
#include "task/task.h"

static PyObject *name_get; /* interned */

/* Call spawn(func, item) for each item. Returns what these calls returned, as a new list, or NULL
   with an exception. */
static PyObject *
map_spawn(PyObject *spawn, PyObject *func, PyObject *iterable)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    PyObject *tasks = iterator == NULL ? NULL : PyList_New(0);
    PyObject *item;
    while (tasks != NULL && (item = PyIter_Next(iterator)) != NULL) {
        PyObject *stack[] = {NULL, func, item};
        PyObject *task =
            green_group_call_spawn(spawn, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET);
        if (task == NULL || PyList_Append(tasks, task) < 0) {
            Py_CLEAR(tasks);
        }
        Py_XDECREF(task);
        Py_DECREF(item);
    }
    Py_XDECREF(iterator);
    if (tasks != NULL && PyErr_Occurred()) {
        Py_CLEAR(tasks);
    }
    return tasks;
}

static PyObject *
map_get(PyObject *task)
{
    if (Task_Check(task) && !(green_task_traits(Py_TYPE(task))->overrides & TASK_HAS_GET)) {
        return green_task_get((TaskObject *)task, NULL);
    }
    return PyObject_CallMethodNoArgs(task, name_get);
}

PyDoc_STRVAR(map_doc,
             "spawn_map(spawn, func, iterable)\n--\n\n"
             "The list of spawn(func, item).get() for the items: all are spawned before the first\n"
             "result is waited for. Raises the first error in the order of the items.");

static PyObject *
map_function(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *spawn, *func, *iterable;
    if (!PyArg_ParseTuple(args, "OOO:spawn_map", &spawn, &func, &iterable)) {
        return NULL;
    }
    PyObject *list = map_spawn(spawn, func, iterable);
    for (Py_ssize_t i = 0; list != NULL && i < PyList_GET_SIZE(list); i++) {
        PyObject *result = map_get(PyList_GET_ITEM(list, i));
        if (result == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SetItem(list, i, result); /* in place of its task */
        }
    }
    return list;
}

static PyMethodDef map_functions[] = {
    {"spawn_map", map_function, METH_VARARGS, map_doc},
    {NULL, NULL, 0, NULL},
};

int
green_task_map_exec(PyObject *module)
{
    name_get = PyUnicode_InternFromString("get");
    return name_get == NULL ? -1 : PyModule_AddFunctions(module, map_functions);
}
