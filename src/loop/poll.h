/* libuv's side of a loop. Only files in loop/ include this, and with it uv.h. Rules for each
   handle: stop before close; closed handles are freed in their close callback; libuv is called only
   by the loop's own thread, but for uv_async_send; after a fork uv_loop_fork comes first; each is
   unref'd at once, for LoopObject.refs says what keeps the loop running. */
#ifndef GREEN_LOOP_POLL_H
#define GREEN_LOOP_POLL_H

#include <uv.h>
#include "loop/fd.h"
#include "loop/loop.h"

typedef struct green_poll {
    uv_loop_t uv;          /* uv.data is the LoopObject, borrowed */
    uv_poll_t wake;        /* unref'd; of wake_fd: other threads end a sleep with it */
    int wake_fd;           /* an eventfd: a uv_async_t waits for who is just sending */
    bool suspect;          /* a call failed, or a fork came: see whether it is lost */
    bool lost;             /* somebody has closed what it polls with: nothing of it may be used */
    uint64_t looked;       /* ns; when it was last seen whether the timerfd is there */
    int ring_fd;           /* libuv's io_uring, of which it does not tell; or -1 */
    uv_poll_t alarm;       /* unref'd; of alarm_fd: a deadline of the loop's own timers */
    int alarm_fd;          /* a timerfd: libuv's own timers know milliseconds only */
    uint64_t alarm_at;     /* what it is set to, ns; UINT64_MAX: not set */
    struct green_fds *fds; /* loop/fd.c; NULL until first used */
    struct green_interrupt *interrupt; /* the main thread's; NULL elsewhere */
    struct green_listener *listener;   /* loop/signals.c; NULL until first used */
} green_poll;

/* -1 with an exception. */
green_poll *green_poll_new(LoopObject *loop);

/* Close every handle, run the closing, free. */
void green_poll_free(green_poll *poll);

/* One look at the system: waits at most until the deadline (ns; UINT64_MAX: for ever), or not at
   all. What is seen goes to loop->fired. Releases the interpreter lock while it may sleep. 0, or -1
   with RuntimeError where it was seen that somebody has closed what it polls with, for libuv would
   abort. */
int green_poll_run(LoopObject *loop, bool nowait, uint64_t deadline);

/* Do now what libuv would do as it begins to poll: tell the kernel of a handle that was started.
   libuv aborts when that fails, since somebody has closed the descriptor. 0, or a negative errno.
 */
int green_poll_register(uv_poll_t *handle);

/* Do handles or requests of others (libraries that share the uv_loop_t) keep it running? All of our
   own are unref'd in libuv; LoopObject.refs counts those that matter. */
bool green_poll_alive(const green_poll *poll);

/* Is the descriptor one that libuv or the poller has opened for itself? */
bool green_poll_owns_fd(const green_poll *poll, int fd);

/* End a sleep, from any thread. */
void green_poll_wake(green_poll *poll);

/* In a forked child, before anything else. 0 or -1 with an exception. */
int green_poll_forked(LoopObject *loop);

/* loop/fd.c's part of free and of fork: close every handle, its memory goes with the closing;
   register again what is waited for, after uv_loop_fork. */
void green_fds_close(green_poll *poll);
void green_fds_forked(green_poll *poll);

/* Set OSError from a libuv error code (negative errno). Returns NULL. */
PyObject *green_poll_error(int code);

#endif
