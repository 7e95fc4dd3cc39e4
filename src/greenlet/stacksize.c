#include "greenlet/stacksize.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "greenlet/greenlet.h"

/* Returns `size`, raised to the least size on which the interpreter can be kept safe. */
static size_t
stacksize_clamp(size_t size)
{
    return size < green_pystate_stack_min ? green_pystate_stack_min : size;
}

/* Returns the bytes that a Python int asks for, or -1 with an exception. */
static Py_ssize_t
stacksize_of(PyObject *value)
{
    Py_ssize_t size = PyNumber_AsSsize_t(value, PyExc_ValueError);
    if (size == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (size <= 0 || (size_t)size > GREEN_STACK_SIZE_MAX) {
        PyErr_Format(PyExc_ValueError, "a stack size is between 1 and %zu bytes, not %zd",
                     GREEN_STACK_SIZE_MAX, size);
        return -1;
    }
    return size;
}

/* Make `size` the default by choice: a stack has this size or is not made, however little room
   there is. */
static void
stacksize_choose(size_t size)
{
    green_stack_set_default(stacksize_clamp(size), GREEN_STACK_SIZE_MAX);
}

#define MAIN_SIZE ((size_t)8 << 20)

/* Make the default as large as the main thread's stack, which C libraries and the interpreter count
   on; where there is no room for so much, stacks are smaller. */
static void
stacksize_follow_main(void)
{
    struct rlimit limit;
    size_t size = MAIN_SIZE;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size = limit.rlim_cur < GREEN_STACK_SIZE_MAX ? limit.rlim_cur : GREEN_STACK_SIZE_MAX;
    }
    green_stack_set_default(stacksize_clamp(size), green_pystate_stack_min);
}

/* Warn that stacks are smaller than the default. This is a pending call, which the interpreter
   makes where Python code may run. `arg` is the size in KiB. */
static int
stacksize_warn(void *arg)
{
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "address space is limited: greenlets get stacks of %zu KiB instead of %zu "
                         "KiB, and smaller ones as it runs out",
                         (size_t)(uintptr_t)arg, green_stack_get_default() >> 10) < 0) {
        PyErr_WriteUnraisable(NULL);
    }
    return 0;
}

static void
stacksize_tell(size_t size)
{
    static bool told;
    if (!told) {
        told = Py_AddPendingCall(stacksize_warn, (void *)(uintptr_t)(size >> 10)) == 0;
    }
}

PyObject *
green_stacksize_get(PyObject *op, void *Py_UNUSED(closure))
{
    const GreenletObject *self = (GreenletObject *)op;
    if (self->stack_kib == 0) {
        Py_RETURN_NONE;
    }
    return PyLong_FromSize_t((size_t)self->stack_kib << 10);
}

int
green_stacksize_set(PyObject *op, PyObject *value, void *Py_UNUSED(closure))
{
    GreenletObject *self = (GreenletObject *)op;
    if (self->status != GREEN_UNSTARTED) {
        PyErr_SetString(PyExc_AttributeError,
                        "stack_size cannot be set after the start of the greenlet");
        return -1;
    }
    if (value == NULL || value == Py_None) {
        self->stack_kib = 0;
        return 0;
    }
    Py_ssize_t size = stacksize_of(value);
    if (size < 0) {
        return -1;
    }
    self->stack_kib = (uint32_t)(stacksize_clamp((size_t)size) >> 10);
    return 0;
}

static PyObject *
stacksize_module_set(PyObject *Py_UNUSED(module), PyObject *value)
{
    if (value == Py_None) {
        stacksize_follow_main();
        Py_RETURN_NONE;
    }
    Py_ssize_t size = stacksize_of(value);
    if (size < 0) {
        return NULL;
    }
    stacksize_choose((size_t)size);
    Py_RETURN_NONE;
}

static PyObject *
stacksize_module_get(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromSize_t(green_stack_get_default());
}

static PyObject *
stacksize_module_fail_mapping(PyObject *Py_UNUSED(module), PyObject *value)
{
    long n = PyLong_AsLong(value);
    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    green_stack_fail_after(n);
    Py_RETURN_NONE;
}

/* Bytes below this frame that are kept, because the calls made from it need them. */
#define SHED_MARGIN 4096

static PyObject *
stacksize_module_shed(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    GreenletObject *current = green_greenlet_current();
    if (current == NULL) {
        return NULL;
    }
    green_stack *stack = green_greenlet_stack(current);
    if (stack != NULL) {
        const char *here = __builtin_frame_address(0);
        if (here - stack->limit > SHED_MARGIN) {
            green_stack_shed(stack, here - SHED_MARGIN, stack->data + stack->data_size);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *
stacksize_module_count(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(unused))
{
    green_stack_counts counts;
    green_stack_counts_get(&counts);
    return PyLong_FromSize_t(counts.live);
}

static PyMethodDef stacksize_functions[] = {
    {"shed_stack", stacksize_module_shed, METH_NOARGS,
     "shed_stack()\n--\n\nGive back the memory that deeper calls of the running greenlet have "
     "used: "
     "worth it after such\na call, before a long wait."},
    {"_fail_mapping", stacksize_module_fail_mapping, METH_O,
     "_fail_mapping(n)\n--\n\nFor tests: the n-th call from now that maps memory for stacks fails; "
     "0: "
     "none."},
    {"set_stack_size", stacksize_module_set, METH_O,
     "set_stack_size(size)\n--\n\nThe bytes of machine stack that greenlets get from now on; None: "
     "as many as the main thread\nhas. Too small a size is raised to what the interpreter needs."},
    {"count_greenlets", stacksize_module_count, METH_NOARGS,
     "count_greenlets()\n--\n\nHow many greenlets are alive with a stack of their own, of all "
     "threads."},
    {"get_stack_size", stacksize_module_get, METH_NOARGS,
     "get_stack_size()\n--\n\nThe bytes of machine stack that greenlets get."},
    {NULL, NULL, 0, NULL},
};

/* Returns the bytes that `text` stands for, a number with an optional unit (64K, 1mb), or 0 where
   it is no size. */
static size_t
stacksize_parse(const char *text)
{
    static const char units[] = "KMG";
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    const char *unit = *end == '\0' ? NULL : strchr(units, *end & ~0x20);
    int shift = unit == NULL ? 0 : 10 * (int)(unit - units + 1);
    const char *rest = unit == NULL ? end : end + 1;
    if (unit != NULL && (*rest & ~0x20) == 'B') {
        rest++;
    }
    if (end == text || *rest != '\0' || number > GREEN_STACK_SIZE_MAX >> shift) {
        return 0;
    }
    return (size_t)number << shift;
}

int
green_stacksize_exec(PyObject *module)
{
    green_stack_on_shrink(stacksize_tell);
    stacksize_follow_main();
    const char *text = getenv("GREENCORE_STACK_SIZE");
    if (text != NULL && *text != '\0') {
        size_t size = stacksize_parse(text);
        if (size == 0) {
            PyErr_Format(PyExc_ImportError,
                         "GREENCORE_STACK_SIZE is no size: %s (bytes, or with K, M or G)", text);
            return -1;
        }
        stacksize_choose(size);
    }
    return PyModule_AddFunctions(module, stacksize_functions);
}
