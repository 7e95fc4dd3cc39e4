/* Look-ups: a greenlet asks c-ares, and parks until c-ares calls back. */
#include "net/resolver.h"

#include <ares_nameser.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "hub/hub.h"
#include "hub/wait.h"
#include "loop/errors.h"
#include "net/resolver_pointer.h"

static PyObject *error_of_name, *error_of_address; /* gaierror and herror of _socket */

/* A request gets the answer of c-ares in a callback. That runs no Python code, so the answer is
   kept as it came. */
typedef struct request {
    green_waiter *waiter;       /* borrowed; NULL while nobody waits */
    struct ares_addrinfo *info; /* owned, or NULL */
    char *host;                 /* owned, of c-ares; or NULL */
    int status;                 /* c-ares's, once done */
    bool done;
    bool abandoned; /* who asked has left, so the callback frees this */
} request;

typedef struct query {
    const char *name; /* what getaddrinfo asks for; NULL: gethostbyaddr asks */
    int family;
    const char *pointer; /* what gethostbyaddr asks for: the name whose PTR is the host */
} query;

/* ---- errors ---- */

static int
gai_code(int status)
{
    switch (status) {
    case ARES_ENODATA:
        return EAI_NODATA;
    case ARES_ENOTFOUND:
    case ARES_EFORMERR:
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
        return EAI_NONAME;
    case ARES_EBADFAMILY:
        return EAI_FAMILY;
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return EAI_FAIL;
    default:
        return EAI_AGAIN;
    }
}

static int
host_code(int status)
{
    switch (status) {
    case ARES_ENODATA:
        return NO_DATA;
    case ARES_ENOTFOUND:
        return HOST_NOT_FOUND;
    case ARES_EFORMERR:
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return NO_RECOVERY;
    default:
        return TRY_AGAIN;
    }
}

/* Raise what the standard module raises for such an answer of the C library. Returns NULL. */
static PyObject *
query_error(const query *q, int status)
{
    if (status == ARES_ENOMEM) {
        return PyErr_NoMemory();
    }
    int code = q->name ? gai_code(status) : host_code(status);
    PyObject *args = Py_BuildValue("(is)", code, q->name ? gai_strerror(code) : hstrerror(code));
    if (args != NULL) {
        PyErr_SetObject(q->name ? error_of_name : error_of_address, args);
        Py_DECREF(args);
    }
    return NULL;
}

/* ---- asking ---- */

static void
request_free(request *r)
{
    if (r->info != NULL) {
        ares_freeaddrinfo(r->info);
    }
    if (r->host != NULL) {
        ares_free_string(r->host);
    }
    free(r);
}

static void
request_done(request *r, int status)
{
    r->status = status;
    r->done = true;
    if (r->abandoned) {
        request_free(r);
    } else if (r->waiter != NULL) {
        green_wake(r->waiter);
    }
}

static void
request_addrinfo_cb(void *data, int status, int Py_UNUSED(timeouts), struct ares_addrinfo *info)
{
    request *r = data;
    r->info = info;
    request_done(r, status);
}

static void
request_pointer_cb(void *data, int status, int Py_UNUSED(timeouts), unsigned char *packet, int size)
{
    request *r = data;
    if (status == ARES_SUCCESS) {
        status = green_pointer_parse(packet, size, &r->host);
    }
    request_done(r, status);
}

/* ares_query is what c-ares 1.18 has for this; later versions call it deprecated.
   ares_gethostbyaddr would keep to itself why it found nothing. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void
request_start_pointer(request *r, ResolverObject *resolver, const char *name)
{
    ares_query(resolver->ares, name, ns_c_in, ns_t_ptr, request_pointer_cb, r);
}
#pragma GCC diagnostic pop

static void
request_start(request *r, ResolverObject *resolver, const query *q)
{
    if (q->name != NULL) {
        struct ares_addrinfo_hints hints = {
            .ai_family = q->family,
            .ai_flags = ARES_AI_CANONNAME | ARES_AI_NOSORT,
        };
        ares_getaddrinfo(resolver->ares, q->name, NULL, &hints, request_addrinfo_cb, r);
    } else {
        request_start_pointer(r, resolver, q->pointer);
    }
    green_resolver_touched(resolver);
}

/* Park until the request is done. 0; -1 with an exception, and then `r` is not the caller's any
   more. */
static int
request_wait(request *r, green_waiter *w)
{
    if (r->done) {
        green_waiter_cancel(w);
        return 0;
    }
    LoopObject *loop = (LoopObject *)Py_NewRef((PyObject *)w->loop);
    r->waiter = w;
    green_loop_ref(loop);
    int status = green_wait(w, -1);
    green_loop_unref(loop);
    Py_DECREF(loop);
    r->waiter = NULL;
    if (status >= 0) {
        return 0;
    }
    if (r->done) {
        request_free(r);
    } else {
        r->abandoned = true;
    }
    return -1;
}

/* Ask until there is an answer, good or bad. Returns a request that is done, for request_free; NULL
   with an exception. */
static request *
query_run(ResolverObject *resolver, const query *q, const char *verb)
{
    for (;;) {
        green_waiter w;
        if (green_waiter_init(&w, verb, (PyObject *)resolver) < 0) {
            return NULL;
        }
        if (w.loop != resolver->loop) {
            green_waiter_cancel(&w);
            PyErr_SetString(green_exc_InvalidThreadUseError,
                            "a channel can only be used in its loop's thread");
            return NULL;
        }
        request *r = resolver->ares == NULL ? NULL : calloc(1, sizeof(*r));
        if (r == NULL) {
            green_waiter_cancel(&w);
            query_error(q, resolver->ares == NULL ? ARES_EDESTRUCTION : ARES_ENOMEM);
            return NULL;
        }
        request_start(r, resolver, q);
        if (request_wait(r, &w) < 0) {
            return NULL;
        }
        if (r->status == ARES_SUCCESS) {
            return r;
        }
        int status = r->status;
        request_free(r);
        if (status != ARES_EDESTRUCTION || resolver->ares == NULL) {
            query_error(q, status);
            return NULL;
        }
        /* The channel was opened anew meanwhile: ask again. */
    }
}

