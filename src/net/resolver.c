#include "net/resolver.h"

#include <math.h>
#include <string.h>
#include <sys/time.h>
#include "greenlet/type.h"
#include "hub/hub.h"
#include "loop/errors.h"
#include "loop/fd.h"

/* A socket that c-ares has open. */
typedef struct resolver_socket {
    green_link link;
    green_fd_interest interest;
    green_ready ready; /* queued when the interest has fired */
    ResolverObject *resolver;
    int fd;
} resolver_socket;

/* ---- time-outs ---- */

void
green_resolver_touched(ResolverObject *resolver)
{
    struct timeval next;
    if (resolver->ares == NULL || green_loop_destroyed(resolver->loop)) {
        return;
    }
    green_loop_stop_timer(resolver->loop, &resolver->timer);
    if (ares_timeout(resolver->ares, NULL, &next) != NULL) {
        double seconds = (double)next.tv_sec + (double)next.tv_usec / 1e6;
        green_loop_start_timer(resolver->loop, &resolver->timer, green_time_after(seconds));
    }
}

static void
resolver_expired(green_timer *timer)
{
    ResolverObject *resolver = GREEN_CONTAINER(timer, ResolverObject, timer);
    green_ready_push(resolver->loop, &resolver->timeout);
}

static void
resolver_process(ResolverObject *resolver, int readable, int writable)
{
    if (resolver->ares != NULL) {
        ares_process_fd(resolver->ares, readable, writable);
        green_resolver_touched(resolver);
    }
}

static GreenletObject *
resolver_timeout_turn(green_ready *ready)
{
    resolver_process(GREEN_CONTAINER(ready, ResolverObject, timeout), ARES_SOCKET_BAD,
                     ARES_SOCKET_BAD);
    return NULL;
}

/* Turns that call c-ares are on the hub: c-ares needs more stack than a greenlet should touch. */
static const green_ready_kind timeout_kind = {.turn = resolver_timeout_turn, .on_hub = true};

/* ---- sockets ---- */

static GreenletObject *
socket_turn(green_ready *ready)
{
    resolver_socket *s = GREEN_CONTAINER(ready, resolver_socket, ready);
    int revents = s->interest.revents;
    s->interest.revents = 0;
    resolver_process(s->resolver, revents & GREEN_READ ? s->fd : ARES_SOCKET_BAD,
                     revents & GREEN_WRITE ? s->fd : ARES_SOCKET_BAD);
    return NULL; /* c-ares may have closed the socket: `s` is freed then */
}

static const green_ready_kind socket_kind = {.turn = socket_turn, .on_hub = true};

static void
socket_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    resolver_socket *s = GREEN_CONTAINER(interest, resolver_socket, interest);
    green_ready_push(s->resolver->loop, &s->ready);
}

