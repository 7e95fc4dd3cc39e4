/* Calls of an extension that fail when a test says so.
 *
 * watch(path, types) replaces what the extension at `path` calls of CPython, libc, libuv and c-ares
 * by the functions below, in the table its calls go through. arm() lets the first call fail that is
 * made in a place where none has failed yet; again() the first one of the last place. disarm()
 * tells what failed. A place is where the call returns to in the extension, and where its caller
 * does, DEPTH of them: what a helper calls fails once for each line that calls the helper. */
#include <Python.h>
#include <ares.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>
#include <uv.h>

/* What pthread_atfork is in libc. */
int __register_atfork(void (*a)(void), void (*b)(void), void (*c)(void), void *d);

enum { PLACES = 1 << 16, DEPTH = 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Offsets in the extension; 0 from where others' code called it. */
typedef struct {
    uintptr_t frames[DEPTH];
} place;

static place *places; /* a hash table of those where a call has failed, shared with children */
static place wanted, last;
static uintptr_t base, end; /* of the extension's code */
static const char *last_name;
static char last_frames[DEPTH * 32]; /* as text, for addr2line */
static _Atomic bool armed;
static _Atomic long closed_twice;
static int record = -1; /* a descriptor to write each failure to */

static bool
place_equal(const place *one, const place *other)
{
    return memcmp(one, other, sizeof(*one)) == 0;
}

static bool
place_is_new(const place *here)
{
    uintptr_t hash = 0;
    for (int i = 0; i < DEPTH; i++)
        hash = (hash ^ here->frames[i]) * 0x9E3779B97F4A7C15u;
    size_t i = hash >> 48;
    for (; places[i].frames[0] != 0; i = (i + 1) % PLACES) {
        if (place_equal(&places[i], here))
            return false;
    }
    places[i] = *here;
    return true;
}

typedef struct {
    uintptr_t address; /* where the call returns to: what is called from there is this file's */
    int count;
    place place;
} walk;

static _Unwind_Reason_Code
walk_frame(struct _Unwind_Context *context, void *arg)
{
    walk *walk = arg;
    uintptr_t address = _Unwind_GetIP(context);
    if (walk->count == 0 && address != walk->address)
        return _URC_NO_REASON;
    if (walk->count > 0 && (address < base || address >= end))
        return _URC_END_OF_STACK;
    walk->place.frames[walk->count++] = address - base;
    return walk->count == DEPTH ? _URC_END_OF_STACK : _URC_NO_REASON;
}

static void
frames_write(const place *here)
{
    int length = 0;
    for (int i = 0; i < DEPTH && here->frames[i] != 0; i++)
        length += snprintf(last_frames + length, sizeof(last_frames) - (size_t)length, " %#zx" + !i,
                           (size_t)here->frames[i] - 1);
}

/* Whether the call of `name` that returns to `address` is to fail. */
static bool
fails(const char *name, void *address)
{
    if (!armed)
        return false;
    walk here = {.address = (uintptr_t)address, .place = {{(uintptr_t)address - base}}};
    _Unwind_Backtrace(walk_frame, &here);
    pthread_mutex_lock(&lock);
    bool failing = armed && (wanted.frames[0] != 0 ? place_equal(&here.place, &wanted)
                                                   : place_is_new(&here.place));
    if (failing) {
        armed = false;
        last = here.place;
        last_name = name;
        frames_write(&last);
        if (record >= 0)
            dprintf(record, "%s at %s\n", name, last_frames);
    }
    pthread_mutex_unlock(&lock);
    return failing;
}

#define FUNCTION(type, name, parameters, arguments, failure)                                       \
    static type faulty_##name parameters                                                           \
    {                                                                                              \
        if (fails(#name, __builtin_return_address(0)))                                             \
            return failure;                                                                        \
        return name arguments;                                                                     \
    }
#define OBJECT(name, parameters, arguments)                                                        \
    FUNCTION(PyObject *, name, parameters, arguments, PyErr_NoMemory())
#define NUMBER(type, name, parameters, arguments)                                                  \
    FUNCTION(type, name, parameters, arguments, (PyErr_NoMemory(), (type)-1))
#define MEMORY(name, parameters, arguments) FUNCTION(void *, name, parameters, arguments, NULL)
#define SYSTEM(type, name, parameters, arguments, error)                                           \
    FUNCTION(type, name, parameters, arguments, (errno = error, (type)-1))

#include "faults.h"

#undef FUNCTION
#define FUNCTION(type, name, parameters, arguments, failure) {#name, (void *)faulty_##name},

static PyObject *
faulty_Py_BuildValue(const char *format, ...)
{
    bool failing = fails("Py_BuildValue", __builtin_return_address(0));
    va_list values;
    va_start(values, format);
    PyObject *result = Py_VaBuildValue(format, values); /* which has the references of N */
    va_end(values);
    if (failing) {
        Py_XDECREF(result);
        return PyErr_NoMemory();
    }
    return result;
}

static PyObject *
faulty_PyUnicode_FromFormat(const char *format, ...)
{
    if (fails("PyUnicode_FromFormat", __builtin_return_address(0)))
        return PyErr_NoMemory();
    va_list values;
    va_start(values, format);
    PyObject *result = PyUnicode_FromFormatV(format, values);
    va_end(values);
    return result;
}

static PyObject *
faulty_PyBytes_FromFormat(const char *format, ...)
{
    if (fails("PyBytes_FromFormat", __builtin_return_address(0)))
        return PyErr_NoMemory();
    va_list values;
    va_start(values, format);
    PyObject *result = PyBytes_FromFormatV(format, values);
    va_end(values);
    return result;
}

static PyObject *
faulty_PyTuple_Pack(Py_ssize_t count, ...)
{
    PyObject *result =
        fails("PyTuple_Pack", __builtin_return_address(0)) ? PyErr_NoMemory() : PyTuple_New(count);
    va_list values;
    va_start(values, count);
    for (Py_ssize_t i = 0; result != NULL && i < count; i++) {
        PyObject *value = va_arg(values, PyObject *);
        PyTuple_SET_ITEM(result, i, Py_NewRef(value));
    }
    va_end(values);
    return result;
}

static PyObject *
call_with(PyObject *callable, va_list values)
{
    PyObject *arguments[8];
    size_t count = 0;
    for (PyObject *value; (value = va_arg(values, PyObject *)) != NULL;)
        arguments[count++] = value;
    return PyObject_Vectorcall(callable, arguments, count, NULL);
}

static PyObject *
faulty_PyObject_CallFunctionObjArgs(PyObject *callable, ...)
{
    if (fails("PyObject_CallFunctionObjArgs", __builtin_return_address(0)))
        return PyErr_NoMemory();
    va_list values;
    va_start(values, callable);
    PyObject *result = call_with(callable, values);
    va_end(values);
    return result;
}

static PyObject *
faulty_PyObject_CallMethodObjArgs(PyObject *object, PyObject *name, ...)
{
    PyObject *method = fails("PyObject_CallMethodObjArgs", __builtin_return_address(0))
                           ? PyErr_NoMemory()
                           : PyObject_GetAttr(object, name);
    if (method == NULL)
        return NULL;
    va_list values;
    va_start(values, name);
    PyObject *result = call_with(method, values);
    va_end(values);
    Py_DECREF(method);
    return result;
}

/* Arguments by the rules of PyObject_CallFunction, which has the references of N. */
static PyObject *
arguments_of(const char *format, va_list values)
{
    if (format == NULL || *format == '\0')
        return PyTuple_New(0);
    PyObject *built = Py_VaBuildValue(format, values);
    if (built == NULL || PyTuple_Check(built))
        return built;
    PyObject *tuple = PyTuple_New(1);
    if (tuple == NULL)
        Py_DECREF(built);
    else
        PyTuple_SET_ITEM(tuple, 0, built);
    return tuple;
}

static PyObject *
faulty_PyObject_CallFunction(PyObject *callable, const char *format, ...)
{
    bool failing = fails("PyObject_CallFunction", __builtin_return_address(0));
    va_list values;
    va_start(values, format);
    PyObject *arguments = arguments_of(format, values);
    va_end(values);
    PyObject *result = failing             ? PyErr_NoMemory()
                       : arguments == NULL ? NULL
                                           : PyObject_Call(callable, arguments, NULL);
    Py_XDECREF(arguments);
    return result;
}

static PyObject *
faulty_PyObject_CallMethod(PyObject *object, const char *name, const char *format, ...)
{
    bool failing = fails("PyObject_CallMethod", __builtin_return_address(0));
    va_list values;
    va_start(values, format);
    PyObject *arguments = arguments_of(format, values);
    va_end(values);
    PyObject *method = failing             ? PyErr_NoMemory()
                       : arguments == NULL ? NULL
                                           : PyObject_GetAttrString(object, name);
    PyObject *result = method == NULL ? NULL : PyObject_Call(method, arguments, NULL);
    Py_XDECREF(method);
    Py_XDECREF(arguments);
    return result;
}

static int
faulty_PyArg_UnpackTuple(PyObject *args, const char *name, Py_ssize_t least, Py_ssize_t most, ...)
{
    if (fails("PyArg_UnpackTuple", __builtin_return_address(0)))
        return PyErr_NoMemory() != NULL;
    PyObject **places[4];
    va_list values;
    va_start(values, most);
    for (Py_ssize_t i = 0; i < most; i++)
        places[i] = va_arg(values, PyObject **);
    va_end(values);
    Py_ssize_t count = PyTuple_GET_SIZE(args);
    if (count < least || count > most) {
        PyErr_Format(PyExc_TypeError, "%s: %zd arguments", name, count);
        return 0;
    }
    for (Py_ssize_t i = 0; i < count; i++)
        *places[i] = PyTuple_GET_ITEM(args, i);
    return 1;
}

static int
faulty_PyArg_ParseTuple(PyObject *args, const char *format, ...)
{
    if (fails("PyArg_ParseTuple", __builtin_return_address(0)))
        return PyErr_NoMemory() != NULL;
    va_list values;
    va_start(values, format);
    int result = PyArg_VaParse(args, format, values);
    va_end(values);
    return result;
}

static int
faulty_PyArg_ParseTupleAndKeywords(PyObject *args, PyObject *kwargs, const char *format,
                                   char **names, ...)
{
    if (fails("PyArg_ParseTupleAndKeywords", __builtin_return_address(0)))
        return PyErr_NoMemory() != NULL;
    va_list values;
    va_start(values, names);
    int result = PyArg_VaParseTupleAndKeywords(args, kwargs, format, names, values);
    va_end(values);
    return result;
}

/* mmap is called so, and pidfd_open: six arguments do for each. */
static long
faulty_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (fails("syscall", __builtin_return_address(0))) {
        errno = ENOMEM;
        return -1;
    }
    return syscall(number, a, b, c, d, e, f);
}

/* It never fails. Closing what is not open is noted: the number may be another thread's by then. */
static int
faulty_close(int fd)
{
    int result = close(fd);
    if (result < 0 && errno == EBADF && fd >= 0) {
        closed_twice++;
        errno = EBADF;
    }
    return result;
}

static const struct {
    const char *name;
    void *function;
} functions[] = {
#define FAULTS_TABLE
#include "faults.h"
#define VARIADIC(name)                                                                             \
    {                                                                                              \
#name, (void *)faulty_##name                                                               \
    }
    VARIADIC(Py_BuildValue),
    VARIADIC(PyUnicode_FromFormat),
    VARIADIC(PyBytes_FromFormat),
    VARIADIC(PyTuple_Pack),
    VARIADIC(PyObject_CallFunctionObjArgs),
    VARIADIC(PyObject_CallMethodObjArgs),
    VARIADIC(PyObject_CallFunction),
    VARIADIC(PyObject_CallMethod),
    VARIADIC(PyArg_UnpackTuple),
    VARIADIC(PyArg_ParseTuple),
    VARIADIC(PyArg_ParseTupleAndKeywords),
    VARIADIC(syscall),
    VARIADIC(close),
};

#if defined(__x86_64__)
#define IS_ADDRESS(type) ((type) == R_X86_64_GLOB_DAT || (type) == R_X86_64_JUMP_SLOT)
#elif defined(__aarch64__)
#define IS_ADDRESS(type) ((type) == R_AARCH64_GLOB_DAT || (type) == R_AARCH64_JUMP_SLOT)
#endif

/* Put our function in place of the one that `name` means, if we have one. */
static bool
slot_replace(void **slot, const char *name)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        size_t size = strlen(functions[i].name);
        /* fstat64 is fstat where files are large. */
        if (strncmp(name, functions[i].name, size) != 0 ||
            (name[size] != '\0' && strcmp(name + size, "64") != 0))
            continue;
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *start = (void *)((uintptr_t)slot & ~(page - 1));
        if (mprotect(start, page, PROT_READ | PROT_WRITE) < 0)
            return false;
        *slot = functions[i].function;
        return true;
    }
    return false;
}

