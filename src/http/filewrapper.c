#include "http/filewrapper.h"

#include <structmember.h>
#include <sys/stat.h>
#include "greenlet/type.h"

PyTypeObject *FileWrapper_Type;

/* Whether the current exception means that a file has no descriptor, as one in memory, or no
   position, as a socket. */
static bool
error_means_none(void)
{
    return PyErr_ExceptionMatches(PyExc_OSError) || PyErr_ExceptionMatches(PyExc_AttributeError) ||
           PyErr_ExceptionMatches(PyExc_TypeError) || PyErr_ExceptionMatches(PyExc_ValueError);
}

static int
filewrapper_position(FileWrapperObject *self, Py_ssize_t *offset)
{
    PyObject *position = PyObject_CallMethod(self->filelike, "tell", NULL);
    *offset = position == NULL ? -1 : PyNumber_AsSsize_t(position, PyExc_OverflowError);
    Py_XDECREF(position);
    return *offset == -1 && PyErr_Occurred() ? -1 : 0;
}

int
green_filewrapper_find(FileWrapperObject *self, int *fd, Py_ssize_t *offset, Py_ssize_t *count)
{
    struct stat status;
    *fd = PyObject_AsFileDescriptor(self->filelike);
    if (*fd < 0 || filewrapper_position(self, offset) < 0) {
        if (!error_means_none()) {
            return -1;
        }
        PyErr_Clear();
        return 0;
    }
    if (fstat(*fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        return 0;
    }
    *count = status.st_size > *offset ? (Py_ssize_t)status.st_size - *offset : 0;
    return 1;
}

static PyObject *
filewrapper_next(PyObject *op)
{
    FileWrapperObject *self = (FileWrapperObject *)op;
    PyObject *data = PyObject_CallMethod(self->filelike, "read", "n", self->block_size);
    int any = data == NULL ? -1 : PyObject_IsTrue(data);
    if (any <= 0) {
        Py_CLEAR(data);
    }
    return data;
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\nClose the file, if it has a close().");

static PyObject *
filewrapper_close(PyObject *op, PyObject *Py_UNUSED(unused))
{
    PyObject *close = PyObject_GetAttrString(((FileWrapperObject *)op)->filelike, "close");
    if (close == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    PyObject *done = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return done;
}

static PyObject *
filewrapper_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"filelike", "block_size", NULL};
    PyObject *filelike;
    Py_ssize_t block_size = 64 * 1024;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|n:FileWrapper", keywords, &filelike,
                                     &block_size)) {
        return NULL;
    }
    if (block_size <= 0) {
        PyErr_SetString(PyExc_ValueError, "block_size must be positive");
        return NULL;
    }
    FileWrapperObject *self = (FileWrapperObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->filelike = Py_NewRef(filelike);
        self->block_size = block_size;
    }
    return (PyObject *)self;
}

static int
filewrapper_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((FileWrapperObject *)op)->filelike);
    return 0;
}

static int
filewrapper_clear(PyObject *op)
{
    Py_SETREF(((FileWrapperObject *)op)->filelike, Py_NewRef(Py_None));
    return 0;
}

static void
filewrapper_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_XDECREF(((FileWrapperObject *)op)->filelike);
    type->tp_free(op);
    Py_DECREF(type);
}

static PyMethodDef filewrapper_methods[] = {
    {"close", filewrapper_close, METH_NOARGS, close_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef filewrapper_members[] = {
    {"filelike", T_OBJECT, offsetof(FileWrapperObject, filelike), READONLY, PyDoc_STR("The file.")},
    {"block_size", T_PYSSIZET, offsetof(FileWrapperObject, block_size), READONLY,
     PyDoc_STR("Bytes that are read at once, where the kernel can't copy.")},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot filewrapper_slots[] = {
    {Py_tp_doc,
     "FileWrapper(filelike, block_size=65536)\n--\n\n"
     "A file as an answer's body: wsgi.file_wrapper.\n\n"
     "A regular file is sent by sendfile(2), from its position on; anything else is read,\n"
     "`block_size` bytes at a time. close() closes the file."},
    {Py_tp_new, filewrapper_new},
    {Py_tp_dealloc, filewrapper_dealloc},
    {Py_tp_traverse, filewrapper_traverse},
    {Py_tp_clear, filewrapper_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, filewrapper_next},
    {Py_tp_methods, filewrapper_methods},
    {Py_tp_members, filewrapper_members},
    {0, NULL},
};

static PyType_Spec filewrapper_spec = {
    .name = "greencore.pywsgi.FileWrapper",
    .basicsize = sizeof(FileWrapperObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = filewrapper_slots,
};

int
green_filewrapper_exec(PyObject *module)
{
    FileWrapper_Type = (PyTypeObject *)green_type_new(NULL, &filewrapper_spec, NULL);
    return FileWrapper_Type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "FileWrapper", (PyObject *)FileWrapper_Type);
}
