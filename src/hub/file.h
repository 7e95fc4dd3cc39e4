/* A file that greenlets wait on: a descriptor, as whoever has opened it sees it. */
#ifndef GREEN_HUB_FILE_H
#define GREEN_HUB_FILE_H

#include <Python.h>
#include "hub/wait.h"
#include "loop/fd.h"

/* At most one greenlet at a time may wait for a file in each direction. */
typedef struct green_file {
    int fd;
    green_fd_owner owner;
    bool ref;                      /* waits for it keep the loop running */
    struct green_fd_wait *reading; /* on a parked greenlet's stack, or NULL */
    struct green_fd_wait *writing;
} green_file;

/* Parks the running greenlet until one of `events` is there. Returns the events (> 0), 0 when
   `seconds` (negative: for ever) have passed, or -1 with an exception: green_exc_cancel_wait
   (OSError EBADF) when the descriptor is closed meanwhile by green_fd_closed,
   ConcurrentObjectUseError when another greenlet waits in the same direction. LoopExit shows `verb`
   and `object` (borrowed). */
int green_file_wait(green_file *file, int events, double seconds, const char *verb,
                    PyObject *object);

/* Ends the waits for `events` with the exception `error` (class or object, borrowed). */
void green_file_cancel(green_file *file, int events, PyObject *error);

/* The descriptor is about to be closed. Whoever waits for the file, in any thread, gets
   green_exc_cancel_wait, and so does whoever waits for the same number in this thread. file->fd is
   -1 afterwards. */
void green_file_closing(green_file *file);

/* As green_file_closing, for a descriptor that is given away and stays open: only who waits for
   this file is woken, since others may have the same descriptor. */
void green_file_leaving(green_file *file);

/* greencore.socket.cancel_wait_ex: the OSError of a wait whose descriptor was closed. */
extern PyObject *green_exc_cancel_wait;

int green_file_exec(PyObject *module);

#endif
