#include "hub/hub.h"

#include <structmember.h>
#include <unistd.h>

#include "greenlet/error.h"
#include "hub/fd.h"
#include "hub/interrupt.h"
#include "hub/poll.h"
#include "hub/wait.h"

/* Callbacks run here, whatever size the program's greenlets have. */
#define HUB_STACK_KIB 8192

PyTypeObject *Hub_Type;
static PyObject *hub_default_class; /* owned; NULL: greencore.hub.Hub, not looked up yet */
static PyObject *hub_switch_method; /* owned; Hub.switch as it is defined here */
static PyObject *name_switch, *name_switch_out; /* interned: others would fill the type cache */
static PyObject *zero;                          /* owned; the one int that it is */

/* ---- switching ---- */

/* A value for whoever is next in the queue is set by its turn; the hub itself gets None. */
static inline GreenletObject *
hub_choose(HubObject *hub, green_thread *thread)
{
    LoopObject *loop = hub->loop;
    if (loop != NULL) {
        GreenletObject *next = green_loop_next(loop);
        if (next != NULL) {
            return next;
        }
    }
    thread->value = Py_NewRef(Py_None);
    if (loop != NULL && loop->runner != NULL && loop->runner != thread->current &&
        green_greenlet_alive(loop->runner)) {
        return loop->runner;
    }
    GreenletObject *target = (GreenletObject *)hub;
    while (target->status == GREEN_DEAD && target->parent != NULL) {
        target = target->parent;
    }
    return target;
}

/* green_thread.next: a greenlet whose parent is the hub has ended. */
static GreenletObject *
hub_next(green_thread *thread)
{
    return hub_choose((HubObject *)thread->hub, thread);
}

/* Tools replace Hub.switch, on the class, in a subclass or on the object: then theirs is called.
   Looked up again only when the type has changed. */
GREEN_COLD static bool
hub_find_switch(HubObject *hub)
{
    PyTypeObject *type = Py_TYPE(hub);
    PyObject *method = PyObject_GetAttr((PyObject *)type, name_switch);
    if (method == NULL) {
        PyErr_Clear();
        return false;
    }
    hub->switch_replaced = hub->switch_own || method != hub_switch_method;
    hub->switch_tag = type->tp_version_tag;
    Py_DECREF(method);
    return hub->switch_replaced;
}

static inline bool
hub_switch_is_replaced(HubObject *hub)
{
    unsigned int tag = Py_TYPE(hub)->tp_version_tag;
    return GREEN_RARELY(tag == 0 || tag != hub->switch_tag) ? hub_find_switch(hub)
                                                            : hub->switch_replaced;
}

/* Types known, by version tag, to have no switch_out(), the hook that a greenlet's class may
 * define. */
static unsigned int hub_plain_tags[256];

GREEN_COLD static int
hub_find_switch_out(GreenletObject *current)
{
    PyTypeObject *type = Py_TYPE(current);
    PyObject *hook = PyObject_GetAttr((PyObject *)type, name_switch_out);
    if (hook == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return -1;
        }
        PyErr_Clear();
        unsigned int tag = type->tp_version_tag;
        hub_plain_tags[tag & 255] = tag;
        return 0;
    }
    Py_DECREF(hook);
    PyObject *done = PyObject_CallMethodNoArgs((PyObject *)current, name_switch_out);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

static inline int
hub_call_switch_out(GreenletObject *current)
{
    unsigned int tag = Py_TYPE(current)->tp_version_tag;
    return GREEN_RARELY(tag == 0 || hub_plain_tags[tag & 255] != tag) ? hub_find_switch_out(current)
                                                                      : 0;
}

static inline PyObject *
hub_switch_away(HubObject *hub)
{
    green_thread *thread = green_thread_self;
    if (__builtin_expect(thread == NULL || (PyObject *)hub != thread->hub, 0)) {
        return green_greenlet_switch((GreenletObject *)hub, Py_NewRef(Py_None));
    }
    thread->current->epoch = green_epoch;
    if (hub_call_switch_out(thread->current) < 0) {
        return NULL;
    }
    return green_greenlet_transfer(thread, hub_choose(hub, thread));
}

