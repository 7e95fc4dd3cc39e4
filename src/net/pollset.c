#include "net/pollset.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "greenlet/type.h"
#include "loop/fd.h"
#include "loop/fork.h"

/* Whether the number is an epoll instance's: a program that closes all descriptors, to become a
   daemon, closes this one, too, and may have given the number to another file. */
static bool
set_is_open(const green_pollset *set)
{
    struct epoll_event event;
    return set->fd >= 0 &&
           (epoll_wait(set->fd, &event, 1, 0) >= 0 || (errno != EBADF && errno != EINVAL));
}

void
green_pollset_close(green_pollset *set)
{
    if (set_is_open(set)) {
        close(set->fd);
    }
    PyMem_Free(set->watched);
    *set = GREEN_POLLSET_NEW;
}

int
green_pollset_begin(green_pollset *set)
{
    if (set->stale || set->forks != green_forks || !set_is_open(set)) {
        green_pollset_close(set);
        set->forks = green_forks;
        set->fd = epoll_create1(EPOLL_CLOEXEC);
        if (set->fd < 0) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
    }
    return 0;
}

/* Returns the entry of a descriptor; NULL without memory. */
static green_watched *
watched_get(green_pollset *set, int fd)
{
    if ((size_t)fd >= set->size) {
        size_t size = set->size ? set->size : 64;
        while (size <= (size_t)fd) {
            size *= 2;
        }
        green_watched *watched = PyMem_Realloc(set->watched, size * sizeof(*watched));
        if (watched == NULL) {
            return NULL;
        }
        memset(watched + set->size, 0, (size - set->size) * sizeof(*watched));
        set->watched = watched;
        set->size = size;
    }
    return &set->watched[fd];
}

static int
set_control(const green_pollset *set, int operation, int fd, int events)
{
    struct epoll_event event = {.data.fd = fd};
    event.events = (events & GREEN_READ ? EPOLLIN | EPOLLRDHUP : 0) |
                   (events & GREEN_WRITE ? EPOLLOUT : 0) | (events & GREEN_PRIORITY ? EPOLLPRI : 0);
    return epoll_ctl(set->fd, operation, fd, &event) < 0 ? errno : 0;
}

/* An instance that already watches the descriptor's file says so (EEXIST). Where it had to be added
   though it was watched, the descriptor was closed meanwhile. The instance goes on watching the
   file it had then where that is open by another number or in another process. */
int
green_pollset_watch(green_pollset *set, int fd, int events, uint32_t index)
{
    if (fd < 0) {
        return EBADF;
    }
    green_watched *watched = (size_t)fd < set->size ? &set->watched[fd] : NULL;
    int error = set_control(set, EPOLL_CTL_ADD, fd, events);
    if (watched != NULL && watched->on && error != EEXIST) {
        set->stale = true;
        watched->on = false;
    }
    if (error == EEXIST && (watched == NULL || watched->events != events)) {
        error = set_control(set, EPOLL_CTL_MOD, fd, events);
    }
    if (error != 0 && error != EEXIST) {
        return error;
    }
    watched = watched_get(set, fd);
    if (watched == NULL) {
        set->stale = true;
        return ENOMEM;
    }
    *watched = (green_watched){.index = index, .events = (uint8_t)events, .on = true};
    return 0;
}

void
green_pollset_forget(green_pollset *set, int fd)
{
    if (fd >= 0 && (size_t)fd < set->size && set->watched[fd].on && set->forks == green_forks) {
        set->watched[fd].on = false;
        set->stale = set->stale || set_control(set, EPOLL_CTL_DEL, fd, 0) != 0;
    }
}

int
green_pollset_read(green_pollset *set, size_t count,
                   bool (*tell)(uint32_t index, int fd, int events, void *data), void *data)
{
    int room = count > INT_MAX / 16 ? INT_MAX / 16 : (int)count;
    struct epoll_event *ready = PyMem_New(struct epoll_event, (size_t)room);
    if (ready == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    int found = epoll_wait(set->fd, ready, room, 0);
    for (int i = 0; i < found; i++) {
        const green_watched *watched = &set->watched[ready[i].data.fd];
        uint32_t seen = ready[i].events;
        int events = (seen & (EPOLLIN | EPOLLRDHUP) ? GREEN_READ : 0) |
                     (seen & EPOLLOUT ? GREEN_WRITE : 0) | (seen & EPOLLPRI ? GREEN_PRIORITY : 0);
        if (seen & (EPOLLERR | EPOLLHUP)) {
            events = GREEN_READ | GREEN_WRITE | GREEN_PRIORITY;
        }
        if (!watched->on || !tell(watched->index, ready[i].data.fd, events, data)) {
            set->stale = true;
        }
    }
    PyMem_Free(ready);
    return 0;
}

/* ---- the Python object ---- */

PyTypeObject *PollSet_Type;

static PyObject *
pollset_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, ":PollSet", keywords)) {
        return NULL;
    }
    PollSetObject *self = (PollSetObject *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->set = GREEN_POLLSET_NEW;
    }
    return (PyObject *)self;
}

static void
pollset_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    green_pollset_close(&((PollSetObject *)op)->set);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(forget_doc, "forget($self, fd, /)\n--\n\n"
                         "Watch descriptor `fd` no longer; nothing where it is not watched.");

static PyObject *
pollset_forget(PyObject *op, PyObject *number)
{
    int fd = PyObject_AsFileDescriptor(number);
    if (fd < 0) {
        return NULL;
    }
    green_pollset_forget(&((PollSetObject *)op)->set, fd);
    Py_RETURN_NONE;
}

static PyMethodDef pollset_methods[] = {
    {"forget", pollset_forget, METH_O, forget_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(pollset_doc,
             "PollSet()\n--\n\n"
             "What wait_any() keeps from one wait to the next: the kernel goes on watching the\n"
             "descriptors between the waits.");

static PyType_Slot pollset_slots[] = {
    {Py_tp_doc, (void *)pollset_doc},
    {Py_tp_new, pollset_new},
    {Py_tp_dealloc, pollset_dealloc},
    {Py_tp_methods, pollset_methods},
    {0, NULL},
};

static PyType_Spec pollset_spec = {
    .name = "greencore._core.PollSet",
    .basicsize = sizeof(PollSetObject),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = pollset_slots,
};

int
green_pollset_exec(PyObject *module)
{
    PollSet_Type = (PyTypeObject *)green_type_new(module, &pollset_spec, NULL);
    return PollSet_Type == NULL ? -1 : PyModule_AddType(module, PollSet_Type);
}
