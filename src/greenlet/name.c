#include "greenlet/name.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static struct {
    const char *module, *name;
    PyObject *kept; /* owned; NULL before the interpreter's end, and for modules that were not
                       imported by then */
} names[] = {
    {"_signal", "set_wakeup_fd", NULL},
    {"_socket", "gaierror", NULL},
    {"collections", "deque", NULL},
    {"greencore._core", "async_", NULL},
    {"greencore._core", "check", NULL},
    {"greencore._core", "child", NULL},
    {"greencore._core", "fork", NULL},
    {"greencore._core", "idle", NULL},
    {"greencore._core", "io", NULL},
    {"greencore._core", "prepare", NULL},
    {"greencore._core", "signal", NULL},
    {"greencore._core", "stat", NULL},
    {"greencore._core", "timer", NULL},
    {"greencore._shutdown", "leave", NULL},
    {"greencore._shutdown", "shutdown", NULL},
    {"greencore.greenlet", "FailureSpawnedLink", NULL},
    {"greencore.greenlet", "SpawnedLink", NULL},
    {"greencore.greenlet", "SuccessSpawnedLink", NULL},
    {"greencore.hub", "Hub", NULL},
    {"greencore.lock", "DummySemaphore", NULL},
    {"greencore.pool", "PoolFull", NULL},
    {"greencore.queue", "Empty", NULL},
    {"greencore.queue", "Full", NULL},
    {"greencore.queue", "ShutDown", NULL},
    {"greencore.queue", "_Conditions", NULL},
    {"greencore.socket", "_resolve_addr", NULL},
    {"greencore.timeout", "Timeout", NULL},
    {"heapq", "heapify", NULL},
    {"posix", "stat", NULL},
};

PyObject *
green_name_get(const char *module, const char *name)
{
    bool listed = false;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i].name, name) == 0 && strcmp(names[i].module, module) == 0) {
            if (names[i].kept != NULL) {
                return Py_NewRef(names[i].kept);
            }
            listed = true;
            break;
        }
    }
    assert(listed);
    (void)listed;
    PyObject *found = PyImport_ImportModule(module);
    PyObject *value = found == NULL ? NULL : PyObject_GetAttrString(found, name);
    Py_XDECREF(found);
    return value;
}

/* Returns the module if it was imported, by this name or by gevent's for the same one. Borrowed;
   NULL without an exception. */
static PyObject *
name_find_module(const char *module)
{
    static const char package[] = "greencore.";
    PyObject *modules = PyImport_GetModuleDict();            /* borrowed */
    PyObject *found = PyDict_GetItemString(modules, module); /* borrowed */
    size_t length = sizeof(package) - 1;
    if (found == NULL && strncmp(module, package, length) == 0) {
        PyObject *name = PyUnicode_FromFormat("gevent.%s", module + length);
        found = name == NULL ? NULL : PyDict_GetItem(modules, name); /* borrowed */
        Py_XDECREF(name);
        PyErr_Clear();
    }
    return found;
}

/* Keep the names of all modules that were imported. This is a function of atexit, because those run
   while all modules are still there. */
static PyObject *
name_keep(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *module = name_find_module(names[i].module);
        if (module != NULL && names[i].kept == NULL) {
            names[i].kept = PyObject_GetAttrString(module, names[i].name);
            if (names[i].kept == NULL) {
                PyErr_Clear(); /* the program has deleted it: whoever needs it will be told */
            }
        }
    }
    Py_RETURN_NONE;
}

static PyMethodDef keep_def = {"_keep_names", name_keep, METH_NOARGS, NULL};

int
green_name_exec(PyObject *Py_UNUSED(module))
{
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *keep = PyCFunction_New(&keep_def, NULL);
    PyObject *done = atexit && keep ? PyObject_CallMethod(atexit, "register", "O", keep) : NULL;
    Py_XDECREF(keep);
    Py_XDECREF(atexit);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
