/* libFuzzer's target: each input goes to fuzz_one() of requests.py, which raises where something is
   wrong. The interpreter, the extension (built in, instrumented) and the fuzzer are one program. */
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>

PyMODINIT_FUNC PyInit__core(void);

static PyObject *fuzz_one;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (PyImport_AppendInittab("_fuzzed_core", PyInit__core) < 0) {
        abort();
    }
    Py_Initialize();
    PyObject *module = PyImport_ImportModule("requests_target");
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
