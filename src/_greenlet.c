/* The extension greenlet._greenlet: what greenlet/_names.py has, in a shared library by the name
   that memory profilers look for among those that are loaded, before they follow greenlets. */
#include <Python.h>
#include <string.h>

static int
greenlet_exec(PyObject *module)
{
    const char *name = PyModule_GetName(module);
    if (name == NULL) {
        return -1;
    }
    const char *dot = strrchr(name, '.'); /* it is always inside a package */
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

static PyModuleDef_Slot greenlet_slots[] = {
    {Py_mod_exec, greenlet_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef greenlet_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_greenlet",
    .m_slots = greenlet_slots,
};

PyMODINIT_FUNC PyInit__greenlet(void); /* the interpreter finds it by its name */

PyMODINIT_FUNC
PyInit__greenlet(void)
{
    return PyModuleDef_Init(&greenlet_module);
}