static resolver_socket *
resolver_find(ResolverObject *resolver, int fd)
{
    for (green_link *link = resolver->sockets.next; link != &resolver->sockets; link = link->next) {
        resolver_socket *s = GREEN_CONTAINER(link, resolver_socket, link);
        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

static void
socket_free(resolver_socket *s)
{
    green_fd_stop(s->resolver->loop, &s->interest);
    green_ready_cancel(&s->ready);
    green_list_remove(&s->link);
    PyMem_RawFree(s);
}

/* c-ares tells what it waits for at a socket. If that is nothing, it is about to close the
   socket. */
static void
resolver_state_cb(void *data, ares_socket_t fd, int readable, int writable)
{
    ResolverObject *resolver = data;
    int events = (readable ? GREEN_READ : 0) | (writable ? GREEN_WRITE : 0);
    resolver_socket *s = resolver_find(resolver, fd);
    if (events == 0) {
        if (s != NULL) {
            socket_free(s);
        }
        return;
    }
    if (s == NULL) {
        s = PyMem_RawCalloc(1, sizeof(*s));
        if (s == NULL) {
            return; /* c-ares will see nothing of the socket: the query times out */
        }
        s->resolver = resolver;
        s->fd = fd;
        s->interest.fire = socket_fire;
        green_list_init(&s->interest.link);
        green_ready_init(&s->ready, &socket_kind);
        green_list_append(&resolver->sockets, &s->link);
    }
    if (s->interest.fd != NULL && s->interest.events == events) {
        return;
    }
    green_fd_stop(resolver->loop, &s->interest);
    s->interest.events = events;
    if (green_fd_start(resolver->loop, &s->interest, fd, 0) < 0) {
        PyErr_Clear(); /* here, too, the query times out */
    }
}

/* ---- opening and closing ---- */

/* Look for a number among the keyword arguments. 1 if it is there and not None, 0 if not, -1 with
   an exception. */
static int
option_number(PyObject *options, const char *name, double least, double most, double *number)
{
    PyObject *value = PyDict_GetItemString(options, name); /* borrowed */
    if (value == NULL || value == Py_None) {
        return 0;
    }
    *number = PyFloat_AsDouble(value);
    if (*number == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (!(*number >= least && *number <= most)) {
        PyErr_Format(PyExc_ValueError, "%s out of range: %R", name, value);
        return -1;
    }
    return 1;
}

static int
option_integer(PyObject *options, const char *name, int bit, int most, int *mask, int *value)
{
    double number;
    int found = option_number(options, name, 0, most, &number);
    if (found > 0) {
        *value = (int)number;
        *mask |= bit;
    }
    return found < 0 ? -1 : 0;
}

/* Set the search list in `options`: pointers to names, which live as long as `list`, a tuple or
   None. 0, or -1 with an exception. */
static int
option_domains(PyObject *list, struct ares_options *options, int *mask)
{
    if (list == Py_None) {
        return 0;
    }
    Py_ssize_t size = PyTuple_GET_SIZE(list);
    options->domains = PyMem_Calloc((size_t)size + 1, sizeof(char *));
    if (options->domains == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < size; i++) {
        const char *name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(list, i));
        if (name == NULL) {
            return -1;
        }
        options->domains[i] = (char *)name; /* c-ares copies the name */
    }
    options->ndomains = (int)size;
    *mask |= ARES_OPT_DOMAINS;
    return 0;
}

static int
resolver_error(int status)
{
    if (status == ARES_ENOMEM) {
        PyErr_NoMemory();
    } else {
        PyErr_Format(PyExc_ValueError, "c-ares: %s", ares_strerror(status));
    }
    return -1;
}

static int
resolver_set_servers(ares_channel ares, PyObject *servers)
{
    if (servers == NULL || servers == Py_None) {
        return 0;
    }
    PyObject *text;
    if (PyUnicode_Check(servers)) {
        text = Py_NewRef(servers);
    } else {
        PyObject *comma = PyUnicode_FromString(",");
        text = comma == NULL ? NULL : PyUnicode_Join(comma, servers);
        Py_XDECREF(comma);
    }
    const char *list = text == NULL ? NULL : PyUnicode_AsUTF8(text);
    int status = list == NULL ? -1 : ares_set_servers_ports_csv(ares, list);
    if (status == ARES_ENOMEM) {
        PyErr_NoMemory();
        status = -1;
    } else if (status > 0) {
        PyErr_Format(PyExc_ValueError, "servers must be numeric addresses, not %R: %s", servers,
                     ares_strerror(status));
        status = -1;
    }
    Py_XDECREF(text);
    return status;
}

static int
resolver_open_with(ResolverObject *self, struct ares_options *options, int mask, PyObject *domains)
{
    double timeout = 0;
    int port[2] = {0, 0};
    PyObject *o = self->options;
    int found = option_number(o, "timeout", 0, INT_MAX / 1000, &timeout);
    if (found < 0 ||
        option_integer(o, "flags", ARES_OPT_FLAGS, INT_MAX, &mask, &options->flags) < 0 ||
        option_integer(o, "tries", ARES_OPT_TRIES, INT_MAX, &mask, &options->tries) < 0 ||
        option_integer(o, "ndots", ARES_OPT_NDOTS, 255, &mask, &options->ndots) < 0 ||
        option_integer(o, "udp_port", ARES_OPT_UDP_PORT, 65535, &mask, &port[0]) < 0 ||
        option_integer(o, "tcp_port", ARES_OPT_TCP_PORT, 65535, &mask, &port[1]) < 0 ||
        option_domains(domains, options, &mask) < 0) {
        return -1;
    }
    if (found > 0) {
        options->timeout = (int)ceil(timeout * 1000);
        mask |= ARES_OPT_TIMEOUTMS;
    }
    options->udp_port = (unsigned short)port[0];
    options->tcp_port = (unsigned short)port[1];
    ares_channel ares;
    int status = ares_init_options(&ares, options, mask);
    if (status != ARES_SUCCESS) {
        return resolver_error(status);
    }
    if (resolver_set_servers(ares, PyDict_GetItemString(o, "servers")) < 0) {
        ares_destroy(ares);
        return -1;
    }
    self->ares = ares;
    return 0;
}

static int
resolver_open(ResolverObject *self)
{
    struct ares_options options;
    memset(&options, 0, sizeof(options));
    options.sock_state_cb = resolver_state_cb;
    options.sock_state_cb_data = self;
    options.lookups = (char *)"b"; /* DNS alone: the hosts file is read elsewhere */
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS;
#ifdef ARES_OPT_QUERY_CACHE
    options.qcache_max_ttl = 0; /* no cache, as the C library has none */
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    PyObject *domains = PyDict_GetItemString(self->options, "domains"); /* borrowed */
    domains =
        domains == NULL || domains == Py_None ? Py_NewRef(Py_None) : PySequence_Tuple(domains);
    if (domains == NULL) {
        return -1;
    }
    int result = resolver_open_with(self, &options, mask, domains);
    PyMem_Free(options.domains);
    Py_DECREF(domains);
    return result;
}

/* Close `ares` (NULL: does nothing) with its sockets and its time-out. Whoever waits is woken, with
   ARES_EDESTRUCTION. */
static void
resolver_shut(ResolverObject *self, ares_channel ares)
{
    if (ares == NULL) {
        return;
    }
    ares_destroy(ares);
    while (!green_list_empty(&self->sockets)) {
        socket_free(GREEN_CONTAINER(self->sockets.next, resolver_socket, link));
    }
    green_loop_stop_timer(self->loop, &self->timer);
    green_ready_cancel(&self->timeout);
}

/* Returns a copy of `before` (NULL: an empty dict) with the keyword arguments, a new reference;
   NULL with an exception. */
static PyObject *
options_merge(PyObject *before, PyObject *kwargs)
{
    static const char *const known[] = {"flags",    "timeout",  "tries",   "ndots",
                                        "udp_port", "tcp_port", "servers", "domains"};
    PyObject *name, *value;
    Py_ssize_t at = 0;
    while (kwargs != NULL && PyDict_Next(kwargs, &at, &name, &value)) {
        size_t i = 0;
        while (i < Py_ARRAY_LENGTH(known) && PyUnicode_CompareWithASCIIString(name, known[i])) {
            i++;
        }
        if (i == Py_ARRAY_LENGTH(known)) {
            PyErr_Format(PyExc_TypeError, "unexpected keyword argument %R", name);
            return NULL;
        }
    }
    PyObject *options = before == NULL ? PyDict_New() : PyDict_Copy(before);
    if (options != NULL && kwargs != NULL && PyDict_Update(options, kwargs) < 0) {
        Py_CLEAR(options);
    }
    return options;
}

static PyObject *
resolver_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *loop;
    if (!PyArg_ParseTuple(args, "O!:channel", Loop_Type, &loop)) {
        return NULL;
    }
    PyObject *options = options_merge(NULL, kwargs);
    if (options == NULL) {
        return NULL;
    }
    ResolverObject *self = (ResolverObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_DECREF(options);
        return NULL;
    }
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->options = options;
    green_list_init(&self->sockets);
    green_timer_init(&self->timer, resolver_expired, false);
    self->timer.ref = false; /* the greenlets that wait keep the loop running */
    green_ready_init(&self->timeout, &timeout_kind);
    if (resolver_open(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
resolver_traverse(ResolverObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->options);
    return 0;
}

static void
resolver_dealloc(ResolverObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->loop != NULL && green_loop_foreign(self->loop) && !green_list_empty(&self->sockets)) {
        /* This thread can't stop the sockets that are open: those of an abandoned query, or such as
           c-ares keeps. They stay in their loop for good, so this object, which they point to, is
           not freed. */
        return;
    }
    if (self->loop != NULL) {
        resolver_shut(self, self->ares);
    }
    Py_XDECREF(self->loop);
    Py_XDECREF(self->options);
    type->tp_free(self);
    Py_DECREF(type);
}

static int
resolver_check(ResolverObject *self)
{
    if (green_loop_foreign(self->loop)) {
        PyErr_SetString(green_exc_InvalidThreadUseError,
                        "a channel can only be used in its loop's thread");
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(destroy_doc, "destroy($self, /)\n--\n\n"
                          "Close it: its sockets are closed, and queries under way fail.");

static PyObject *
resolver_destroy(ResolverObject *self, PyObject *Py_UNUSED(unused))
{
    if (resolver_check(self) < 0) {
        return NULL;
    }
    ares_channel ares = self->ares;
    self->ares = NULL;
    resolver_shut(self, ares);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(reopen_doc, "reopen($self, /, **options)\n--\n\n"
                         "Read the configuration again, with new sockets: after a fork, or when "
                         "resolv.conf changed. Queries under way are asked again.\n\n"
                         "options: take the place of those it was made with.");

static PyObject *
resolver_reopen(ResolverObject *self, PyObject *args, PyObject *kwargs)
{
    if (!PyArg_ParseTuple(args, ":reopen") || resolver_check(self) < 0) {
        return NULL;
    }
    PyObject *before = self->options;
    ares_channel ares = self->ares;
    self->options = options_merge(before, kwargs);
    if (self->options == NULL || resolver_open(self) < 0) {
        Py_XSETREF(self->options, before);
        return NULL;
    }
    Py_DECREF(before);
    resolver_shut(self, ares);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(set_servers_doc, "set_servers($self, servers=None, /)\n--\n\n"
                              "Ask these name servers: a list of numeric addresses, each with a "
                              "port or without, or one string with commas.");

static PyObject *
resolver_set_servers_method(ResolverObject *self, PyObject *servers)
{
    if (resolver_check(self) < 0) {
        return NULL;
    }
    if (self->ares == NULL) {
        PyErr_SetString(PyExc_ValueError, "the channel is destroyed");
        return NULL;
    }
    if (resolver_set_servers(self->ares, servers) < 0 ||
        PyDict_SetItemString(self->options, "servers", servers) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
resolver_get_destroyed(ResolverObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->ares == NULL);
}

static PyObject *
resolver_get_loop(ResolverObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef((PyObject *)self->loop);
}

static PyMethodDef resolver_methods[] = {
    {"getaddrinfo", (PyCFunction)green_resolver_getaddrinfo, METH_VARARGS,
     green_resolver_getaddrinfo_doc},
    {"gethostbyaddr", (PyCFunction)green_resolver_gethostbyaddr, METH_VARARGS,
     green_resolver_gethostbyaddr_doc},
    {"destroy", (PyCFunction)resolver_destroy, METH_NOARGS, destroy_doc},
    {"reopen", (PyCFunction)(void (*)(void))resolver_reopen, METH_VARARGS | METH_KEYWORDS,
     reopen_doc},
    {"set_servers", (PyCFunction)resolver_set_servers_method, METH_O, set_servers_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef resolver_getset[] = {
    {"loop", (getter)resolver_get_loop, NULL, "The loop that it lives in.", NULL},
    {"destroyed", (getter)resolver_get_destroyed, NULL, "Whether it was destroyed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    resolver_doc,
    "channel(loop, *, flags=None, timeout=None, tries=None, ndots=None, udp_port=None, "
    "tcp_port=None, servers=None, domains=None)\n--\n\n"
    "DNS queries of c-ares, sent and received by `loop`.\n\n"
    "timeout: seconds until a server is asked again; tries: how often; domains: the search list. "
    "What is None is as the system's configuration says, or as c-ares chooses. ValueError: a value "
    "that makes no sense.");

static PyType_Slot resolver_slots[] = {
    {Py_tp_new, resolver_new},
    {Py_tp_dealloc, resolver_dealloc},
    {Py_tp_traverse, resolver_traverse},
    {Py_tp_methods, resolver_methods},
    {Py_tp_getset, resolver_getset},
    {Py_tp_doc, (char *)resolver_doc},
    {0, NULL},
};

static PyType_Spec resolver_spec = {
    .name = "greencore._core.channel",
    .basicsize = sizeof(ResolverObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = resolver_slots,
};

int
green_resolver_exec(PyObject *module)
{
    int status = ares_library_init(ARES_LIB_INIT_ALL);
    if (status != ARES_SUCCESS) {
        PyErr_Format(PyExc_ImportError, "c-ares: %s", ares_strerror(status));
        return -1;
    }
    if (green_query_exec() < 0) {
        return -1;
    }
    PyObject *type = green_type_new(NULL, &resolver_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "channel", type);
    Py_DECREF(type);
    return result;
}
