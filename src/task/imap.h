/* The iterators of imap and imap_unordered. */
#ifndef GREEN_TASK_IMAP_H
#define GREEN_TASK_IMAP_H

#include <Python.h>

int green_imap_exec(PyObject *module);

#endif
