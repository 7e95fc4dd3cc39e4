/* Readiness of descriptors: one libuv poll handle per descriptor and loop, shared by all that are
   interested in it. */
#ifndef GREEN_LOOP_FD_H
#define GREEN_LOOP_FD_H

#include <Python.h>
#include "loop/loop.h"

/* GREEN_PRIORITY: out-of-band data. */
enum { GREEN_READ = 1, GREEN_WRITE = 2, GREEN_PRIORITY = 4, GREEN_FD_CLOSED = 8 };

typedef struct green_fd green_fd;

/* One interest in a descriptor: a parked greenlet's, or an io watcher's. */
typedef struct green_fd_interest {
    green_link link; /* among the fd's interests; a circle of one: not started */
    green_fd *fd;    /* set while started, else NULL */
    int events;  /* GREEN_READ, GREEN_WRITE, GREEN_PRIORITY wanted; 0: only GREEN_FD_CLOSED is told
                  */
    int revents; /* what fired; whoever consumes it clears it */
    bool ref;    /* keeps the loop running */
    /* Pushes a ready node. The interest stays started until stopped, and fires again at each poll
       until then; with GREEN_FD_CLOSED it has been stopped. */
    void (*fire)(struct green_fd_interest *interest, int revents);
    GreenletObject *greenlet; /* whose wait it is, borrowed; NULL: a watcher's */
} green_fd_interest;

/* Who has a descriptor open, never used twice; 0: unknown. A handle stays registered between waits
   for an owner other than 0, whose close goes through green_fd_closed; seen with another owner it
   is registered anew, so a reused number never meets an old registration. */
typedef uint64_t green_fd_owner;

green_fd_owner green_fd_owner_new(void);

/* Start: registers with the loop's poller; -1 with OSError. What cannot be polled (a regular file)
   is always ready. */
int green_fd_start(LoopObject *loop, green_fd_interest *interest, int fd, green_fd_owner owner);

/* Harmless on a stopped one, as all are once the loop is destroyed. */
void green_fd_stop(LoopObject *loop, green_fd_interest *interest);

/* The descriptor is about to be closed (or handed to somebody else): stop polling it, wake all who
   wait with GREEN_FD_CLOSED, on this thread's loop. Call before close(2). */
void green_fd_closed(LoopObject *loop, int fd);

/* `owner` gives the descriptor up, which stays open: no registration of its is trusted any more. */
void green_fd_disown(LoopObject *loop, int fd, green_fd_owner owner);

/* As green_fd_closed for one that anybody has opened, and true. False for those that the loop has
   opened for itself: they are to stay open, since a program that becomes a daemon closes all that
   it finds. */
bool green_fd_closing(LoopObject *loop, int fd);

#endif