/* Note where the code of the extension ends that `base` is the start of. */
static int
end_find(struct dl_phdr_info *info, size_t Py_UNUSED(size), void *Py_UNUSED(arg))
{
    for (int i = 0; info->dlpi_addr == base && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && base + part->p_vaddr + part->p_memsz > end)
            end = base + part->p_vaddr + part->p_memsz;
    }
    return 0;
}

static PyObject *
faults_watch(PyObject *Py_UNUSED(module), PyObject *args)
{
    const char *path;
    PyObject *types;
    if (!PyArg_ParseTuple(args, "sO!i", &path, &PyList_Type, &types, &record))
        return NULL;
    struct link_map *map;
    places = mmap(NULL, PLACES * sizeof(*places), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (places == MAP_FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL || dlinfo(library, RTLD_DI_LINKMAP, &map) < 0)
        return PyErr_Format(PyExc_OSError, "%s", dlerror());
    base = map->l_addr;
    dl_iterate_phdr(end_find, NULL);
    const ElfW(Sym) *symbols = NULL;
    const char *strings = NULL;
    const ElfW(Rela) * tables[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    for (const ElfW(Dyn) *dynamic = map->l_ld; dynamic->d_tag != DT_NULL; dynamic++) {
        switch (dynamic->d_tag) {
        case DT_SYMTAB:
            symbols = (void *)dynamic->d_un.d_ptr;
            break;
        case DT_STRTAB:
            strings = (void *)dynamic->d_un.d_ptr;
            break;
        case DT_RELA:
            tables[0] = (void *)dynamic->d_un.d_ptr;
            break;
        case DT_RELASZ:
            sizes[0] = dynamic->d_un.d_val;
            break;
        case DT_JMPREL:
            tables[1] = (void *)dynamic->d_un.d_ptr;
            break;
        case DT_PLTRELSZ:
            sizes[1] = dynamic->d_un.d_val;
            break;
        }
    }
    long replaced = 0;
    for (int table = 0; table < 2; table++) {
        for (size_t i = 0; i < sizes[table] / sizeof(ElfW(Rela)); i++) {
            const ElfW(Rela) *entry = tables[table] + i;
            if (IS_ADDRESS(ELF64_R_TYPE(entry->r_info)))
                replaced += slot_replace((void **)(base + entry->r_offset),
                                         strings + symbols[ELF64_R_SYM(entry->r_info)].st_name);
        }
    }
    /* Objects are made through their types. */
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(types); i++) {
        PyTypeObject *type = (PyTypeObject *)PyList_GET_ITEM(types, i);
        if (type->tp_alloc == PyType_GenericAlloc)
            type->tp_alloc = faulty_PyType_GenericAlloc;
    }
    return PyLong_FromLong(replaced);
}

static PyObject *
faults_arm(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    wanted = (place){0};
    armed = true;
    Py_RETURN_NONE;
}

static PyObject *
faults_again(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    wanted = last;
    armed = true;
    Py_RETURN_NONE;
}

/* (name, addresses) of the call that failed since it was armed, or None. */
static PyObject *
faults_disarm(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    if (armed) {
        armed = false;
        Py_RETURN_NONE;
    }
    return Py_BuildValue("ss", last_name, last_frames);
}

/* How often the extension has closed a descriptor that was not open, since this was last asked. */
static PyObject *
faults_closed_twice(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    long count = closed_twice;
    closed_twice = 0;
    return PyLong_FromLong(count);
}

static PyMethodDef faults_methods[] = {
    {"watch", faults_watch, METH_VARARGS, NULL},
    {"arm", faults_arm, METH_NOARGS, NULL},
    {"again", faults_again, METH_NOARGS, NULL},
    {"disarm", faults_disarm, METH_NOARGS, NULL},
    {"closed_twice", faults_closed_twice, METH_NOARGS, NULL},
    {NULL},
};

static struct PyModuleDef faults_module = {PyModuleDef_HEAD_INIT, .m_name = "faults",
                                           .m_methods = faults_methods};

PyMODINIT_FUNC
PyInit_faults(void)
{
    return PyModule_Create(&faults_module);
}
