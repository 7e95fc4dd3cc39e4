#include "net/resolver.h"

#include <math.h>
#include <string.h>
#include <sys/time.h>
#include "greenlet/type.h"
#include "hub/hub.h"
#include "loop/errors.h"
#include "loop/fd.h"

/* A socket that c-ares has open. */
typedef struct channel_socket {
    green_link link;
    green_fd_interest interest;
    green_ready ready; /* queued when something was seen */
    ChannelObject *channel;
    int fd;
} channel_socket;

/* ---- time-outs ---- */

void
green_channel_touched(ChannelObject *channel)
{
    struct timeval next;
    if (channel->ares == NULL || green_loop_destroyed(channel->loop)) {
        return;
    }
    green_loop_stop_timer(channel->loop, &channel->timer);
    if (ares_timeout(channel->ares, NULL, &next) != NULL) {
        double seconds = (double)next.tv_sec + (double)next.tv_usec / 1e6;
        green_loop_start_timer(channel->loop, &channel->timer, green_time_after(seconds));
    }
}

static void
channel_expired(green_timer *timer)
{
    ChannelObject *channel = GREEN_CONTAINER(timer, ChannelObject, timer);
    green_ready_push(channel->loop, &channel->timeout);
}

static void
channel_process(ChannelObject *channel, int readable, int writable)
{
    if (channel->ares != NULL) {
        ares_process_fd(channel->ares, readable, writable);
        green_channel_touched(channel);
    }
}

static GreenletObject *
channel_timeout_turn(green_ready *ready)
{
    channel_process(GREEN_CONTAINER(ready, ChannelObject, timeout), ARES_SOCKET_BAD,
                    ARES_SOCKET_BAD);
    return NULL;
}

/* On the hub: c-ares needs more stack than a greenlet should touch. */
static const green_ready_kind timeout_kind = {.turn = channel_timeout_turn, .on_hub = true};

/* ---- sockets ---- */

static GreenletObject *
socket_turn(green_ready *ready)
{
    channel_socket *s = GREEN_CONTAINER(ready, channel_socket, ready);
    int revents = s->interest.revents;
    s->interest.revents = 0;
    channel_process(s->channel, revents & GREEN_READ ? s->fd : ARES_SOCKET_BAD,
                    revents & GREEN_WRITE ? s->fd : ARES_SOCKET_BAD);
    return NULL; /* c-ares may have closed it: s is gone then */
}

static const green_ready_kind socket_kind = {.turn = socket_turn, .on_hub = true};

static void
socket_fire(green_fd_interest *interest, int Py_UNUSED(revents))
{
    channel_socket *s = GREEN_CONTAINER(interest, channel_socket, interest);
    green_ready_push(s->channel->loop, &s->ready);
}

static channel_socket *
channel_find(ChannelObject *channel, int fd)
{
    for (green_link *link = channel->sockets.next; link != &channel->sockets; link = link->next) {
        channel_socket *s = GREEN_CONTAINER(link, channel_socket, link);
        if (s->fd == fd) {
            return s;
        }
    }
    return NULL;
}

static void
socket_free(channel_socket *s)
{
    green_fd_stop(s->channel->loop, &s->interest);
    green_ready_cancel(&s->ready);
    green_list_remove(&s->link);
    PyMem_RawFree(s);
}

/* c-ares tells what it waits for at a socket; for nothing: it is about to close it. */
static void
channel_state_cb(void *data, ares_socket_t fd, int readable, int writable)
{
    ChannelObject *channel = data;
    int events = (readable ? GREEN_READ : 0) | (writable ? GREEN_WRITE : 0);
    channel_socket *s = channel_find(channel, fd);
    if (events == 0) {
        if (s != NULL) {
            socket_free(s);
        }
        return;
    }
    if (s == NULL) {
        s = PyMem_RawCalloc(1, sizeof(*s));
        if (s == NULL) {
            return; /* nothing will be seen: the query times out */
        }
        s->channel = channel;
        s->fd = fd;
        s->interest.fire = socket_fire;
        green_list_init(&s->interest.link);
        green_ready_init(&s->ready, &socket_kind);
        green_list_append(&channel->sockets, &s->link);
    }
    if (s->interest.fd != NULL && s->interest.events == events) {
        return;
    }
    green_fd_stop(channel->loop, &s->interest);
    s->interest.events = events;
    if (green_fd_start(channel->loop, &s->interest, fd, 0) < 0) {
        PyErr_Clear(); /* likewise */
    }
}