inline PyObject *
green_hub_switch(HubObject *hub)
{
    if (__builtin_expect(hub_switch_is_replaced(hub), 0)) {
        return PyObject_CallMethodNoArgs((PyObject *)hub, name_switch);
    }
    return hub_switch_away(hub);
}

static PyObject *
hub_switch(HubObject *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *got = hub_switch_away(self);
    green_hub_drop_kept();
    return got;
}

static PyObject *
hub_switch_out(HubObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored))
{
    PyErr_SetString(green_exc_BlockingSwitchOutError,
                    "Impossible to call blocking function in the event loop callback");
    return NULL;
}

/* ---- queued starts ---- */

/* There was no stack for it. On the hub, since whoever is told may run Python code. */
static GreenletObject *
unborn_turn(green_ready *ready)
{
    GreenletObject *g = GREEN_CONTAINER(ready, GreenletObject, ready);
    PyErr_SetString(PyExc_MemoryError, "no memory for the stack of a greenlet");
    if (g->unborn != NULL) {
        g->unborn(g);
    } else {
        green_loop_handle_error(((HubObject *)green_thread_self->hub)->loop, (PyObject *)g);
    }
    Py_DECREF(g);
    return NULL;
}

static void start_drop(green_ready *ready);

static GreenletObject *start_whose(const green_ready *ready);

static const green_ready_kind unborn_kind = {
    .turn = unborn_turn, .on_hub = true, .drop = start_drop, .whose = start_whose};

static GreenletObject *
start_turn(green_ready *ready)
{
    GreenletObject *g = GREEN_CONTAINER(ready, GreenletObject, ready);
    if (__builtin_expect(g->status != GREEN_UNSTARTED, 0)) {
        Py_DECREF(g);
        return NULL;
    }
    if (__builtin_expect(green_greenlet_begin(green_thread_self, g) < 0, 0)) {
        PyErr_Clear();
        green_ready_init(&g->ready, &unborn_kind);
        green_ready_push_front(((HubObject *)green_thread_self->hub)->loop, &g->ready);
        return NULL;
    }
    /* The value goes unused; the queue's reference travels as such, and is dropped on arrival. */
    green_thread_self->value = (PyObject *)g;
    return g;
}

static void
start_drop(green_ready *ready)
{
    Py_DECREF(GREEN_CONTAINER(ready, GreenletObject, ready));
}

static GreenletObject *
start_whose(const green_ready *ready)
{
    return GREEN_CONTAINER(ready, GreenletObject, ready);
}

static const green_ready_kind start_kind = {
    .turn = start_turn, .drop = start_drop, .whose = start_whose};

inline void
green_hub_start(HubObject *hub, GreenletObject *g)
{
    Py_INCREF(g);
    green_ready_init(&g->ready, &start_kind);
    green_ready_push(hub->loop, &g->ready);
}

/* Out of the queue again; no-op when its turn has come. */
void
green_hub_unstart(GreenletObject *g)
{
    if (green_ready_queued(&g->ready)) {
        green_ready_cancel(&g->ready);
        Py_DECREF(g);
    }
}

/* In a forked child: is it the parent's? All are but the one that forked; for the hub, in which
   handlers of signals run, this is the main one. */
static bool
hub_left(const GreenletObject *g)
{
    const green_thread *thread = green_thread_self;
    return (PyObject *)g != thread->hub && green_greenlet_left(g);
}

