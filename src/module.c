/* The extension greencore._core, for one interpreter. Each part of each layer has a function that
   fills the module with what is its own. */
#include <Python.h>
#include <stdbool.h>
#include "greenlet/arrival.h"
#include "greenlet/asyncio.h"
#include "greenlet/capi.h"
#include "greenlet/greenlet.h"
#include "greenlet/name.h"
#include "greenlet/pystate.h"
#include "greenlet/stacksize.h"
#include "greenlet/thread.h"
#include "greenlet/trace.h"
#include "http/http.h"
#include "hub/file.h"
#include "hub/hub.h"
#include "hub/other_threads.h"
#include "hub/sleep.h"
#include "hub/wait.h"
#include "loop/callback.h"
#include "loop/errors.h"
#include "loop/fork.h"
#include "loop/loop.h"
#include "loop/watcher.h"
#include "net/pollset.h"
#include "net/process.h"
#include "net/rawsocket.h"
#include "net/readiness.h"
#include "net/resolver.h"
#include "net/select.h"
#include "net/socket.h"
#include "net/threadpool.h"
#include "switch/swap.h"
#include "sync/sync.h"
#include "task/task.h"
#include "websocket/connection.h"
#include "websocket/writer.h"

/* The parts are in the order of the layers: each may use what those before it have made. */
static int (*const parts[])(PyObject *module) = {
    green_name_exec,      green_thread_exec,        green_trace_exec,      green_arrival_exec,
    green_stacksize_exec, green_greenlet_exec,      green_capi_exec,       green_asyncio_exec,
    green_errors_exec,    green_loop_exec,          green_callback_exec,   green_watcher_exec,
    green_wait_exec,      green_hub_exec,           green_hub_thread_exec, green_fork_exec,
    green_file_exec,      green_other_threads_exec, green_sleep_exec,      green_sync_exec,
    green_task_exec,      green_socket_exec,        green_rawsocket_exec,  green_pollset_exec,
    green_select_exec,    green_readiness_exec,     green_threadpool_exec, green_process_exec,
    green_resolver_exec,  green_writer_exec,        green_connection_exec, green_http_exec,
};

static PyObject *first; /* owned for good: the module, whose types are for the whole process */
static bool finalized;

static void
core_finalize(void)
{
    finalized = true;
}

/* Whether a free-threaded build runs without the interpreter lock. It was told to then: otherwise
   the import would have turned the lock on. -1 with an exception. */
static int
core_lacks_lock(void)
{
#ifdef Py_GIL_DISABLED
    PyObject *ask = PySys_GetObject("_is_gil_enabled"); /* borrowed */
    PyObject *answer = ask == NULL ? PyErr_Format(PyExc_RuntimeError, "lost sys._is_gil_enabled")
                                   : PyObject_CallNoArgs(ask);
    int locked = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return locked < 0 ? -1 : !locked;
#else
    return 0;
#endif
}

static int
core_exec(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "greencore can't be used in a subinterpreter");
        return -1;
    }
    if (finalized) {
        PyErr_SetString(PyExc_ImportError,
                        "greencore can't be used again after the interpreter was finalized");
        return -1;
    }
    if (first != NULL) {
        /* The module was removed from sys.modules and is imported again: it gets the same objects
           under the same names. */
        return PyDict_Update(PyModule_GetDict(module), PyModule_GetDict(first));
    }
    if (green_swap_shadow_stack_active()) {
        PyErr_SetString(PyExc_ImportError,
                        "greencore can't switch stacks under a shadow stack (CET or "
                        "GCS); run without it: GLIBC_TUNABLES=glibc.cpu.x86_shstk=off");
        return -1;
    }
    int lacks_lock = core_lacks_lock();
    if (lacks_lock != 0) {
        if (lacks_lock > 0) {
            PyErr_SetString(PyExc_ImportError,
                            "greencore needs the global interpreter lock, which PYTHON_GIL=0 or "
                            "-X gil=0 keeps off: run without that");
        }
        return -1;
    }
    if (green_pystate_probe() < 0) {
        return -1;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i](module) < 0) {
            return -1;
        }
    }
    if (Py_AtExit(core_finalize) < 0) {
        PyErr_SetString(PyExc_ImportError, "greencore: no room left for an exit function");
        return -1;
    }
    first = Py_NewRef(module);
    return 0;
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "greencore._core",
    .m_doc = "The C part of greencore.",
    .m_slots = core_slots,
};

PyMODINIT_FUNC PyInit__core(void); /* no header has it: the interpreter finds it by its name */

PyMODINIT_FUNC
PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
