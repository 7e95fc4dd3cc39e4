#include "hub/other_threads.h"

#include "hub/wait.h"

/* The time between two looks whether other threads are still there, ns. */
#define LOOK_INTERVAL 20000000

static bool heeds_threads = true;

bool
green_other_threads_may_wake(const GreenletObject *main)
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
look_again(green_timer *Py_UNUSED(timer))
{
}

void
green_other_threads_init_timer(green_timer *timer)
{
    green_timer_init(timer, look_again, false);
}

void
green_other_threads_start_timer(green_timer *timer, LoopObject *loop)
{
    green_loop_start_timer(loop, timer, green_time_now() + LOOK_INTERVAL);
}

static PyObject *
other_threads_heed(PyObject *Py_UNUSED(module), PyObject *flag)
{
    int heed = PyObject_IsTrue(flag);
    if (heed < 0) {
        return NULL;
    }
    heeds_threads = heed;
    Py_RETURN_NONE;
}

static PyMethodDef other_threads_functions[] = {
    {"heed_threads", other_threads_heed, METH_O,
     "heed_threads(flag)\n--\n\n"
     "Whether the main greenlet goes on waiting, without LoopExit, while other native threads\n"
     "may end its wait. So by default."},
    {NULL, NULL, 0, NULL},
};

int
green_other_threads_exec(PyObject *module)
{
    return PyModule_AddFunctions(module, other_threads_functions);
}
