/* Names of Python modules that C code needs now and then. They are looked up at each use, as Python
   code does. When the interpreter ends, it empties sys.modules before the last destructors run, so
   names of imported modules are kept then. */
#ifndef GREEN_GREENLET_NAME_H
#define GREEN_GREENLET_NAME_H

#include <Python.h>

/* What `module` calls `name`: new reference, or NULL with an exception. name.c lists both. */
PyObject *green_name_get(const char *module, const char *name);

int green_name_exec(PyObject *module);

#endif
