/* Readiness of descriptors: one libuv poll handle per descriptor and loop, shared by all that wait
   on it. */
#ifndef GREEN_HUB_FD_H
#define GREEN_HUB_FD_H

#include <Python.h>
#include "hub/loop.h"
#include "hub/wait.h"

enum { GREEN_READ = 1, GREEN_WRITE = 2, GREEN_FD_CLOSED = 4 };

typedef struct green_fd green_fd;

/* One interest in a descriptor: a parked greenlet's, or an io watcher's. */
typedef struct green_fd_interest {
    green_link link;  /* among the fd's interests; a circle of one: not started */
    green_fd *fd;     /* set while started */
    int events;       /* GREEN_READ | GREEN_WRITE wanted */
    int revents;      /* what fired; GREEN_FD_CLOSED: the descriptor was closed under it */
    bool ref;         /* keeps the loop running */
    /* Called from the poll without the interpreter lock (`polling`), or with it (closed). Fires a
       ready node. The interest stays started until stopped. */
    void (*fire)(struct green_fd_interest *interest, int revents);
} green_fd_interest;

/* Start: registers with the loop's poller; -1 with OSError. `keep_armed`: the descriptor's close goes
   through green_fd_closed, so that its handle may stay registered between waits. */
int green_fd_start(LoopObject *loop, green_fd_interest *interest, int fd, bool keep_armed);
void green_fd_stop(LoopObject *loop, green_fd_interest *interest);

/* Park the running greenlet until one of `events` is there. Returns the events (> 0), 0 when
   `seconds` (negative: for ever) passed, -1 with an exception: OSError EBADF when the descriptor is closed
   meanwhile by green_fd_closed. `verb`, `object`: for LoopExit. */
int green_fd_wait(int fd, int events, double seconds, bool keep_armed, const char *verb,
                  PyObject *object);

/* The descriptor is about to be closed (or handed to somebody else): stop polling it, wake all who wait with
   GREEN_FD_CLOSED, on this thread's loop. Call before close(2). */
void green_fd_closed(LoopObject *loop, int fd);

#endif