/* ---- answers ---- */

static PyObject *
address_text(const struct sockaddr *address)
{
    char text[INET6_ADDRSTRLEN];
    const void *number = address->sa_family == AF_INET6
                             ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    if (inet_ntop(address->sa_family, number, text, sizeof(text)) == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyUnicode_FromString(text);
}

/* Returns a new list of (family, address) in the order of the answer. */
static PyObject *
answer_addresses(const struct ares_addrinfo *info)
{
    PyObject *list = PyList_New(0);
    const struct ares_addrinfo_node *node = list == NULL ? NULL : info->nodes;
    for (; node != NULL; node = node->ai_next) {
        PyObject *text = address_text(node->ai_addr);
        PyObject *pair = text == NULL ? NULL : Py_BuildValue("(iN)", node->ai_family, text);
        if (pair == NULL || PyList_Append(list, pair) < 0) {
            Py_XDECREF(pair);
            Py_DECREF(list);
            return NULL;
        }
        Py_DECREF(pair);
    }
    return list;
}

/* Returns a new list of the names that led to the last one. The answers to A and AAAA each have the
   chain, so a name that is known is left out. */
static PyObject *
answer_aliases(const struct ares_addrinfo *info)
{
    PyObject *list = PyList_New(0);
    const struct ares_addrinfo_cname *cname = list == NULL ? NULL : info->cnames;
    for (; cname != NULL; cname = cname->next) {
        PyObject *name = cname->alias == NULL ? NULL : PyUnicode_DecodeFSDefault(cname->alias);
        int known = name != NULL ? PySequence_Contains(list, name) : cname->alias == NULL ? 1 : -1;
        if (known < 0 || (known == 0 && PyList_Append(list, name) < 0)) {
            Py_XDECREF(name);
            Py_DECREF(list);
            return NULL;
        }
        Py_XDECREF(name);
    }
    return list;
}

static const char *
answer_name(const struct ares_addrinfo *info, const char *asked)
{
    const char *name = info->name != NULL ? info->name : asked;
    for (const struct ares_addrinfo_cname *c = info->cnames; c != NULL; c = c->next) {
        name = c->name != NULL ? c->name : name;
    }
    return name;
}

static PyObject *
answer_result(const struct ares_addrinfo *info, const char *asked)
{
    PyObject *name = PyUnicode_DecodeFSDefault(answer_name(info, asked));
    PyObject *aliases = name == NULL ? NULL : answer_aliases(info);
    PyObject *addresses = aliases == NULL ? NULL : answer_addresses(info);
    PyObject *result = addresses == NULL ? NULL : PyTuple_Pack(3, name, aliases, addresses);
    Py_XDECREF(name);
    Py_XDECREF(aliases);
    Py_XDECREF(addresses);
    return result;
}

const char green_resolver_getaddrinfo_doc[] =
    "getaddrinfo($self, name, family=AF_UNSPEC, /)\n--\n\n"
    "Ask for the addresses of `name` (bytes): (canonical name, aliases, [(family, address)]), in "
    "the order of the answers.\n\n"
    "gaierror: there is no answer, or a bad one; its number is the one that the C library has for "
    "it.";

PyObject *
green_resolver_getaddrinfo(ResolverObject *resolver, PyObject *args)
{
    query q = {.family = AF_UNSPEC};
    if (!PyArg_ParseTuple(args, "y|i:getaddrinfo", &q.name, &q.family)) {
        return NULL;
    }
    request *r = query_run(resolver, &q, "getaddrinfo");
    if (r == NULL) {
        return NULL;
    }
    PyObject *result = answer_result(r->info, q.name);
    request_free(r);
    return result;
}

const char green_resolver_gethostbyaddr_doc[] =
    "gethostbyaddr($self, address, /)\n--\n\n"
    "Ask for the name of a numeric address (a string).\n\n"
    "herror: it has none, or there is no good answer. ValueError: that is no address.";

PyObject *
green_resolver_gethostbyaddr(ResolverObject *resolver, PyObject *args)
{
    const char *text;
    char pointer[GREEN_POINTER_NAME_SIZE];
    if (!PyArg_ParseTuple(args, "s:gethostbyaddr", &text)) {
        return NULL;
    }
    if (green_pointer_name(text, pointer) < 0) {
        PyErr_Format(PyExc_ValueError, "not a numeric address: %.100s", text);
        return NULL;
    }
    query q = {.pointer = pointer};
    request *r = query_run(resolver, &q, "gethostbyaddr");
    if (r == NULL) {
        return NULL;
    }
    PyObject *result = PyUnicode_DecodeFSDefault(r->host);
    request_free(r);
    return result;
}

int
green_query_exec(void)
{
    PyObject *module = PyImport_ImportModule("_socket");
    if (module == NULL) {
        return -1;
    }
    error_of_name = PyObject_GetAttrString(module, "gaierror");
    error_of_address = error_of_name == NULL ? NULL : PyObject_GetAttrString(module, "herror");
    Py_DECREF(module);
    return error_of_address == NULL ? -1 : 0;
}