/* ---- opening and closing ---- */

/* Take an option out of the keyword arguments: 1 if it is there and not None, 0 if not, -1. */
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

/* The list of names as c-ares wants it: pointers that live as long as `list`. -1 with an exception.
 */
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
        options->domains[i] = (char *)name; /* c-ares copies it */
    }
    options->ndomains = (int)size;
    *mask |= ARES_OPT_DOMAINS;
    return 0;
}

static int
channel_error(int status)
{
    if (status == ARES_ENOMEM) {
        PyErr_NoMemory();
    } else {
        PyErr_Format(PyExc_ValueError, "c-ares: %s", ares_strerror(status));
    }
    return -1;
}

static int
channel_set_servers(ares_channel ares, PyObject *servers)
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
    if (status > 0) {
        PyErr_Format(PyExc_ValueError, "servers must be numeric addresses, not %R: %s", servers,
                     ares_strerror(status));
        status = -1;
    }
    Py_XDECREF(text);
    return status;
}

static int
channel_open_with(ChannelObject *self, struct ares_options *options, int mask, PyObject *domains)
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
        return channel_error(status);
    }
    if (channel_set_servers(ares, PyDict_GetItemString(o, "servers")) < 0) {
        ares_destroy(ares);
        return -1;
    }
    self->ares = ares;
    return 0;
}

static int
channel_open(ChannelObject *self)
{
    struct ares_options options;
    memset(&options, 0, sizeof(options));
    options.sock_state_cb = channel_state_cb;
    options.sock_state_cb_data = self;
    options.lookups = (char *)"b"; /* the hosts file is read elsewhere */
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
    int result = channel_open_with(self, &options, mask, domains);
    PyMem_Free(options.domains);
    Py_DECREF(domains);
    return result;
}

/* Whoever waits is woken, with ARES_EDESTRUCTION. */
static void
channel_shut(ChannelObject *self, ares_channel ares)
{
    if (ares == NULL) {
        return;
    }
    ares_destroy(ares);
    while (!green_list_empty(&self->sockets)) {
        socket_free(GREEN_CONTAINER(self->sockets.next, channel_socket, link));
    }
    green_loop_stop_timer(self->loop, &self->timer);
    green_ready_cancel(&self->timeout);
}

/* A copy of `before` (NULL: nothing) with the keyword arguments. NULL with an exception. */
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
channel_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *loop;
    if (!PyArg_ParseTuple(args, "O!:channel", Loop_Type, &loop)) {
        return NULL;
    }
    PyObject *options = options_merge(NULL, kwargs);
    if (options == NULL) {
        return NULL;
    }
    ChannelObject *self = (ChannelObject *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_DECREF(options);
        return NULL;
    }
    self->loop = (LoopObject *)Py_NewRef(loop);
    self->options = options;
    green_list_init(&self->sockets);
    green_timer_init(&self->timer, channel_expired, false);
    self->timer.ref = false; /* the greenlets that wait keep the loop running */
    green_ready_init(&self->timeout, &timeout_kind);
    if (channel_open(self) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static int
channel_traverse(ChannelObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->options);
    return 0;
}

static void
channel_dealloc(ChannelObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (self->loop != NULL && green_loop_foreign(self->loop) && !green_list_empty(&self->sockets)) {
        /* Only an abandoned query has sockets open now, and they can't be stopped from here: they
           stay in their loop for good. */
        return;
    }
    if (self->loop != NULL) {
        channel_shut(self, self->ares);
    }
    Py_XDECREF(self->loop);
    Py_XDECREF(self->options);
    type->tp_free(self);
    Py_DECREF(type);
}