static PyObject *
hub_module_leave_behind(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    green_epoch++;
    HubObject *hub = (HubObject *)thread->hub;
    bool in_hub = (PyObject *)thread->current == thread->hub;
    (in_hub ? thread->main : thread->current)->epoch = green_epoch;
    if (hub == NULL || hub->loop == NULL || hub->loop->destroyed) {
        Py_RETURN_NONE;
    }
    LoopObject *loop = hub->loop;
    green_link queue;
    green_list_init(&queue);
    green_list_splice(&queue, &loop->ready);
    while (!green_list_empty(&queue)) {
        green_ready *ready = GREEN_CONTAINER(green_list_pop(&queue), green_ready, link);
        if (ready->kind->whose != NULL && hub_left(ready->kind->whose(ready))) {
            green_ready_drop(ready);
        } else {
            green_list_append(&loop->ready, &ready->link);
        }
    }
    green_timers_leave(&loop->timers, hub_left);
    green_fds_forget(loop);
    Py_RETURN_NONE;
}

/* ---- whose hub ---- */

static PyObject *
hub_class(void)
{
    if (hub_default_class == NULL) {
        PyObject *module = PyImport_ImportModule("greencore.hub");
        if (module == NULL) {
            return NULL;
        }
        if (hub_default_class == NULL) {
            hub_default_class = PyObject_GetAttrString(module, "Hub");
        }
        Py_DECREF(module);
    }
    return hub_default_class;
}

/* green_thread.leave: a thread that ends takes its hub along, and all that the loop has open. */
static void
hub_leave(green_thread *thread)
{
#if PY_VERSION_HEX >= 0x030D0000
    bool finalizing = Py_IsFinalizing();
#else
    bool finalizing = _Py_IsFinalizing();
#endif
    HubObject *hub = (HubObject *)thread->hub;
    if (finalizing || hub == NULL || hub->loop == NULL || hub->base.parent != thread->main) {
        return;
    }
    PyObject *error = green_error_take();
    Py_INCREF(hub);
    PyObject *done = PyObject_CallMethod((PyObject *)hub, "_leave_thread", NULL);
    if (done == NULL) {
        PyErr_WriteUnraisable((PyObject *)hub);
    }
    Py_XDECREF(done);
    Py_DECREF(hub);
    green_error_raise(error);
}

static void
hub_attach(green_thread *thread, PyObject *hub)
{
    PyObject *old = thread->hub;
    thread->hub = Py_XNewRef(hub);
    thread->next = hub == NULL ? NULL : hub_next;
    thread->leave = hub == NULL ? NULL : hub_leave;
    if (hub != NULL && ((HubObject *)hub)->loop != NULL) {
        ((HubObject *)hub)->loop->thread = thread;
    }
    Py_XDECREF(old);
}

static HubObject *
hub_make(green_thread *thread)
{
    PyObject *class = hub_class();
    PyObject *hub = class == NULL ? NULL : PyObject_CallNoArgs(class);
    if (hub == NULL) {
        return NULL;
    }
    if (!PyObject_TypeCheck(hub, Hub_Type) || ((HubObject *)hub)->loop == NULL) {
        PyErr_Format(PyExc_TypeError, "the hub class made %R, which is no hub with a loop", hub);
        Py_DECREF(hub);
        return NULL;
    }
    if (thread->hub == NULL) {
        hub_attach(thread, hub);
    }
    Py_DECREF(hub); /* the thread's is left */
    return (HubObject *)thread->hub;
}

GREEN_COLD HubObject *
green_hub_renew(void)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (thread != green_thread_self) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this thread is at its end: nothing in it can wait or spawn any more");
        return NULL;
    }
    hub_attach(thread, NULL);
    return hub_make(thread);
}

static PyObject *
hub_module_get_hub(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_XNewRef((PyObject *)green_hub_get());
}

static PyObject *
hub_module_get_hub_if_exists(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    PyObject *hub = (PyObject *)green_hub_peek();
    return Py_NewRef(hub ? hub : Py_None);
}

static PyObject *
hub_module_set_hub(PyObject *Py_UNUSED(module), PyObject *hub)
{
    green_thread *thread = green_thread_get();
    if (thread == NULL) {
        return NULL;
    }
    if (hub != Py_None && !PyObject_TypeCheck(hub, Hub_Type)) {
        return PyErr_Format(PyExc_TypeError, "a Hub or None is needed, not %.100s",
                            Py_TYPE(hub)->tp_name);
    }
    hub_attach(thread, hub == Py_None ? NULL : hub);
    Py_RETURN_NONE;
}

