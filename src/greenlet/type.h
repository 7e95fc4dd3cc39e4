/* Makes types, under the names that their modules go by: gevent's where greencore answers to
   these. */
#ifndef GREEN_GREENLET_TYPE_H
#define GREEN_GREENLET_TYPE_H

#include <Python.h>

/* Returns the name that greencore's module `name`, of `length` bytes, goes by. New reference, or
   NULL with an exception. */
PyObject *green_module_name(const char *name, Py_ssize_t length);

/* Make a type as PyType_FromModuleAndSpec does. The name in the spec is
   "greencore.<module>.<type>"; the type goes by the name that the module goes by. New reference, or
   NULL with an exception. */
PyObject *green_type_new(PyObject *module, const PyType_Spec *spec, PyObject *bases);

/* Make an exception type as PyErr_NewExceptionWithDoc does, with a `name` as above. New reference,
   or NULL with an exception. */
PyObject *green_type_new_exception(const char *name, const char *doc, PyObject *base);

#endif
