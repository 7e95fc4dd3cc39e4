/* libuv's side of a loop, and what stands on it: its parts. Only files in loop/ include this, and
   with it uv.h. Rules for each handle: stop before close; closed handles are freed in their close
   callback; libuv is called only by the loop's own thread; after a fork uv_loop_fork comes first;
   each is unref'd at once, for LoopObject.refs says what keeps the loop running. */
#ifndef GREEN_LOOP_POLL_H
#define GREEN_LOOP_POLL_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "switch/list.h"

struct GreenletObject;
struct green_part;

/* What a part has to do when something befalls the poll. NULL: nothing. */
typedef struct green_part_kind {
    /* After a poll: the eventfd was written to. */
    void (*woken)(struct green_part *part);
    /* In a forked child, whose poll is its own by now. 0, or -1 with an exception. */
    int (*forked)(struct green_part *part);
    /* In a forked child: stop what greenlets have asked for that `stale` is true for. */
    void (*prune)(struct green_part *part, bool (*stale)(const struct GreenletObject *));
    /* The poll ends: detach those who point here, and free. Where it is lost, no handle and no
       descriptor may be touched, and memory that has handles in it stays. */
    void (*closed)(struct green_part *part, bool lost);
    /* Is the descriptor one that the part has opened for itself? */
    bool (*owns)(const struct green_part *part, int fd);
} green_part_kind;

typedef struct green_part {
    const green_part_kind *kind;
} green_part;

/* In the order in which they are told. */
typedef enum { GREEN_FDS, GREEN_SIGNALS, GREEN_INTERRUPT, GREEN_PART_COUNT } green_part_index;

/* What a uv callback has seen, without the interpreter lock: told once that is held again, for the
   ready queue is guarded by it. */
typedef struct green_seen {
    green_link link; /* among green_poll.seen, or a circle of one */
    void (*tell)(struct green_seen *seen);
} green_seen;

typedef struct green_poll {
    uv_loop_t uv;
    uv_poll_t wake;    /* unref'd; of wake_fd: other threads end a sleep with it */
    int wake_fd;       /* an eventfd: a uv_async_t waits for who is just sending */
    bool suspect;      /* a call failed, or a fork came: see whether it is lost */
    uint64_t looked;   /* ns; when it was last seen whether the timerfd is there */
    int ring_fd;       /* libuv's io_uring, of which it does not tell; or -1 */
    uv_poll_t alarm;   /* unref'd; of alarm_fd: a deadline of the loop's own timers */
    int alarm_fd;      /* a timerfd: libuv's own timers know milliseconds only */
    uint64_t alarm_at; /* what it is set to, ns; UINT64_MAX: not set */
    green_link seen;   /* green_seen, in the order seen; the polling thread's only */
    green_seen woken;  /* the eventfd was written to */
    green_part *parts[GREEN_PART_COUNT]; /* each its own file's; NULL until first used */
} green_poll;

/* NULL with an exception. */
green_poll *green_poll_new(void);

/* Close its parts and every handle, run the closing, free. Lost: somebody has closed what it polls
   with, or a fork has left it with the parent; its numbers may be somebody else's by now, so only
   the parts are told. With the interpreter lock; runs no Python code. */
void green_poll_free(green_poll *poll, bool lost);

/* May it sleep until the deadline (ns; UINT64_MAX: for ever)? Sets the alarm for it. */
bool green_poll_sleeps(green_poll *poll, uint64_t deadline);

/* Is what it polls with still there? Where it is not, libuv would abort the process. Sees that in
   most cases, at `now` (ns) and for a poll that sleeps or does not. */
bool green_poll_intact(green_poll *poll, bool sleeps, uint64_t now);

/* One look at the system, which sleeps or does not. Callbacks note what they see. */
void green_poll_run(green_poll *poll, bool sleeps);

/* From a uv callback: keep it in mind. Harmless when that was done. */
static inline void
green_poll_note(green_poll *poll, green_seen *seen)
{
    if (!green_link_linked(&seen->link)) {
        green_list_append(&poll->seen, &seen->link);
    }
}

/* After a poll: tell all that was seen, which queues entries. Runs no Python code. */
void green_poll_tell(green_poll *poll);

/* Do now what libuv would do as it begins to poll: tell the kernel of a handle that was started.
   libuv aborts when that fails, since somebody has closed the descriptor. 0, or a negative errno.
 */
int green_poll_register(uv_poll_t *handle);

/* Do handles or requests of others (libraries that share the uv_loop_t) keep it running? All of our
   own are unref'd in libuv; LoopObject.refs counts those that matter. */
bool green_poll_alive(const green_poll *poll);

/* Is the descriptor one that libuv, the poller or a part has opened for itself? */
bool green_poll_owns_fd(const green_poll *poll, int fd);

/* End a sleep, from any thread. */
void green_poll_wake(green_poll *poll);

/* In a forked child, before anything else. 0 or -1 with an exception. */
int green_poll_forked(green_poll *poll);

/* In a forked child that goes on with one greenlet: each part's `prune`. */
void green_poll_prune(green_poll *poll, bool (*stale)(const struct GreenletObject *));

/* Set OSError from a libuv error code (negative errno). Returns NULL. */
PyObject *green_poll_error(int code);

#endif
