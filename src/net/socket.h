/* The C half of greencore.socket.socket: a subtype of the standard _socket.socket whose descriptor
   is always non-blocking, and whose blocking methods park the greenlet. The base keeps what it
   knows best (addresses, options); the green_socket lies behind it in memory. */
#ifndef GREEN_NET_SOCKET_H
#define GREEN_NET_SOCKET_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "hub/file.h"

typedef struct green_socket {
    green_file file;    /* file.fd is -1 once closed or detached */
    double timeout;     /* s; negative: no limit; 0: calls don't wait */
    PyObject *raw;      /* owned; see net/rawsocket.h; NULL until asked for */
    Py_ssize_t io_refs; /* open files of makefile(); the last one closes a closed socket's
                           descriptor */
    int family;
    int type;
    int proto;
    bool closed;
    bool drained;  /* the last recv got less than it asked for, so the next one waits first */
    bool prompt;   /* data was there at once when a recv waited first, so the next ones try first
                      all the same */
    uint8_t waits; /* how many receives waited first; some of these waits are timed */
} green_socket;

extern PyTypeObject *Socket_Type;

extern Py_ssize_t green_socket_offset;

static inline green_socket *
green_socket_of(PyObject *self)
{
    return (green_socket *)((char *)self + green_socket_offset);
}

/* One blocking call. Its time-out covers all its waits together. */
typedef struct green_socket_call {
    PyObject *self; /* borrowed */
    green_socket *socket;
    const char *verb;  /* for LoopExit, a literal */
    double timeout;    /* s, as in green_socket */
    uint64_t deadline; /* ns; 0: the call has not waited yet */
} green_socket_call;

static inline green_socket_call
green_socket_call_begin(PyObject *self, const char *verb)
{
    green_socket *s = green_socket_of(self);
    return (green_socket_call){self, s, verb, s->timeout, 0};
}

/* Wait for GREEN_READ or GREEN_WRITE. 0; -1 with an exception: TimeoutError, or what ended the
   wait. */
int green_socket_wait(green_socket_call *call, int events);

/* A system call has failed with errno. 0 when it is to be made again (after a wait, if it would
   block); -1 with an exception. */
int green_socket_again(green_socket_call *call, int events, int flags);

/* Receive into `buffer` as recv(2) does with `flags`, waiting until something comes. Returns how
   many bytes; -1 with an exception. */
Py_ssize_t green_socket_receive(green_socket_call *call, char *buffer, size_t size, int flags);

/* Send all of the data, waiting for room. 0; -1 with an exception, and a part may have been
   sent. */
int green_socket_send_whole(green_socket_call *call, const char *data, size_t size, int flags);

/* Send `count` pieces by one system call with `flags`, giving up the interpreter lock where copying
   takes long enough to pay for that. Returns as sendmsg(2) does; may set errno. */
ssize_t green_socket_sendmsg(int fd, struct iovec *pieces, int count, int flags);

/* Send all of `first`, then all of `second`; one system call does it where there is room. 0 or -1
   as above. */
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

/* Call a method of the base with no arguments. New reference; NULL with an exception. */
PyObject *green_socket_call_simple(green_socket_base method, PyObject *self);

/* Methods of green sockets: the first closes the descriptor, the second gives it up. */
PyObject *green_socket_real_close(PyObject *self, PyObject *unused);
PyObject *green_socket_detach(PyObject *self, PyObject *unused);

/* Call a method of the base, again after each wait for `events` as long as it would block.
   `flags_index` is the number of the argument with the flags, which may have MSG_DONTWAIT. New
   reference; NULL with an exception. */
PyObject *green_socket_call_base(PyObject *self, green_socket_base method, PyObject *const *args,
                                 Py_ssize_t nargs, PyObject *kwnames, Py_ssize_t flags_index,
                                 int events, const char *verb);

/* Returns the address with its host name looked up, where it has one. New reference; NULL with an
   exception. */
PyObject *green_socket_resolve(PyObject *self, PyObject *address);

/* Initialize the base with these arguments, and the green_socket with the descriptor that the base
   then has. is_nonblocking: `fileno` is a descriptor that does not block, or None for a new one. 0,
   or -1 with an exception: a descriptor that was given is still the caller's then. */
int green_socket_init(PyObject *self, int family, int type, int proto, PyObject *fileno,
                      bool is_nonblocking);

/* Parse a `timeout` of Python, None or seconds, into what green_socket has. 0, or -1 with an
   exception. */
int green_socket_parse_timeout(PyObject *value, double *timeout);

/* The class of the sockets that accept() makes: greencore.socket.socket. */
extern PyObject *green_socket_class;

/* The methods that are in recv.c, send.c and connect.c. */
extern PyMethodDef green_socket_recv_methods[];
extern PyMethodDef green_socket_send_methods[];
extern PyMethodDef green_socket_connect_methods[];

int green_socket_exec(PyObject *module);

#endif
