/* wsgi.file_wrapper: a file as an answer's body, which the kernel copies where it can. */
#ifndef GREEN_HTTP_FILEWRAPPER_H
#define GREEN_HTTP_FILEWRAPPER_H

#include <Python.h>
#include <stdbool.h>

typedef struct FileWrapperObject {
    PyObject_HEAD
    PyObject *filelike;
    Py_ssize_t block_size;
} FileWrapperObject;

extern PyTypeObject *FileWrapper_Type;

/* A regular file's descriptor, where the next byte is and how many there are. 1; 0: it is no such
   file; -1 with an exception. */
int green_filewrapper_find(FileWrapperObject *self, int *fd, Py_ssize_t *offset, Py_ssize_t *count);

int green_filewrapper_exec(PyObject *module);

#endif
