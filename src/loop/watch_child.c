/* child watchers. A child's end is seen on its pidfd, which leaves SIGCHLD and its handler to the
   program. Where the kernel has no pidfds, for stopped or continued children (trace), and for any
   child (pid 0), waitpid is asked at each SIGCHLD. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/fd.h"
#include "loop/signals.h"
#include "loop/watcher.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

typedef struct ChildWatcherObject {
    WatcherObject base;
    green_fd_interest interest;
    green_signal signal; /* SIGCHLD, where a pidfd will not do */
    int pidfd;           /* -1: none */
    int pid;
    int rpid; /* the child whose status waitpid has told last */
    int rstatus;
    bool trace;
} ChildWatcherObject;

/* Asks waitpid for the status. Returns whether there was one. */
static bool
childwatcher_reap(ChildWatcherObject *self)
{
    int status, flags = WNOHANG | (self->trace ? WUNTRACED | WCONTINUED : 0);
    pid_t pid;
    do {
        pid = waitpid(self->pid ? self->pid : -1, &status, flags);
    } while (pid < 0 && errno == EINTR);
    if (pid < 0 && errno == ECHILD && self->pid) {
        /* Somebody else has waited for the child: its end is all that is known. */
        pid = self->pid;
        status = 0;
    }
    if (pid <= 0) {
        return false;
    }
    self->rpid = pid;
    self->rstatus = status;
    return true;
}

static void
childwatcher_fire(green_fd_interest *interest, int revents)
{
    ChildWatcherObject *self = GREEN_CONTAINER(interest, ChildWatcherObject, interest);
    if (!(revents & GREEN_FD_CLOSED)) {
        green_watcher_push(&self->base);
    }
}

static void
childwatcher_fire_signal(green_signal *signal)
{
    green_watcher_push(&GREEN_CONTAINER(signal, ChildWatcherObject, signal)->base);
}

static int
childwatcher_start(WatcherObject *watcher)
{
    ChildWatcherObject *self = (ChildWatcherObject *)watcher;
    if (self->pid != 0 && !self->trace) {
        self->pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
        if (self->pidfd >= 0) {
            return green_fd_start(watcher->loop, &self->interest, self->pidfd, 0);
        }
        if (errno == ESRCH) {
            green_watcher_push(watcher); /* it has ended, and somebody else waited for it */
            return 0;
        }
    }
    if (green_signal_start(watcher->loop, &self->signal) < 0) {
        return -1;
    }
    green_watcher_push(watcher); /* the child may have ended before the handler was there */
    return 0;
}

static void
childwatcher_stop(WatcherObject *watcher)
{
    ChildWatcherObject *self = (ChildWatcherObject *)watcher;
    green_fd_stop(watcher->loop, &self->interest);
    if (self->pidfd >= 0) {
        close(self->pidfd);
        self->pidfd = -1;
    }
    green_signal_stop(&self->signal);
}

static bool
childwatcher_due(WatcherObject *watcher)
{
    ChildWatcherObject *self = (ChildWatcherObject *)watcher;
    if (!childwatcher_reap(self)) {
        return false;
    }
    if (self->pid != 0 && (WIFEXITED(self->rstatus) || WIFSIGNALED(self->rstatus))) {
        /* The child has no more to say. As in gevent, the watcher stays active until stopped. */
        green_fd_stop(watcher->loop, &self->interest);
        green_signal_stop(&self->signal); /* at the next one, waitpid knows no such child */
    }
    return true;
}

static const green_watcher_kind childwatcher_kind = {
    .start = childwatcher_start, .stop = childwatcher_stop, .due = childwatcher_due, .uv = true};

static PyObject *
childwatcher_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"loop", "pid", "trace", "ref", NULL};
    PyObject *loop;
    int pid, trace = 0, ref = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oi|pp", keywords, &loop, &pid, &trace, &ref)) {
        return NULL;
    }
    ChildWatcherObject *self =
        (ChildWatcherObject *)green_watcher_new(type, &childwatcher_kind, loop, ref, NULL);
    if (self != NULL) {
        self->pid = pid;
        self->trace = trace;
        self->pidfd = -1;
        green_list_init(&self->interest.link);
        self->interest.events = GREEN_READ;
        self->interest.ref = false;
        self->interest.fire = childwatcher_fire;
        self->signal.number = SIGCHLD;
        self->signal.fire = childwatcher_fire_signal;
    }
    return (PyObject *)self;
}

static PyMemberDef childwatcher_members[] = {
    {"pid", T_INT, offsetof(ChildWatcherObject, pid), READONLY, "The child; 0: any."},
    {"rpid", T_INT, offsetof(ChildWatcherObject, rpid), 0, "Whose status rstatus is."},
    {"rstatus", T_INT, offsetof(ChildWatcherObject, rstatus), 0, "As os.waitpid() gives it."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot childwatcher_slots[] = {
    {Py_tp_doc,
     "child(loop, pid, trace=False, ref=True)\n--\n\nFires when the child has ended (with trace, "
     "also when it stops or goes on), having waited\nfor it."},
    {Py_tp_new, childwatcher_new},
    {Py_tp_members, childwatcher_members},
    {0, NULL},
};

static PyType_Spec childwatcher_spec = {
    .name = "greencore._core.child",
    .basicsize = sizeof(ChildWatcherObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = childwatcher_slots,
};

int
green_watch_child_exec(PyObject *module)
{
    return green_watcher_add_type(module, &childwatcher_spec) == NULL ? -1 : 0;
}
