#include "hub/patience.h"

#include "hub/wait.h"

/* ns between looks whether other threads are still there */
#define PATIENCE 20000000

static bool heeds_threads = true;

bool
green_patience_helps(const GreenletObject *main)
{
    const green_waiter *parked = main->flow->waiting;
    if (!heeds_threads || parked == NULL || !parked->open) {
        return false;
    }
    int others = -1 - green_threads_idle;
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    for (PyThreadState *ts = PyInterpreterState_ThreadHead(interpreter); ts != NULL;
         ts = PyThreadState_Next(ts)) {
        others++;
    }
    return others > 0;
}

static void
patience_ends(green_timer *Py_UNUSED(timer))
{
}

void
green_patience_init(green_timer *timer)
{
    green_timer_init(timer, patience_ends, false);
}

void
green_patience_start(green_timer *timer, LoopObject *loop)
{
    green_loop_start_timer(loop, timer, green_time_now() + PATIENCE);
}

static PyObject *
patience_heed_threads(PyObject *Py_UNUSED(module), PyObject *flag)
{
    int heed = PyObject_IsTrue(flag);
    if (heed < 0) {
        return NULL;
    }
    heeds_threads = heed;
    Py_RETURN_NONE;
}

static PyMethodDef patience_functions[] = {
    {"heed_threads", patience_heed_threads, METH_O,
     "heed_threads(flag)\n--\n\n"
     "Whether the main greenlet goes on waiting, without LoopExit, while other native threads\n"
     "may end its wait. So by default."},
    {NULL, NULL, 0, NULL},
};

int
green_patience_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, patience_functions);
}
