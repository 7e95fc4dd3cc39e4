/* What the hub's greenlet does: it runs the loop, and raises in the main greenlet what nobody else
   is there for. */
#include "greenlet/error.h"
#include "greenlet/name.h"
#include "hub/hub.h"
#include "hub/other_threads.h"

static PyObject *
hub_loop_exit(HubObject *self)
{
    PyObject *waiting = PyObject_CallMethod((PyObject *)self, "_describe_waiting", NULL);
    if (waiting == NULL) {
        return NULL;
    }
    PyObject *exc = PyObject_CallFunction(green_exc_LoopExit, "sOO",
                                          "This operation would block forever", self, waiting);
    Py_DECREF(waiting);
    return exc;
}

/* Ends this process with `exc` (stolen), which cannot be raised in the main greenlet: that is the
   parent process's. Returns -1, with an exception, if that fails. */
static int
hub_leave_process(PyObject *exc)
{
    PyObject *leave = green_name_get("greencore._shutdown", "leave");
    PyObject *done = leave == NULL ? NULL : PyObject_CallOneArg(leave, exc);
    Py_XDECREF(leave);
    Py_XDECREF(done);
    Py_DECREF(exc);
    return -1;
}

/* Raises `exc` (stolen) in the main greenlet, and then what is thrown into the hub there meanwhile.
   Returns 0 when somebody waits again, so that the hub goes on. Returns -1 with an exception that
   is for the hub itself (GreenletExit, so HubDestroyed, too), or where there is no way to the main
   greenlet. */
static int
hub_raise_in_main(HubObject *self, PyObject *exc)
{
    while (!PyErr_GivenExceptionMatches(exc, green_exc_GreenletExit)) {
        if (green_greenlet_stale(self->base.parent)) {
            return hub_leave_process(exc);
        }
        PyObject *got = green_greenlet_throw(self->base.parent, exc);
        if (got != NULL) {
            Py_DECREF(got);
            return 0;
        }
        exc = green_error_take();
        if (PyErr_GivenExceptionMatches(exc, green_exc_error)) {
            break; /* the main greenlet cannot be reached */
        }
    }
    green_error_raise(exc);
    return -1;
}

/* Runs the loop, or what stands in for it. Returns whether there is more to come; -1 with an
   exception. */
static int
hub_run_loop(HubObject *self, LoopObject *loop)
{
    if (self->stand_in == NULL) {
        return green_loop_run(loop, false, false);
    }
    PyObject *stand_in = Py_NewRef(self->stand_in);
    PyObject *more = PyObject_CallMethod(stand_in, "run", NULL);
    Py_DECREF(stand_in);
    int truth = more == NULL ? -1 : PyObject_IsTrue(more);
    Py_XDECREF(more);
    return truth;
}

PyObject *
green_hub_run(HubObject *self, PyObject *Py_UNUSED(ignored))
{
    if (green_thread_self == NULL || green_thread_self->current != &self->base) {
        PyErr_SetString(PyExc_AssertionError, "Hub.run() is for the hub itself to call");
        return NULL;
    }
    PyObject *started =
        PyObject_CallMethod((PyObject *)self, "start_periodic_monitoring_thread", NULL);
    Py_XDECREF(started);
    if (started == NULL && hub_raise_in_main(self, green_error_take()) < 0) {
        return NULL;
    }
    bool wait_on = false;
    while (self->loop != NULL) {
        LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)self->loop);
        green_loop_set_handler(loop, (PyObject *)self);
        green_timer look_again;
        green_other_threads_init_timer(&look_again);
        if (wait_on && !green_loop_destroyed(loop)) {
            green_other_threads_start_timer(&look_again, loop);
        }
        int more = hub_run_loop(self, loop);
        green_loop_set_handler(loop, NULL);
        bool destroyed = green_loop_destroyed(loop);
        green_loop_stop_timer(loop, &look_again);
        Py_DECREF(loop);
        wait_on = more == 0 && !destroyed && green_other_threads_may_wake(self->base.parent);
        if (wait_on || (more >= 0 && destroyed)) {
            continue; /* if destroyed: the hub ends, or its next run raises in who waits */
        }
        PyObject *exc = more < 0 ? NULL : hub_loop_exit(self);
        if (hub_raise_in_main(self, exc == NULL ? green_error_take() : exc) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

/* Runs the hub. One that ends without destroy() leaves its loop to the next one. */
PyObject *
green_hub_body(GreenletObject *self)
{
    PyObject *result = NULL, *thrown = green_error_take();
    if (thrown == NULL || hub_raise_in_main((HubObject *)self, thrown) == 0) {
        result = PyObject_CallMethod((PyObject *)self, "run", NULL);
    }
    if (((HubObject *)self)->loop != NULL) {
        PyObject *error = green_error_take();
        PyObject *done = PyObject_CallMethod((PyObject *)self, "_leave_loop", NULL);
        if (done == NULL) {
            PyErr_WriteUnraisable((PyObject *)self);
        }
        Py_XDECREF(done);
        green_error_raise(error);
    }
    return result;
}