static int
channel_check(ChannelObject *self)
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
channel_destroy(ChannelObject *self, PyObject *Py_UNUSED(unused))
{
    if (channel_check(self) < 0) {
        return NULL;
    }
    ares_channel ares = self->ares;
    self->ares = NULL;
    channel_shut(self, ares);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(reopen_doc, "reopen($self, /, **options)\n--\n\n"
                         "Read the configuration again, with new sockets: after a fork, or when "
                         "resolv.conf changed. Queries under way are asked again.\n\n"
                         "options: take the place of those it was made with.");

static PyObject *
channel_reopen(ChannelObject *self, PyObject *args, PyObject *kwargs)
{
    if (!PyArg_ParseTuple(args, ":reopen") || channel_check(self) < 0) {
        return NULL;
    }
    PyObject *before = self->options;
    ares_channel ares = self->ares;
    self->options = options_merge(before, kwargs);
    if (self->options == NULL || channel_open(self) < 0) {
        Py_XSETREF(self->options, before);
        return NULL;
    }
    Py_DECREF(before);
    channel_shut(self, ares);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(set_servers_doc, "set_servers($self, servers=None, /)\n--\n\n"
                              "Ask these name servers: a list of numeric addresses, each with a "
                              "port or without, or one string with commas.");

static PyObject *
channel_set_servers_method(ChannelObject *self, PyObject *servers)
{
    if (channel_check(self) < 0) {
        return NULL;
    }
    if (self->ares == NULL) {
        PyErr_SetString(PyExc_ValueError, "the channel is destroyed");
        return NULL;
    }
    if (channel_set_servers(self->ares, servers) < 0 ||
        PyDict_SetItemString(self->options, "servers", servers) < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
channel_get_destroyed(ChannelObject *self, void *Py_UNUSED(closure))
{
    return PyBool_FromLong(self->ares == NULL);
}

static PyObject *
channel_get_loop(ChannelObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef((PyObject *)self->loop);
}

static PyMethodDef channel_methods[] = {
    {"getaddrinfo", (PyCFunction)green_channel_getaddrinfo, METH_VARARGS,
     green_channel_getaddrinfo_doc},
    {"gethostbyaddr", (PyCFunction)green_channel_gethostbyaddr, METH_VARARGS,
     green_channel_gethostbyaddr_doc},
    {"destroy", (PyCFunction)channel_destroy, METH_NOARGS, destroy_doc},
    {"reopen", (PyCFunction)(void (*)(void))channel_reopen, METH_VARARGS | METH_KEYWORDS,
     reopen_doc},
    {"set_servers", (PyCFunction)channel_set_servers_method, METH_O, set_servers_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef channel_getset[] = {
    {"loop", (getter)channel_get_loop, NULL, "The loop that it lives in.", NULL},
    {"destroyed", (getter)channel_get_destroyed, NULL, "Whether it was destroyed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyDoc_STRVAR(
    channel_doc,
    "channel(loop, *, flags=None, timeout=None, tries=None, ndots=None, udp_port=None, "
    "tcp_port=None, servers=None, domains=None)\n--\n\n"
    "DNS queries of c-ares, sent and received by `loop`.\n\n"
    "timeout: seconds until a server is asked again; tries: how often; domains: the search list. "
    "What is None is as the system's configuration says, or as c-ares chooses. ValueError: a value "
    "that makes no sense.");

static PyType_Slot channel_slots[] = {
    {Py_tp_new, channel_new},
    {Py_tp_dealloc, channel_dealloc},
    {Py_tp_traverse, channel_traverse},
    {Py_tp_methods, channel_methods},
    {Py_tp_getset, channel_getset},
    {Py_tp_doc, (char *)channel_doc},
    {0, NULL},
};

static PyType_Spec channel_spec = {
    .name = "greencore._core.channel",
    .basicsize = sizeof(ChannelObject),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = channel_slots,
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
    PyObject *type = green_type_new(NULL, &channel_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int result = PyModule_AddObjectRef(module, "channel", type);
    Py_DECREF(type);
    return result;
}
