/* Looks up names of Python modules that C code needs now and then: at each use, as Python code
   does. When the interpreter ends, it empties sys.modules before the last destructors run, so the
   names of modules that were imported are kept for these. */
#ifndef GREEN_GREENLET_NAME_H
#define GREEN_GREENLET_NAME_H

#include <Python.h>

/* Returns what `module` calls `name` (new reference), or NULL with an exception. name.c has to list
   both. */
PyObject *green_name_get(const char *module, const char *name);

int green_name_exec(PyObject *module);

#endif