static PyObject *
hub_module_get_hub_class(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return Py_XNewRef(hub_class());
}

static PyObject *
hub_module_set_default_hub_class(PyObject *Py_UNUSED(module), PyObject *class)
{
    if (!PyCallable_Check(class)) {
        return PyErr_Format(PyExc_TypeError, "a hub class is needed, not %R", class);
    }
    Py_XSETREF(hub_default_class, Py_NewRef(class));
    Py_RETURN_NONE;
}

static PyObject *
hub_module_sleep(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs,
                 PyObject *kwnames)
{
    if (nargs == 1 && kwnames == NULL && args[0] == zero) {
        return green_wait_yield() < 0 ? NULL : Py_NewRef(Py_None);
    }
    double seconds = 0;
    int ref = 1;
    PyObject *wanted = nargs > 0 ? args[0] : NULL, *wanted_ref = nargs > 1 ? args[1] : NULL;
    Py_ssize_t nkw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    for (Py_ssize_t i = 0; i < nkw; i++) {
        PyObject *name = PyTuple_GET_ITEM(kwnames, i);
        if (wanted == NULL && PyUnicode_CompareWithASCIIString(name, "seconds") == 0) {
            wanted = args[nargs + i];
        } else if (wanted_ref == NULL && PyUnicode_CompareWithASCIIString(name, "ref") == 0) {
            wanted_ref = args[nargs + i];
        } else {
            return PyErr_Format(PyExc_TypeError, "sleep() got an unexpected argument %R", name);
        }
    }
    if (nargs > 2) {
        PyErr_SetString(PyExc_TypeError, "sleep() takes at most 2 arguments: seconds, ref");
        return NULL;
    }
    if (wanted == Py_None) {
        PyErr_SetString(PyExc_TypeError, "sleep() takes a number of seconds, not None");
        return NULL;
    }
    if ((wanted != NULL && green_wait_seconds(wanted, &seconds) < 0) ||
        (wanted_ref != NULL && (ref = PyObject_IsTrue(wanted_ref)) < 0)) {
        return NULL;
    }
    if (green_wait_sleep(seconds, ref) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
hub_module_time_sleep(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!PyNumber_Check(arg) || PyComplex_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "must be real number (integer or float), not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    double seconds = PyFloat_AsDouble(arg);
    if (seconds == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!(seconds >= 0)) { /* nor is NaN */
        PyErr_SetString(PyExc_ValueError, "sleep length must be non-negative");
        return NULL;
    }
    return green_wait_sleep(seconds, true) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
hub_module_os_close(PyObject *Py_UNUSED(module), PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", NULL};
    int fd;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i:close", names, &fd)) {
        return NULL;
    }
    HubObject *hub = green_hub_peek();
    LoopObject *loop = hub == NULL ? NULL : hub->loop;
    if (loop != NULL && !loop->destroyed && loop->poll != NULL) {
        if (green_poll_owns_fd(loop->poll, fd) || green_interrupt_owns_fd(loop, fd)) {
            Py_RETURN_NONE;
        }
        green_fd_closed(loop, fd);
    }
    int code;
    Py_BEGIN_ALLOW_THREADS;
    code = close(fd);
    Py_END_ALLOW_THREADS;
    return code < 0 ? PyErr_SetFromErrno(PyExc_OSError) : Py_NewRef(Py_None);
}

/* waiting(greenlet): (verb, object) of the wait that it is parked in, or None. For LoopExit and
   run info. */
static PyObject *
hub_module_waiting(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    green_waiter *w = ((GreenletObject *)arg)->waiting;
    if (w == NULL) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(sO)", w->verb, w->object ? w->object : Py_None);
}

/* left_behind(greenlet): whether a fork has left it in the parent process. */
static PyObject *
hub_module_left_behind(PyObject *Py_UNUSED(module), PyObject *arg)
{
    if (!Greenlet_Check(arg)) {
        return PyErr_Format(PyExc_TypeError, "a greenlet is needed, not %.100s",
                            Py_TYPE(arg)->tp_name);
    }
    const GreenletObject *g = (GreenletObject *)arg;
    const green_thread *thread = green_thread_self;
    bool runs = thread != NULL && g == thread->current;
    return PyBool_FromLong(g->status == GREEN_ACTIVE && !runs && green_greenlet_left(g));
}

/* same_thread(greenlet, other): whether both belong to one thread. */
static PyObject *
hub_module_same_thread(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "O!O!", Greenlet_Type, &a, Greenlet_Type, &b)) {
        return NULL;
    }
    return PyBool_FromLong(((GreenletObject *)a)->thread == ((GreenletObject *)b)->thread);
}

