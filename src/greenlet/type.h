/* Making types, by the names that they go by: those of gevent's modules where greencore answers for
 * these. */
#ifndef GREEN_GREENLET_TYPE_H
#define GREEN_GREENLET_TYPE_H

#include <Python.h>

/* The name that our module `name` goes by, `length` bytes of it. New reference, NULL with an
 * exception. */
PyObject *green_module_name(const char *name, Py_ssize_t length);

/* As PyType_FromModuleAndSpec; the spec's name, and `name` below, is "greencore.<module>.<type>".
   New reference, NULL with an exception. */
PyObject *green_type_new(PyObject *module, const PyType_Spec *spec, PyObject *bases);

/* As PyErr_NewExceptionWithDoc. */
PyObject *green_type_new_exception(const char *name, const char *doc, PyObject *base);

#endif
