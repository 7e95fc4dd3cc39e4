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

/* Find the descriptor of a regular file, the offset of its next byte and the count of those left.
   Returns 1; 0 if it is no regular file; -1 with an exception. */
int green_filewrapper_find(FileWrapperObject *self, int *fd, Py_ssize_t *offset, Py_ssize_t *count);

int green_filewrapper_exec(PyObject *module);

#endif
