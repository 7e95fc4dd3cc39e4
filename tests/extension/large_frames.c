/* C code that knows nothing of greenlets or of the interpreter's limits, and takes much stack. */
#include <Python.h>
#include <string.h>

/* Fill a frame of SIZE bytes, call, and look whether it is still as it was. */
#define FRAME(name, size)                                                                          \
    static __attribute__((noinline)) PyObject *name(PyObject *Py_UNUSED(module), PyObject *args)   \
    {                                                                                              \
        unsigned char frame[size];                                                                 \
        PyObject *callback;                                                                        \
        int mark;                                                                                  \
        if (!PyArg_ParseTuple(args, "Oi", &callback, &mark)) {                                     \
            return NULL;                                                                           \
        }                                                                                          \
        memset(frame, mark, sizeof(frame));                                                        \
        PyObject *result = PyObject_CallNoArgs(callback);                                          \
        for (size_t i = 0; result != NULL && i < sizeof(frame); i++) {                             \
            if (((volatile unsigned char *)frame)[i] != (unsigned char)mark) {                     \
                Py_CLEAR(result);                                                                  \
                PyErr_Format(PyExc_SystemError, "byte %zu of a frame has changed", i);             \
            }                                                                                      \
        }                                                                                          \
        return result;                                                                             \
    }

FRAME(half_a_mib, 512 << 10)
FRAME(two_mib, 2 << 20)

static PyMethodDef functions[] = {
    {"half_a_mib", half_a_mib, METH_VARARGS, "half_a_mib(callback, mark)"},
    {"two_mib", two_mib, METH_VARARGS, "two_mib(callback, mark)"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef large_frames = {
    PyModuleDef_HEAD_INIT, "large_frames", NULL, -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit_large_frames(void)
{
    return PyModule_Create(&large_frames);
}
