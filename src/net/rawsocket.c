#include "net/rawsocket.h"

#include <stddef.h>
#include <structmember.h>
#include <sys/socket.h>
#include "greenlet/type.h"
#include "net/socket.h"

static PyTypeObject *RawSocket_Type;
static Py_ssize_t raw_offset;

typedef struct {
    PyObject *green; /* borrowed: it owns this raw socket; NULL once it has let go */
    PyObject *weakrefs;
} raw_socket;

static raw_socket *
raw_of(PyObject *self)
{
    return (raw_socket *)((char *)self + raw_offset);
}

PyObject *
green_rawsocket_get(PyObject *self, PyObject *Py_UNUSED(unused))
{
    green_socket *s = green_socket_of(self);
    if (s->file.fd < 0) {
        Py_RETURN_NONE;
    }
    if (s->raw == NULL) {
        /* The flag makes the raw socket's time-out 0. */
        s->raw = PyObject_CallFunction((PyObject *)RawSocket_Type, "iiii", s->family,
                                       s->type | SOCK_NONBLOCK, s->proto, s->file.fd);
        if (s->raw == NULL) {
            return NULL;
        }
        raw_of(s->raw)->green = self;
    }
    return Py_NewRef(s->raw);
}

/* Part the green socket from its raw one. Returns the raw socket, with the reference that the green
   one had, or NULL if there is none. */
static PyObject *
raw_release(PyObject *green)
{
    PyObject *raw = green_socket_of(green)->raw;
    if (raw != NULL) {
        green_socket_of(green)->raw = NULL;
        raw_of(raw)->green = NULL;
    }
    return raw;
}

int
green_rawsocket_forget(PyObject *green)
{
    PyObject *raw = raw_release(green);
    if (raw == NULL) {
        return 0;
    }
    PyObject *number = green_socket_call_simple(BASE_DETACH, raw);
    Py_DECREF(raw);
    Py_XDECREF(number);
    return number == NULL ? -1 : 0;
}

bool
green_rawsocket_inherit(PyObject *green)
{
    PyObject *raw = raw_release(green);
    Py_XDECREF(raw); /* unless somebody else has `raw`, its end closes the descriptor */
    return raw != NULL;
}

static void
raw_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyTypeObject *base = type->tp_base;
    if (PyObject_CallFinalizerFromDealloc(self) < 0) {
        return;
    }
    if (raw_of(self)->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    base->tp_dealloc(self);
    if (!PyType_HasFeature(base, Py_TPFLAGS_HEAPTYPE)) {
        Py_DECREF(type); /* a base that is a heap type has done this */
    }
}

PyDoc_STRVAR(close_doc, "close($self, /)\n--\n\n"
                        "Close the descriptor, though the green socket and its files be open: "
                        "greenlets that wait for it get cancel_wait_ex.");

static PyObject *
raw_close(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *green = raw_of(self)->green;
    return green != NULL ? green_socket_real_close(green, NULL)
                         : green_socket_call_simple(BASE_CLOSE, self);
}

PyDoc_STRVAR(detach_doc, "detach($self, /)\n--\n\n"
                         "Give the descriptor up without closing it, for the green socket as well, "
                         "and return its number.");

static PyObject *
raw_detach(PyObject *self, PyObject *Py_UNUSED(unused))
{
    PyObject *green = raw_of(self)->green;
    return green != NULL ? green_socket_detach(green, NULL)
                         : green_socket_call_simple(BASE_DETACH, self);
}

static PyMethodDef raw_methods[] = {
    {"close", raw_close, METH_NOARGS, close_doc},
    {"detach", raw_detach, METH_NOARGS, detach_doc},
    {NULL, NULL, 0, NULL},
};

/* green_rawsocket_exec sets the offset: it is known once the base type is. */
static PyMemberDef raw_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, 0, READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyDoc_STRVAR(raw_doc, "_wrefsocket(family=-1, type=-1, proto=-1, fileno=None)\n--\n\n"
                      "The interpreter's own socket, which `socket._sock` is: its calls never let "
                      "other greenlets run.");

static PyType_Slot raw_slots[] = {
    {Py_tp_dealloc, raw_dealloc},
    {Py_tp_methods, raw_methods},
    {Py_tp_members, raw_members},
    {Py_tp_doc, (char *)raw_doc},
    {0, NULL},
};

static PyType_Spec raw_spec = {
    .name = "greencore.socket._wrefsocket",
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = raw_slots,
};

int
green_rawsocket_exec(PyObject *module)
{
    raw_offset = green_socket_offset;
    raw_members[0].offset = raw_offset + (Py_ssize_t)offsetof(raw_socket, weakrefs);
    raw_spec.basicsize = (int)(raw_offset + (Py_ssize_t)sizeof(raw_socket));
    RawSocket_Type =
        (PyTypeObject *)green_type_new(NULL, &raw_spec, (PyObject *)Socket_Type->tp_base);
    return RawSocket_Type == NULL
               ? -1
               : PyModule_AddObjectRef(module, "RawSocket", (PyObject *)RawSocket_Type);
}