/* ---- the greenlet ---- */

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

/* The main greenlet is the parent process's: `exc` (stolen) cannot be raised there, and ends this
   process instead. Returns -1 with an exception if that fails. */
static int
hub_leave_process(PyObject *exc)
{
    PyObject *module = PyImport_ImportModule("greencore._shutdown");
    PyObject *done = module == NULL ? NULL : PyObject_CallMethod(module, "leave", "O", exc);
    Py_XDECREF(module);
    Py_XDECREF(done);
    Py_DECREF(exc);
    return -1;
}

/* Raise `exc` (stolen) in the main greenlet, and what is thrown into the hub there meanwhile, too:
   it goes on when somebody waits again. -1 with an exception that is for the hub itself:
   GreenletExit, so HubDestroyed. */
static int
hub_raise_in_main(HubObject *self, PyObject *exc)
{
    while (!PyErr_GivenExceptionMatches(exc, green_exc_GreenletExit)) {
        if (green_greenlet_left(self->base.parent)) {
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

/* ns between looks whether other threads are still there */
#define HUB_PATIENCE 20000000

static bool hub_heeds_threads = true;

/* heed_threads(flag): whether there is no LoopExit while other native threads may end the wait. */
static PyObject *
hub_module_heed_threads(PyObject *Py_UNUSED(module), PyObject *flag)
{
    int heed = PyObject_IsTrue(flag);
    if (heed < 0) {
        return NULL;
    }
    hub_heeds_threads = heed;
    Py_RETURN_NONE;
}

/* Nothing is left in the loop: may another thread end the wait of the main greenlet? */
static bool
hub_may_be_served(HubObject *self)
{
    const struct green_waiter *parked = self->base.parent->waiting;
    if (!hub_heeds_threads || parked == NULL || !parked->open) {
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
hub_look_again(green_timer *Py_UNUSED(timer))
{
}

static PyObject *
hub_run(HubObject *self, PyObject *Py_UNUSED(ignored))
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
    bool patient = false;
    while (self->loop != NULL) {
        LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)self->loop);
        Py_XSETREF(loop->error_handler, Py_NewRef((PyObject *)self));
        green_timer patience;
        green_timer_init(&patience, hub_look_again, false);
        if (patient && !loop->destroyed) {
            green_timer_start(&loop->timers, &patience, green_time_now() + HUB_PATIENCE);
        }
        int more = green_loop_run(loop, false, false);
        Py_CLEAR(loop->error_handler);
        bool destroyed = loop->destroyed;
        if (!destroyed) {
            green_timer_stop(&loop->timers, &patience);
        }
        Py_DECREF(loop);
        patient = more == 0 && !destroyed && hub_may_be_served(self);
        if (patient || (more >= 0 && destroyed)) {
            continue; /* destroyed by what it called: the hub's end, or an error for who waits */
        }
        PyObject *exc = more < 0 ? NULL : hub_loop_exit(self);
        if (hub_raise_in_main(self, exc == NULL ? green_error_take() : exc) < 0) {
            return NULL;
        }
    }
    Py_RETURN_NONE;
}

/* A hub that ends without destroy() leaves its loop to the next one. */
static PyObject *
hub_body(GreenletObject *self)
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

static PyObject *
hub_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    GreenletObject *self = (GreenletObject *)Greenlet_Type->tp_new(type, args, kwargs);
    if (self != NULL) {
        self->body = hub_body;
        self->catches = true;
        /* Whoever makes it: what ends a program is raised in the main greenlet. */
        Py_SETREF(self->parent, (GreenletObject *)Py_NewRef(green_thread_get()->main));
        self->stack_kib = HUB_STACK_KIB;
    }
    return (PyObject *)self;
}

static int
hub_setattr(PyObject *self, PyObject *name, PyObject *value)
{
    if (PyObject_GenericSetAttr(self, name, value) < 0) {
        return -1;
    }
    if (PyUnicode_Compare(name, name_switch) == 0) {
        ((HubObject *)self)->switch_own = value != NULL;
        ((HubObject *)self)->switch_tag = 0;
    }
    return 0;
}

static PyObject *
hub_get_loop(HubObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(self->loop ? (PyObject *)self->loop : Py_None);
}

static int
hub_set_loop(HubObject *self, PyObject *loop, void *Py_UNUSED(closure))
{
    if (loop == NULL || loop == Py_None) {
        Py_CLEAR(self->loop);
        return 0;
    }
    if (!PyObject_TypeCheck(loop, Loop_Type)) {
        PyErr_Format(PyExc_TypeError, "a loop is needed, not %.100s", Py_TYPE(loop)->tp_name);
        return -1;
    }
    Py_XSETREF(self->loop, (LoopObject *)Py_NewRef(loop));
    if (self == green_hub_peek()) {
        self->loop->thread = green_thread_self;
    }
    return 0;
}

static int
hub_traverse(HubObject *self, visitproc visit, void *arg)
{
    Py_VISIT(self->loop);
    return Greenlet_Type->tp_traverse((PyObject *)self, visit, arg);
}

static int
hub_clear(HubObject *self)
{
    Py_CLEAR(self->loop);
    return Greenlet_Type->tp_clear((PyObject *)self);
}

static void
hub_dealloc(HubObject *self)
{
    PyObject_GC_UnTrack(self);
    if (green_greenlet_survives((GreenletObject *)self)) {
        return;
    }
    Py_CLEAR(self->loop);
    Greenlet_Type->tp_dealloc((PyObject *)self);
}

static PyMethodDef hub_methods[] = {
    {"switch", (PyCFunction)hub_switch, METH_NOARGS,
     "switch($self, /)\n--\n\nLeave the running greenlet for the next that is ready, the hub "
     "itself where "
     "none "
     "is; returns\nwhat the switch back hands over. Raises BlockingSwitchOutError in the hub."},
    {"switch_out", (PyCFunction)hub_switch_out, METH_NOARGS,
     "switch_out($self, /)\n--\n\nRaises BlockingSwitchOutError: the hub itself cannot wait."},
    {"run", (PyCFunction)hub_run, METH_NOARGS,
     "run($self, /)\n--\n\nWhat the hub's greenlet does: runs the loop, and throws LoopExit into "
     "the main "
     "greenlet\nwhenever nothing is left that could wake anybody."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef hub_getset[] = {
    {"loop", (getter)hub_get_loop, (setter)hub_set_loop, "The event loop; None once destroyed.",
     NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot hub_slots[] = {
    {Py_tp_doc, "The greenlet that runs the loop: what greencore.hub.Hub is made of."},
    {Py_tp_new, hub_new},
    {Py_tp_dealloc, hub_dealloc},
    {Py_tp_setattro, hub_setattr},
    {Py_tp_traverse, hub_traverse},
    {Py_tp_clear, hub_clear},
    {Py_tp_methods, hub_methods},
    {Py_tp_getset, hub_getset},
    {0, NULL},
};

static PyType_Spec hub_spec = {
    .name = "greencore._core.Hub",
    .basicsize = sizeof(HubObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = hub_slots,
};

static PyMethodDef hub_functions[] = {
    {"get_hub", hub_module_get_hub, METH_NOARGS,
     "get_hub()\n--\n\n"
     "Return the hub of the running thread, made on first use."},
    {"get_hub_if_exists", hub_module_get_hub_if_exists, METH_NOARGS,
     "get_hub_if_exists()\n--\n\n"
     "Return the hub of the running thread, or None: none is made."},
    {"set_hub", hub_module_set_hub, METH_O,
     "set_hub(hub)\n--\n\n"
     "Make `hub` (or None, none) the running thread's. Raises TypeError for anything else."},
    {"get_hub_class", hub_module_get_hub_class, METH_NOARGS,
     "get_hub_class()\n--\n\nThe class that the next thread's hub will be made of."},
    {"set_default_hub_class", hub_module_set_default_hub_class, METH_O,
     "set_default_hub_class(hubtype)\n--\n\n"
     "Make the hubs of threads that have none of this class from now on. Raises TypeError\n"
     "for a class that is no Hub."},
    {"sleep", (PyCFunction)(void (*)(void))hub_module_sleep, METH_FASTCALL | METH_KEYWORDS,
     "sleep(seconds=0, ref=True)\n--\n\nPark the running greenlet for at least `seconds`. 0 or "
     "less: let "
     "all others that are ready run\nonce. With ref=False the sleep alone does not keep the loop "
     "running."},
    {"time_sleep", hub_module_time_sleep, METH_O,
     "time_sleep(seconds, /)\n--\n\nSleep in this greenlet only. `seconds` is a number that is not "
     "negative; nothing is\nreturned. Raises ValueError and TypeError for what is no such number."},
    {"os_close", (PyCFunction)(void (*)(void))hub_module_os_close, METH_VARARGS | METH_KEYWORDS,
     "os_close(fd)\n--\n\nClose a descriptor as os.close does; greenlets that wait for it get "
     "OSError "
     "(EBADF).\n\nThose that the hub has opened for itself stay open: a program that becomes a "
     "daemon "
     "closes all that it finds."},
    {"same_thread", hub_module_same_thread, METH_VARARGS,
     "same_thread(greenlet, other)\n--\n\nWhether both greenlets belong to one thread."},
    {"left_behind", hub_module_left_behind, METH_O,
     "left_behind(greenlet)\n--\n\nWhether a fork has left it in the parent process."},
    {"heed_threads", hub_module_heed_threads, METH_O,
     "heed_threads(flag)\n--\n\n"
     "Whether the main greenlet goes on waiting, without LoopExit, while other native threads\n"
     "may end its wait. So by default."},
    {"leave_behind", hub_module_leave_behind, METH_NOARGS,
     "leave_behind()\n--\n\n"
     "In a forked child: from now on no greenlet but the running one and the hub comes to its "
     "turn,\n"
     "except those started later."},
    {"waiting", hub_module_waiting, METH_O,
     "waiting(greenlet)\n--\n\n(what it does, on which object) of the wait that a greenlet is "
     "parked in, or "
     "None."},
    {NULL, NULL, 0, NULL},
};

int
green_hub_exec(PyObject *module)
{
    name_switch = PyUnicode_InternFromString("switch");
    name_switch_out = PyUnicode_InternFromString("switch_out");
    PyObject *bases = PyTuple_Pack(1, Greenlet_Type);
    zero = PyLong_FromLong(0);
    if (bases == NULL || name_switch == NULL || name_switch_out == NULL || zero == NULL) {
        return -1;
    }
    Hub_Type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &hub_spec, bases);
    Py_DECREF(bases);
    if (Hub_Type == NULL || PyModule_AddObjectRef(module, "Hub", (PyObject *)Hub_Type) < 0 ||
        PyModule_AddFunctions(module, hub_functions) < 0) {
        return -1;
    }
    hub_switch_method = PyObject_GetAttrString((PyObject *)Hub_Type, "switch");
    return hub_switch_method == NULL ? -1 : 0;
}
