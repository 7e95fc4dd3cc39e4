#include "net/readiness.h"

#include "greenlet/type.h"
#include "hub/file.h"

typedef struct {
    PyObject_HEAD
    green_file file; /* file.fd is -1 once closed */
} ReadinessObject;

static PyObject *
readiness_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"fd", NULL};
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:Readiness", keywords, &fd)) {
        return NULL;
    }
    ReadinessObject *self = (ReadinessObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->file = (green_file){.fd = fd, .owner = green_fd_owner_new(), .ref = true};
    }
    return (PyObject *)self;
}

static void
readiness_dealloc(ReadinessObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    green_file_leaving(&self->file);
    type->tp_free(self);
    Py_DECREF(type);
}

PyDoc_STRVAR(close_doc,
             "close($self, /)\n--\n\n"
             "The descriptor is about to be closed: greenlets that wait get cancel_wait_ex.");

static PyObject *
readiness_close(ReadinessObject *self, PyObject *Py_UNUSED(unused))
{
    green_file_closing(&self->file);
    Py_RETURN_NONE;
}

static PyObject *
readiness_wait(ReadinessObject *self, int events, const char *verb)
{
    if (green_file_wait(&self->file, events, -1, verb, (PyObject *)self) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(wait_read_doc,
             "wait_read($self, /)\n--\n\n"
             "Wait until it can be read. Raises ConcurrentObjectUseError while another greenlet\n"
             "does, cancel_wait_ex when it is closed.");

static PyObject *
readiness_wait_read(ReadinessObject *self, PyObject *Py_UNUSED(unused))
{
    return readiness_wait(self, GREEN_READ, "read");
}

PyDoc_STRVAR(wait_write_doc, "wait_write($self, /)\n--\n\n"
                             "Wait until it can be written to. Raises as wait_read().");

static PyObject *
readiness_wait_write(ReadinessObject *self, PyObject *Py_UNUSED(unused))
{
    return readiness_wait(self, GREEN_WRITE, "write");
}

static PyMethodDef readiness_methods[] = {
    {"close", (PyCFunction)readiness_close, METH_NOARGS, close_doc},
    {"wait_read", (PyCFunction)readiness_wait_read, METH_NOARGS, wait_read_doc},
    {"wait_write", (PyCFunction)readiness_wait_write, METH_NOARGS, wait_write_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(readiness_doc,
             "Readiness(fd)\n--\n\n"
             "Waiting for a descriptor on behalf of whoever has it open, and says so "
             "before it is closed. One greenlet at a time in each direction: another "
             "gets ConcurrentObjectUseError.");

static PyType_Slot readiness_slots[] = {
    {Py_tp_new, readiness_new},
    {Py_tp_dealloc, readiness_dealloc},
    {Py_tp_methods, readiness_methods},
    {Py_tp_doc, (char *)readiness_doc},
    {0, NULL},
};

static PyType_Spec readiness_spec = {
    .name = "greencore._core.Readiness",
    .basicsize = sizeof(ReadinessObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = readiness_slots,
};

int
green_readiness_exec(PyObject *module)
{
    PyObject *type = green_type_new(NULL, &readiness_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "Readiness", type);
    Py_DECREF(type);
    return result;
}
