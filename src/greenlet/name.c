#include "greenlet/name.h"

#include <assert.h>
#include <string.h>

typedef struct {
    const char *module, *name;
    PyObject *kept; /* owned; NULL before the interpreter's end, and for modules that were not
                       imported by then */
} kept_name;

static kept_name names[] = {
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
    {"greencore.greenlet", "Greenlet", NULL},
    {"greencore.greenlet", "SpawnedLink", NULL},
    {"greencore.greenlet", "SuccessSpawnedLink", NULL},
    {"greencore.hub", "Hub", NULL},
    {"greencore.hub", "signal", NULL},
    {"greencore.lock", "DummySemaphore", NULL},
    {"greencore.lock", "Semaphore", NULL},
    {"greencore.pool", "Pool", NULL},
    {"greencore.pool", "PoolFull", NULL},
    {"greencore.queue", "Empty", NULL},
    {"greencore.queue", "Full", NULL},
    {"greencore.queue", "ShutDown", NULL},
    {"greencore.queue", "_Conditions", NULL},
    {"greencore.socket", "_resolve_addr", NULL},
    {"greencore.thread", "native_ident", NULL},
    {"greencore.timeout", "Timeout", NULL},
    {"heapq", "heapify", NULL},
    {"posix", "stat", NULL},
};

/* Returns the entry of the list, or NULL. */
static kept_name *
name_find(const char *module, const char *name)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(names); i++) {
        if (strcmp(names[i].name, name) == 0 && strcmp(names[i].module, module) == 0) {
            return &names[i];
        }
    }
    return NULL;
}

PyObject *
green_name_get(const char *module, const char *name)
{
    const kept_name *listed = name_find(module, name);
    assert(listed != NULL);
    if (listed->kept != NULL) {
        return Py_NewRef(listed->kept);
    }
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

PyDoc_STRVAR(
    lookup_doc,
    "lookup(module, name, /)\n--\n\n"
    "Return what `module` calls `name`, as an import in a function does, and at the interpreter's\n"
    "end, too, when nothing can be imported. src/greenlet/name.c lists all such names.\n\n"
    "Raises ImportError, AttributeError; ValueError for a name that is not listed.");

static PyObject *
name_lookup(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *module, *name;
    if (!PyArg_ParseTuple(args, "ss:lookup", &module, &name)) {
        return NULL;
    }
    if (name_find(module, name) == NULL) {
        return PyErr_Format(PyExc_ValueError, "src/greenlet/name.c does not list %s.%s", module,
                            name);
    }
    return green_name_get(module, name);
}

static PyMethodDef functions[] = {
    {"lookup", name_lookup, METH_VARARGS, lookup_doc},
    {NULL, NULL, 0, NULL},
};

static PyMethodDef keep_def = {"_keep_names", name_keep, METH_NOARGS, NULL};

int
green_name_exec(PyObject *module)
{
    if (PyModule_AddFunctions(module, functions) < 0) {
        return -1;
    }
    PyObject *atexit = PyImport_ImportModule("atexit");
    PyObject *keep = PyCFunction_New(&keep_def, NULL);
    PyObject *done = atexit && keep ? PyObject_CallMethod(atexit, "register", "O", keep) : NULL;
    Py_XDECREF(keep);
    Py_XDECREF(atexit);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
