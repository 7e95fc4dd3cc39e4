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
    /* Pushes a ready node. The interest stays started, and fires again at each poll, until
       green_fd_stop. Only with GREEN_FD_CLOSED has it been stopped before this call. */
    void (*fire)(struct green_fd_interest *interest, int revents);
    GreenletObject *greenlet; /* whose wait it is, borrowed; NULL: a watcher's */
} green_fd_interest;

/* Names who has a descriptor open; no name is given twice, and 0 stands for somebody unknown. An
   owner other than 0 promises to call green_fd_closed before it closes the descriptor, so its
   handle stays registered with the kernel between waits. When the same number comes with another
   owner, the handle is registered anew: a number that was reused never meets an old registration.
 */
typedef uint64_t green_fd_owner;

green_fd_owner green_fd_owner_new(void);

/* Start the interest: the descriptor is registered with the loop's poller. -1 with OSError. A file
   that cannot be polled (a regular one) counts as always ready. */
int green_fd_start(LoopObject *loop, green_fd_interest *interest, int fd, green_fd_owner owner);

/* Stop the interest. Stopping one that is stopped does nothing, and all are once the loop is
   destroyed. */
void green_fd_stop(LoopObject *loop, green_fd_interest *interest);

/* The descriptor is about to be closed, or handed to somebody else: this thread's loop stops
   polling it, and wakes all who wait for it with GREEN_FD_CLOSED. Call this before close(2). */
void green_fd_closed(LoopObject *loop, int fd);

/* `owner` gives up the descriptor, which stays open. The loop trusts no registration that was made
   for this owner any more. */
void green_fd_disown(LoopObject *loop, int fd, green_fd_owner owner);

/* Somebody wants to close a descriptor by its number. For one that the loop has opened for itself
   this returns false, and the descriptor must stay open: a program that becomes a daemon closes
   every number that it finds. For all others it does what green_fd_closed does, and returns true.
 */
bool green_fd_closing(LoopObject *loop, int fd);

#endif
