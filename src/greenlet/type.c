#include "greenlet/type.h"

#include <string.h>

PyObject *
green_module_name(const char *name, Py_ssize_t length)
{
    PyObject *alias = PyImport_ImportModule("_greencore_alias");
    PyObject *ours = alias == NULL ? NULL : PyUnicode_FromStringAndSize(name, length);
    PyObject *known = ours == NULL ? NULL : PyObject_CallMethod(alias, "name_of", "O", ours);
    Py_XDECREF(ours);
    Py_XDECREF(alias);
    return known;
}

/* Returns "greencore.<module>.<type>" with the name that the module goes by. The caller frees it by
   PyMem_Free; NULL with an exception. */
static char *
type_name(const char *name)
{
    const char *last = strrchr(name, '.');
    PyObject *module = green_module_name(name, last - name);
    PyObject *full = module == NULL ? NULL : PyUnicode_FromFormat("%U%s", module, last);
    Py_XDECREF(module);
    const char *text = full == NULL ? NULL : PyUnicode_AsUTF8(full);
    char *copy = NULL;
    if (text != NULL) {
        size_t size = strlen(text) + 1;
        copy = PyMem_Malloc(size);
        if (copy == NULL) {
            PyErr_NoMemory();
        } else {
            memcpy(copy, text, size);
        }
    }
    Py_XDECREF(full);
    return copy;
}

PyObject *
green_type_new(PyObject *module, const PyType_Spec *spec, PyObject *bases)
{
    PyType_Spec named = *spec;
    char *name = type_name(spec->name);
    if (name == NULL) {
        return NULL;
    }
    named.name = name;
    PyObject *type = PyType_FromModuleAndSpec(module, &named, bases);
    if (type == NULL || PY_VERSION_HEX >= 0x030B0000) {
        PyMem_Free(name); /* CPython 3.10's types keep the pointer, so there it is never freed, as
                             the types are not */
    }
    return type;
}

PyObject *
green_type_new_exception(const char *name, const char *doc, PyObject *base)
{
    char *full = type_name(name);
    PyObject *type = full == NULL ? NULL : PyErr_NewExceptionWithDoc(full, doc, base, NULL);
    PyMem_Free(full);
    return type;
}
