/* The extension greenlet._greenlet has what greenlet/_names.py has. It is a shared library because
   memory profilers look for one of this name among those that are loaded, before they follow
   greenlets. */
#include <Python.h>
#include <string.h>

/* Take over the names of the module `_names` beside this one. 0, or -1 with an exception. */
static int
greenlet_load(PyObject *module)
{
    const char *name = PyModule_GetName(module);
    if (name == NULL) {
        return -1;
    }
    const char *dot = strrchr(name, '.'); /* the module is always inside a package */
    PyObject *package = PyUnicode_FromStringAndSize(name, dot - name);
    PyObject *wanted = package == NULL ? NULL : PyUnicode_FromFormat("%U._names", package);
    Py_XDECREF(package);
    PyObject *names = wanted == NULL ? NULL : PyImport_Import(wanted);
    Py_XDECREF(wanted);
    int result =
        names == NULL ? -1 : PyDict_Merge(PyModule_GetDict(module), PyModule_GetDict(names), 0);
    Py_XDECREF(names);
    return result;
}

static struct PyModuleDef greenlet_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_greenlet",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__greenlet(void); /* no header has it: the interpreter finds it by its name */

/* The module is initialized in one phase, so that sys.modules has it only once it is whole: a
   profiler may look into it at any time. */
PyMODINIT_FUNC
PyInit__greenlet(void)
{
    PyObject *module = PyModule_Create(&greenlet_module);
    if (module != NULL && greenlet_load(module) < 0) {
        Py_CLEAR(module);
    }
#ifdef Py_GIL_DISABLED
    if (module != NULL) {
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_USED);
    }
#endif
    return module;
}
