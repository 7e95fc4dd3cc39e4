/* libuv's side of a loop, and its parts, which stand on it. Only files in loop/ include this
   header, and with it uv.h. Rules for each handle: stop it before you close it; free it in its
   close callback; only the loop's own thread calls libuv; after a fork uv_loop_fork comes first;
   unref it at once, for LoopObject.refs says what keeps the loop running. */
#ifndef GREEN_LOOP_POLL_H
#define GREEN_LOOP_POLL_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "switch/list.h"

struct GreenletObject;
struct green_part;

/* What a part does when something befalls the poll. NULL: nothing. */
typedef struct green_part_kind {
    /* Called after a poll in which the eventfd was written to. */
    void (*woken)(struct green_part *part);
    /* Called in a forked child, whose poll is its own by now. 0, or -1 with an exception. */
    int (*forked)(struct green_part *part);
    /* Called in a forked child: stops what greenlets have asked for that `stale` is true for. */
    void (*prune)(struct green_part *part, bool (*stale)(const struct GreenletObject *));
    /* Called when the poll ends: detaches whoever points to the part, and frees it. Where the poll
       is lost, no handle and no descriptor may be touched, and memory with handles in it stays. */
    void (*closed)(struct green_part *part, bool lost);
    /* Returns whether the part has opened the descriptor for itself. */
    bool (*owns)(const struct green_part *part, int fd);
} green_part_kind;

typedef struct green_part {
    const green_part_kind *kind;
} green_part;

/* Parts are told in this order. */
typedef enum { GREEN_FDS, GREEN_SIGNALS, GREEN_INTERRUPT, GREEN_PART_COUNT } green_part_index;

/* What a callback of libuv has seen, without the interpreter lock. It is told once the lock is
   held, since the lock guards the ready queue. */
typedef struct green_seen {
    green_link link; /* among green_poll.seen, or a circle of one */
    void (*tell)(struct green_seen *seen);
} green_seen;

typedef struct green_poll {
    uv_loop_t uv;
    uv_poll_t wake;    /* unref'd; watches wake_fd, by which other threads end a sleep */
    int wake_fd;       /* an eventfd: a uv_async_t waits for a thread that is just sending */
    bool suspect;      /* a call failed, or a fork came: the loop may be lost */
    uint64_t looked;   /* when it was last looked whether the timerfd is there, ns */
    int ring_fd;       /* libuv's io_uring, whose number libuv does not tell; or -1 */
    uv_poll_t alarm;   /* unref'd; watches alarm_fd, for deadlines of the loop's own timers */
    int alarm_fd;      /* a timerfd: libuv's own timers know only milliseconds */
    uint64_t alarm_at; /* when the timerfd expires, ns; UINT64_MAX: it is not set */
    green_link seen;   /* green_seen, in the order seen; only the polling thread's */
    green_seen woken;  /* tells that the eventfd was written to */
    green_part *parts[GREEN_PART_COUNT]; /* each belongs to its own file; NULL until first used */
} green_poll;

/* Makes a poll. NULL with an exception. */
green_poll *green_poll_new(void);

/* Closes the parts and every handle, runs libuv until they are closed, and frees the poll. `lost`:
   somebody has closed what the poll works with, or a fork has left it with the parent. Its numbers
   may be somebody else's by now, so only the parts are told, and the memory stays. Call this with
   the interpreter lock. It runs no Python code. */
void green_poll_free(green_poll *poll, bool lost);

/* Returns whether the poll may sleep until the deadline (ns; UINT64_MAX: for ever), for which it
   sets the alarm. */
bool green_poll_sleeps(green_poll *poll, uint64_t deadline);

/* Returns whether the poll's own descriptors are still there. If they are not, libuv would abort
   the process. This sees it in most cases, for a poll at `now` (ns) that sleeps or does not. */
bool green_poll_intact(green_poll *poll, bool sleeps, uint64_t now);

/* Polls once. Sleeps until something comes, or does not sleep. Callbacks note what they see. */
void green_poll_run(green_poll *poll, bool sleeps);

/* Called by a callback of libuv: keeps `seen`, to be told later. Does nothing if that was done. */
static inline void
green_poll_note(green_poll *poll, green_seen *seen)
{
    if (!green_link_linked(&seen->link)) {
        green_list_append(&poll->seen, &seen->link);
    }
}

/* Called after a poll: tells all that was seen, which queues entries. Runs no Python code. */
void green_poll_tell(green_poll *poll);

/* Tells the kernel of a handle that was started, which libuv would do as it begins to poll. libuv
   aborts when that fails, since somebody has closed the descriptor. 0, or a negative errno. */
int green_poll_register(uv_poll_t *handle);

/* Returns whether handles or requests of others (libraries that share the uv_loop_t) keep the loop
   running. All of our own are unref'd in libuv: LoopObject.refs counts those that matter. */
bool green_poll_alive(const green_poll *poll);

/* Returns whether libuv, the poll or a part has opened the descriptor for itself. */
bool green_poll_owns_fd(const green_poll *poll, int fd);

/* Ends a sleep. Any thread may call this. */
void green_poll_wake(green_poll *poll);

/* Called in a forked child, before anything else: makes the poll its own. 0, or -1 with an
   exception. */
int green_poll_forked(green_poll *poll);

/* Called in a forked child that goes on with one greenlet: calls each part's `prune`. */
void green_poll_prune(green_poll *poll, bool (*stale)(const struct GreenletObject *));

/* Sets OSError from a libuv error code (a negative errno). Returns NULL. */
PyObject *green_poll_error(int code);

#endif
