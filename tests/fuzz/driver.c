/* libFuzzer's targets: each input goes to fuzz_one() of the Python module that FUZZ_TARGET names,
   which raises where something is wrong. The module `_fuzzed` gives those modules what C files
   have for each other alone. */
#include <Python.h>
#include <ares.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/resolver_pointer.h"

/* (packet) -> the host, or c-ares' status */
static PyObject *
parse_pointer(PyObject *module, PyObject *packet)
{
    (void)module;
    char *data, *host;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(packet, &data, &size) < 0) {
        return NULL;
    }
    unsigned char *copy = malloc(size ? size : 1); /* no byte behind it may be read */
    if (copy == NULL) {
        return PyErr_NoMemory();
    }
    memcpy(copy, data, size);
    int status = green_pointer_parse(copy, (int)size, &host);
    free(copy);
    if (status != ARES_SUCCESS) {
        return PyLong_FromLong(status);
    }
    PyObject *result = PyBytes_FromString(host);
    ares_free_string(host);
    return result;
}

/* (text) -> the name to ask for, or None */
static PyObject *
pointer_name(PyObject *module, PyObject *text)
{
    (void)module;
    char name[GREEN_POINTER_NAME_SIZE];
    const char *data = PyUnicode_AsUTF8(text);
    if (data == NULL) {
        return NULL;
    }
    if (green_pointer_name(data, name) < 0) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString(name);
}

/* (a sockaddr's bytes) -> the address as Python writes it; the kernel fills at least its family's
 * struct */
static PyObject *
write_address(PyObject *module, PyObject *bytes)
{
    (void)module;
    char *data;
    Py_ssize_t size;
    struct sockaddr_storage address = {0};
    if (PyBytes_AsStringAndSize(bytes, &data, &size) < 0) {
        return NULL;
    }
    if (size > (Py_ssize_t)sizeof(address)) {
        size = sizeof(address);
    }
    memcpy(&address, data, size);
    return green_address_new((struct sockaddr *)&address, (socklen_t)size);
}

static PyMethodDef methods[] = {
    {"parse_pointer", parse_pointer, METH_O, NULL},
    {"pointer_name", pointer_name, METH_O, NULL},
    {"write_address", write_address, METH_O, NULL},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_fuzzed",
    .m_size = -1,
    .m_methods = methods,
};

static PyObject *
make_module(void)
{
    return PyModule_Create(&definition);
}

static PyObject *fuzz_one;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (PyImport_AppendInittab("_fuzzed", make_module) < 0) {
        abort();
    }
    Py_Initialize();
    PyObject *module = PyImport_ImportModule("fuzzed");
    fuzz_one = module == NULL ? NULL : PyObject_GetAttrString(module, "fuzz_one");
    if (fuzz_one == NULL) {
        PyErr_Print();
        abort();
    }
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    PyObject *done = PyObject_CallFunction(
        fuzz_one, "N", PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)size));
    if (done == NULL) {
        PyErr_Print();
        abort();
    }
    Py_DECREF(done);
    return 0;
}
