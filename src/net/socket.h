/* The C half of greencore.socket.socket: a subtype of the standard _socket.socket whose descriptor
   is always non-blocking, and whose blocking methods park the greenlet. The base keeps what it
   knows best (addresses, options); ours lies behind it in memory. */
#ifndef GREEN_NET_SOCKET_H
#define GREEN_NET_SOCKET_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "hub/file.h"

typedef struct green_socket {
    green_file file;    /* file.fd is -1 once closed or detached */
    double timeout;     /* s; negative: none; 0: non-blocking */
    PyObject *raw;      /* net/rawsocket.h; NULL until asked for */
    Py_ssize_t io_refs; /* of makefile(): the last one closes a closed socket's descriptor */
    int family;
    int type;
    int proto;
    bool closed;
    bool drained;  /* the last recv got less than it asked for: the next one waits first */
    bool prompt;   /* but data was there at once when one waited: it tries first all the same */
    uint8_t waits; /* first waits, to look at the clock in some of them */
} green_socket;

extern PyTypeObject *Socket_Type;

extern Py_ssize_t green_socket_offset;

static inline green_socket *
green_socket_of(PyObject *self)
{
    return (green_socket *)((char *)self + green_socket_offset);
}

/* One blocking call: its time-out covers all waits together. */
typedef struct green_socket_call {
    PyObject *self; /* borrowed */
    green_socket *socket;
    const char *verb;  /* for LoopExit, a literal */
    double timeout;    /* s, as in green_socket */
    uint64_t deadline; /* ns; 0: nothing waited for yet */
} green_socket_call;

static inline green_socket_call
green_socket_call_begin(PyObject *self, const char *verb)
{
    green_socket *s = green_socket_of(self);
    return (green_socket_call){self, s, verb, s->timeout, 0};
}

/* Wait for GREEN_READ or GREEN_WRITE. -1 with an exception: TimeoutError, or what ended the wait.
 */
int green_socket_wait(green_socket_call *call, int events);

/* After a system call failed with errno: 0 when it is to be made again (after a wait, if it would
   block), -1 with an exception. */
int green_socket_again(green_socket_call *call, int events, int flags);

/* Fill `buffer`, as recv(2) with `flags`, waiting for what comes. -1 with an exception. */
Py_ssize_t green_socket_receive(green_socket_call *call, char *buffer, size_t size, int flags);

/* Send all of it, waiting for room. -1 with an exception: a part may be out. */
int green_socket_send_whole(green_socket_call *call, const char *data, size_t size, int flags);

/* One sendmsg(2) of `count` pieces with `flags`, giving up the interpreter lock where copying takes
   long enough to pay for it. Returns as the system call does; may set errno. */
ssize_t green_socket_sendmsg(int fd, struct iovec *pieces, int count, int flags);

/* Send all of both, in one system call where there is room. -1 likewise. */
int green_socket_send_two(green_socket_call *call, const char *first, size_t first_size,
                          const char *second, size_t second_size);

/* Methods of the base type, unbound. */
typedef enum {
    BASE_FILENO,
    BASE_SETBLOCKING,
    BASE_CLOSE,
    BASE_DETACH,
    BASE_ACCEPT,
    BASE_CONNECT_EX,
    BASE_SHUTDOWN,
    BASE_RECVFROM,
    BASE_RECVFROM_INTO,
    BASE_RECVMSG,
    BASE_RECVMSG_INTO,
    BASE_SENDTO,
    BASE_SENDMSG,
    BASE_METHODS,
} green_socket_base;
extern PyObject *green_socket_base_method[BASE_METHODS];

/* Call one of them with no arguments. New reference; NULL with an exception. */
PyObject *green_socket_call_simple(green_socket_base method, PyObject *self);

/* Methods of green sockets: close the descriptor, or give it up. */
PyObject *green_socket_real_close(PyObject *self, PyObject *unused);
PyObject *green_socket_detach(PyObject *self, PyObject *unused);

/* Call one of them, again after each wait for `events` as long as it would block. `flags_index`:
   which argument is the flags, for MSG_DONTWAIT. New reference, NULL with an exception. */
PyObject *green_socket_call_base(PyObject *self, green_socket_base method, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t flags_index,
                                 int events, const char *verb);

/* The address with its host name looked up, where it has one. New reference; NULL with an
 * exception. */
PyObject *green_socket_resolve(PyObject *self, PyObject *address);

/* Register a fresh descriptor with the object. -1 with an exception. */
int green_socket_init(PyObject *self, int family, int type, int proto, PyObject *fileno,
                      bool is_nonblocking);

/* `timeout` of the Python interface: None or seconds. -1 with an exception. */
int green_socket_parse_timeout(PyObject *value, double *timeout);

/* greencore.socket.socket, which accept() makes. */
extern PyObject *green_socket_class;

/* Methods by file: recv.c, send.c, connect.c. */
extern PyMethodDef green_socket_recv_methods[];
extern PyMethodDef green_socket_send_methods[];
extern PyMethodDef green_socket_connect_methods[];

int green_socket_exec(PyObject *module);

#endif
