/* One connection of a WSGI server: what greencore.pywsgi.WSGIHandler is in C. Each step of a
   request is a method that a subclass may override; where it overrides none of them, C calls C. */
#ifndef GREEN_HTTP_HANDLER_H
#define GREEN_HTTP_HANDLER_H

#include <Python.h>
#include <stdbool.h>
#include "http/buffer.h"
#include "http/head.h"
#include "http/input.h"
#include "http/service.h"
#include "http/source.h"
#include "net/socket.h"

/* What the answer's length is known from. */
typedef enum {
    GREEN_LENGTH_UNKNOWN,
    GREEN_LENGTH_GIVEN,  /* by the application's Content-Length */
    GREEN_LENGTH_WAIVED, /* provided_content_length was set: the server adds nothing */
} green_length_kind;

typedef struct HandlerObject {
    PyObject_HEAD
    green_source source;
    green_head head;
    green_idle idle;
    green_socket *plain;  /* borrowed from `connection`; NULL: `socket` is used by its methods */
    PyObject *connection; /* owned; the socket it was made with: waits rely on it */
    PyObject *socket;     /* this and the next two: None in a handler that isn't made yet */
    PyObject *client_address;
    PyObject *server;
    ServiceObject *service; /* owned, never NULL */
    PyObject *rfile;        /* owned; NULL: not asked for */
    PyObject *given_rfile;  /* owned; NULL: the socket is read */
    PyObject *slot;         /* owned; the pool's semaphore, or NULL */
    PyObject *remote_port;
    /* The request. */
    PyObject *raw_head; /* owned bytes; NULL unless a hook or the log may ask for them */
    PyObject *requestline;
    PyObject *headers;
    PyObject *environ;
    PyObject *base_environ; /* owned: the server's, to be copied; NULL: it is asked */
    PyObject *application;
    PyObject *upgrade; /* owned; what server.upgrade() returned, or NULL: its finish() is called */
    PyObject *wsgi_input;
    PyObject *result;
    double time_start;
    double time_finish;
    /* Seconds that the client may still be waited for, negative: for ever. What it sends, and what
       it takes, gives back some. */
    double read_credit;
    double write_credit;
    /* The answer. */
    green_buffer out;           /* its head, from start_response on */
    PyObject *status;           /* owned bytes; NULL: start_response was not called */
    PyObject *orig_status;      /* owned str, or NULL */
    PyObject *response_headers; /* owned list of pairs of bytes, once a hook has asked; or NULL */
    PyObject *provided_date;    /* owned, or NULL */
    Py_ssize_t given_length;    /* with GREEN_LENGTH_GIVEN */
    Py_ssize_t body_sent;       /* bytes of the body, chunks' framing apart */
    Py_ssize_t response_length; /* bytes sent, the head included */
    int code;
    uint8_t length_kind; /* green_length_kind */
    uint8_t in_a_row;    /* requests that came without a wait */
    char close_connection;
    char headers_sent;
    char response_use_chunked;
    char connection_upgraded;
    char handed_over;     /* somebody else has the socket now */
    char says_connection; /* the answer's head has a Connection field */
    char own_encoding;    /* it has a Transfer-Encoding */
    char at_request;      /* counted in service->active */
    char aborted;         /* nothing more can be sent */
    char slot_released;
    char spoke;   /* the client has sent something already */
    char lingers; /* the client may be sending still: to close at once would lose the answer */
    char logs;    /* the server has a log that wants lines */
    uint32_t overrides; /* hooks that the class overrides, by bit */
} HandlerObject;

extern PyTypeObject *Handler_Type;

/* The steps that may be overridden. */
typedef enum {
    HOOK_HANDLE_ONE_REQUEST,
    HOOK_READ_REQUESTLINE,
    HOOK_READ_REQUEST,
    HOOK_GET_ENVIRON,
    HOOK_HANDLE_ONE_RESPONSE,
    HOOK_RUN_APPLICATION,
    HOOK_PROCESS_RESULT,
    HOOK_START_RESPONSE,
    HOOK_FINALIZE_HEADERS,
    HOOK_WRITE,
    HOOK_SENDALL,
    HOOK_LOG_REQUEST,
    HOOK_FORMAT_REQUEST,
    HOOKS,
} green_hook_id;

extern const char *const green_hook_names[HOOKS];

static inline bool
green_handler_overrides(const HandlerObject *self, green_hook_id hook)
{
    return (self->overrides >> hook & 1) != 0;
}

/* Call the method, whoever's it is. `arg` NULL: none. New reference. */
PyObject *green_handler_call(HandlerObject *self, green_hook_id hook, PyObject *arg);

/* transport.c: all with the service's time-outs. */

/* Once, with `socket` set. */
void green_transport_init(HandlerObject *self);

/* The client may be waited for anew, as long as the service says. */
void green_transport_renew(HandlerObject *self);

/* Wait, as an idle connection, until there is something to read, `seconds` at most (negative: for
   ever). 1; 0: it is to be closed; GREEN_NOT_YET: they have passed; -1 with an exception. */
int green_transport_idle(HandlerObject *self, double seconds);

/* Receive at most `size` bytes, waiting `*seconds` at most (negative: for ever): TimeoutError. What
   was waited is taken off. 0 at the end. */
Py_ssize_t green_transport_receive(HandlerObject *self, char *into, size_t size, double *seconds);

/* Receive what is there already. GREEN_NOT_YET: nothing, or it can't be told without waiting. */
enum { GREEN_NOT_YET = -2 };
Py_ssize_t green_transport_try(HandlerObject *self, char *into, size_t size);

/* The same as receive for a part of the body, with the credit that there is for it. */
Py_ssize_t green_transport_receive_body(HandlerObject *self, char *into, size_t size);

struct iovec;
/* Send all; `vector` is used up. -1 with an exception, and self->aborted. */
int green_transport_send(HandlerObject *self, struct iovec *vector, int count);
int green_transport_send_bytes(HandlerObject *self, const void *bytes, size_t count);

/* Send `count` bytes of a file from `offset` on, behind `head`. Fewer where the file ends before:
   returns the number; -1 with an exception. A plain socket only. */
Py_ssize_t green_transport_send_file(HandlerObject *self, const green_buffer *head, int file,
                                     Py_ssize_t offset, Py_ssize_t count);

/* Whether something came that nobody has read. */
bool green_transport_has_unread(HandlerObject *self);

/* Shut down the sending half and read what still comes, so that the answer is not lost by a reset;
   bounded by the service. No exception. */
void green_transport_linger(HandlerObject *self);

/* Close the descriptor, whoever else holds the socket. No exception. */
void green_transport_close(HandlerObject *self);

/* response.c */

void green_response_reset(HandlerObject *self);
PyObject *green_response_start(HandlerObject *self, PyObject *status, PyObject *headers,
                               PyObject *exc_info);
int green_response_write(HandlerObject *self, PyObject *data);
int green_response_process(HandlerObject *self);
PyObject *green_response_get_headers(HandlerObject *self);
extern PyMethodDef green_response_methods[];

/* connection.c */
extern PyMethodDef green_connection_methods[];

/* *slot = value (stolen). */
static inline void
green_handler_set(PyObject **slot, PyObject *value)
{
    PyObject *old = *slot;
    *slot = value;
    Py_XDECREF(old);
}

/* log.c: server.log gets the line of this request. -1 with an exception. */
int green_log_request(HandlerObject *self);
PyObject *green_log_format(HandlerObject *self);

int green_handler_exec(PyObject *module);

#endif
