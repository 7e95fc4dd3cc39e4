/* A file that greenlets wait on, and the ways to close one. */
#include "hub/file.h"

#include <errno.h>
#include <unistd.h>

#include "greenlet/type.h"
#include "hub/hub.h"

PyObject *green_exc_cancel_wait;

typedef struct green_fd_wait {
    green_fd_interest interest;
    green_waiter waiter;
    PyObject *error; /* owned; why the wait was cancelled, or NULL */
} green_fd_wait;

static void
wait_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    green_wake(&GREEN_CONTAINER(interest, green_fd_wait, interest)->waiter);
}

static int
wait_run(green_fd_wait *wait, green_file *file, double seconds)
{
    LoopObject *loop = wait->waiter.loop;
    if (green_fd_start(loop, &wait->interest, file->fd, file->owner) < 0) {
        green_waiter_cancel(&wait->waiter);
        return -1;
    }
    Py_INCREF(loop);
    int status = green_wait(&wait->waiter, seconds);
    green_fd_stop(loop, &wait->interest);
    Py_DECREF(loop);
    if (status >= 0 && wait->interest.revents & GREEN_FD_CLOSED) {
        PyErr_SetNone(green_exc_cancel_wait);
        status = -1;
    } else if (status >= 0 && wait->error != NULL) {
        if (PyExceptionClass_Check(wait->error)) {
            PyErr_SetNone(wait->error);
        } else {
            PyErr_SetObject((PyObject *)Py_TYPE(wait->error), wait->error);
        }
        status = -1;
    }
    Py_CLEAR(wait->error);
    return status < 0 ? -1 : wait->interest.revents;
}

int
green_file_wait(green_file *file, int events, double seconds, const char *verb, PyObject *object)
{
    green_fd_wait *other = events & GREEN_READ && file->reading ? file->reading : NULL;
    if (events & GREEN_WRITE && file->writing) {
        other = file->writing;
    }
    if (other != NULL && !green_greenlet_stale(other->waiter.greenlet)) {
        PyErr_Format(green_exc_ConcurrentObjectUseError,
                     "This socket is already used by another greenlet: %R", other->waiter.greenlet);
        return -1;
    }
    green_fd_wait wait = {.interest = {.events = events, .ref = file->ref, .fire = wait_fire}};
    green_list_init(&wait.interest.link);
    if (green_waiter_init(&wait.waiter, verb, object) < 0) {
        return -1;
    }
    wait.interest.greenlet = wait.waiter.greenlet;
    if (events & GREEN_READ) {
        file->reading = &wait;
    }
    if (events & GREEN_WRITE) {
        file->writing = &wait;
    }
    int revents = wait_run(&wait, file, seconds);
    if (file->reading == &wait) {
        file->reading = NULL;
    }
    if (file->writing == &wait) {
        file->writing = NULL;
    }
    return revents;
}

static void
wait_cancel(green_fd_wait *wait, PyObject *error)
{
    if (wait != NULL && wait->waiter.status == GREEN_PARKED) {
        Py_INCREF(error);
        Py_XSETREF(wait->error, error);
        green_wake(&wait->waiter);
    }
}

void
green_file_cancel(green_file *file, int events, PyObject *error)
{
    if (events & GREEN_READ) {
        wait_cancel(file->reading, error);
    }
    if (events & GREEN_WRITE) {
        wait_cancel(file->writing, error);
    }
}

void
green_file_closing(green_file *file)
{
    HubObject *hub = green_hub_peek();
    if (file->fd >= 0 && hub != NULL && hub->loop != NULL) {
        green_fd_closed(hub->loop, file->fd);
    }
    file->fd = -1;
    /* This reaches those in other threads. */
    green_file_cancel(file, GREEN_READ | GREEN_WRITE, green_exc_cancel_wait);
}

/* Stops the interest of a wait in this thread, before somebody else does with the descriptor what
   they like. */
static void
wait_leave(green_fd_wait *wait, LoopObject *here)
{
    if (wait != NULL && wait->waiter.loop == here) {
        green_fd_stop(here, &wait->interest);
    }
}

void
green_file_leaving(green_file *file)
{
    HubObject *hub = green_hub_peek();
    if (file->fd >= 0 && hub != NULL && hub->loop != NULL) {
        wait_leave(file->reading, hub->loop);
        wait_leave(file->writing, hub->loop);
        green_fd_disown(hub->loop, file->fd, file->owner);
    }
    file->fd = -1;
    green_file_cancel(file, GREEN_READ | GREEN_WRITE, green_exc_cancel_wait);
}

/* ---- os.close ---- */

/* Tells the running thread's loop, if there is one, that a descriptor is about to be closed. False:
   it must stay open. */
static bool
file_closing_here(int number)
{
    const HubObject *hub = green_hub_peek();
    return hub == NULL || hub->loop == NULL || green_loop_destroyed(hub->loop) ||
           green_fd_closing(hub->loop, number);
}

static PyObject *
file_os_close(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", NULL};
    int number;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:close", names, &number)) {
        return NULL;
    }
    if (!file_closing_here(number)) {
        Py_RETURN_NONE;
    }
    int code;
    Py_BEGIN_ALLOW_THREADS;
    code = close(number);
    Py_END_ALLOW_THREADS;
    return code < 0 ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_None);
}

static PyObject *
file_os_closing(PyObject *Py_UNUSED(module), PyObject *arg)
{
    int number;
    if (!PyArg_Parse(arg, "i:os_closing", &number)) {
        return NULL;
    }
    return PyBool_FromLong(file_closing_here(number));
}

static PyMethodDef file_functions[] = {
    {"os_close", (PyCFunction)(void (*)(void))file_os_close, METH_VARARGS | METH_KEYWORDS,
     "os_close(fd)\n--\n\n"
     "Close a descriptor as os.close does; greenlets that wait for it get OSError (EBADF).\n\n"
     "Those that the hub has opened for itself stay open: a program that becomes a daemon\n"
     "closes all that it finds."},
    {"os_closing", file_os_closing, METH_O,
     "os_closing(fd, /)\n--\n\n"
     "A descriptor is about to be closed: greenlets that wait for it get OSError (EBADF).\n"
     "Returns False, and does nothing, for those that are to stay open: the hub's own."},
    {NULL, NULL, 0, NULL},
};

/* ---- the exception ---- */

/* Sets the arguments of the exception, which are always the same, whatever it is called with. */
static int
cancel_wait_init(PyObject *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs))
{
    PyObject *args = Py_BuildValue("(is)", EBADF, "File descriptor was closed in another greenlet");
    if (args == NULL) {
        return -1;
    }
    int result = ((PyTypeObject *)PyExc_OSError)->tp_init(self, args, NULL);
    Py_DECREF(args);
    return result;
}

PyDoc_STRVAR(cancel_wait_doc, "The OSError (EBADF) in a greenlet that waits for a descriptor which "
                              "another greenlet closes.");

static PyType_Slot cancel_wait_slots[] = {
    {Py_tp_init, cancel_wait_init},
    {Py_tp_doc, (char *)cancel_wait_doc},
    {0, NULL},
};

static PyType_Spec cancel_wait_spec = {
    .name = "greencore.socket.cancel_wait_ex",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = cancel_wait_slots,
};

int
green_file_exec(PyObject *module)
{
    green_exc_cancel_wait = green_type_new(NULL, &cancel_wait_spec, PyExc_OSError);
    if (green_exc_cancel_wait == NULL ||
        PyModule_AddObjectRef(module, "cancel_wait_ex", green_exc_cancel_wait) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, file_functions);
}
