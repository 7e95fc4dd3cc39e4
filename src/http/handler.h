/* One connection of a WSGI server: the base in C of greencore.pywsgi.WSGIHandler. Each step of a
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

/* How the length of an answer's body is known. */
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
    green_socket *plain;  /* borrowed from `connection`; NULL: the methods of `socket` are called */
    PyObject *connection; /* owned; the socket that the handler was made with: waits rely on it */
    PyObject *socket;     /* this and the next two are None until the handler was initialised */
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
    PyObject *base_environ; /* owned; to be copied; NULL: server.get_environ() is called */
    PyObject *application;
    PyObject *upgrade; /* owned; what server.upgrade() returned, to be finished; or NULL */
    PyObject *wsgi_input;
    PyObject *result;
    double time_start;
    double time_finish;
    /* Seconds that the client may still be waited for; negative: for ever. The bytes that it sends,
       and those that it takes, give some back. */
    double read_credit;
    double write_credit;
    /* The answer. */
    green_buffer out;           /* the head, from start_response on */
    PyObject *status;           /* owned bytes; NULL: start_response was not called */
    PyObject *orig_status;      /* owned str, or NULL */
    PyObject *response_headers; /* owned list of pairs of bytes, once a hook has asked; or NULL */
    PyObject *provided_date;    /* owned, or NULL */
    Py_ssize_t given_length;    /* with GREEN_LENGTH_GIVEN */
    Py_ssize_t body_sent;       /* bytes of the body, chunks' framing apart */
    Py_ssize_t response_length; /* bytes sent, the head included */
    int code;
    uint8_t length_kind; /* green_length_kind */
    uint8_t in_a_row;    /* requests in a row that came without a wait */
    char close_connection;
    char headers_sent;
    char response_use_chunked;
    char connection_upgraded;
    char handed_over;     /* somebody else has the socket now */
    char says_connection; /* the application's head has a Connection field */
    char own_encoding;    /* the application's head has a Transfer-Encoding field */
    char at_request;      /* counted in service->active */
    char aborted;         /* nothing more can be sent */
    char slot_released;
    char spoke;   /* the client has sent something already */
    char lingers; /* the client may be sending still: to close at once would lose the answer */
    char logs;    /* the server has a log that wants lines */
    uint32_t overrides; /* a bit for each green_hook_id that the class overrides */
} HandlerObject;

extern PyTypeObject *Handler_Type;

/* The hooks: steps of a request that a subclass may override. */
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

/* Call the method of a hook, the subclass's or the base's, with `arg` (NULL: without). New
   reference. */
PyObject *green_handler_call(HandlerObject *self, green_hook_id hook, PyObject *arg);

/* transport.c keeps the service's time-outs in all that follows. */

/* Prepare the handler for its socket. This is called once, after `socket` is set. */
void green_transport_init(HandlerObject *self);

/* Give the client all its time again: body_timeout to send, write_timeout to take. */
void green_transport_renew(HandlerObject *self);

/* Wait as an idle connection, at most `seconds` (negative: for ever). Returns 1 when there is
   something to read; 0 when the connection is to be closed; GREEN_NOT_YET when the seconds have
   passed; -1 with an exception. */
int green_transport_idle(HandlerObject *self, double seconds);

/* Receive at most `size` bytes. This waits at most `*seconds` (negative: for ever), then raises
   TimeoutError; the time that it waited is taken off. Returns 0 at the end; -1 with an
   exception. */
Py_ssize_t green_transport_receive(HandlerObject *self, char *into, size_t size, double *seconds);

/* Receive what is there already. Returns GREEN_NOT_YET if nothing is, or if only a wait would
   tell. */
enum { GREEN_NOT_YET = -2 };
Py_ssize_t green_transport_try(HandlerObject *self, char *into, size_t size);

/* Receive by `receive` into the buffer of what comes in, which holds nothing meanwhile: who uses
   the connection as it is waited for can't give back the memory that is received into. Returns 1; 0
   at the end; -1 with an exception. */
typedef Py_ssize_t green_receiver(HandlerObject *self, char *into, size_t size, double *seconds);
int green_transport_fill(HandlerObject *self, green_receiver *receive, double *seconds);

struct iovec;
/* Send all pieces, and change `vector` meanwhile. Returns 0, or -1 with an exception and
   self->aborted. */
int green_transport_send(HandlerObject *self, struct iovec *vector, int count);
int green_transport_send_bytes(HandlerObject *self, const void *bytes, size_t count);

/* Send `head`, and behind it `count` bytes of a file from `offset` on. Returns how many bytes of
   the file were sent: fewer, where it ends before; -1 with an exception. The handler must have a
   plain socket. */
Py_ssize_t green_transport_send_file(HandlerObject *self, const green_buffer *head, int file,
                                     Py_ssize_t offset, Py_ssize_t count);

/* Whether the client has sent something that nobody has read. */
bool green_transport_has_unread(HandlerObject *self);

/* Shut down the sending half and read what still comes, so that the answer is not lost by a reset.
   The service bounds the time and the bytes. If the wait ends by an exception, such as a kill, that
   is set afterwards. */
void green_transport_linger(HandlerObject *self);

/* Close the descriptor, whoever else holds the socket. Keeps the current exception, and raises
   none. */
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

/* Set *slot to `value` (stolen). */
static inline void
green_handler_set(PyObject **slot, PyObject *value)
{
    PyObject *old = *slot;
    *slot = value;
    Py_XDECREF(old);
}

/* log.c: write the line of this request to server.log. Returns 0, or -1 with an exception. */
int green_log_request(HandlerObject *self);
PyObject *green_log_format(HandlerObject *self);

int green_handler_exec(PyObject *module);

#endif
