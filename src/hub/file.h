/* A file that one waits on: a descriptor as the one sees it who has it open. */
#ifndef GREEN_HUB_FILE_H
#define GREEN_HUB_FILE_H

#include <Python.h>
#include "hub/wait.h"
#include "loop/fd.h"

/* At most one greenlet at a time may wait for it in each direction. */
typedef struct green_file {
    int fd;
    green_fd_owner owner;
    bool ref;                      /* its waits keep the loop running */
    struct green_fd_wait *reading; /* on a parked greenlet's stack, or NULL */
    struct green_fd_wait *writing;
} green_file;

/* Park the running greenlet until one of `events` is there. Returns the events (> 0), 0 when
   `seconds` (negative: for ever) passed, -1 with an exception: green_exc_cancel_wait (OSError
   EBADF) when the descriptor is closed meanwhile by green_fd_closed, ConcurrentObjectUseError when
   another greenlet waits for the same. `verb`, `object` (borrowed): for LoopExit. */
int green_file_wait(green_file *file, int events, double seconds, const char *verb,
                    PyObject *object);

/* End the waits for `events` with the exception `error` (class or object, borrowed). */
void green_file_cancel(green_file *file, int events, PyObject *error);

/* Its descriptor is about to be closed, file->fd is -1 after it: those who wait for it, in any
   thread, get green_exc_cancel_wait, and so does who waits for the same number in this thread. */
void green_file_closing(green_file *file);

/* The same for one that is given away and stays open: only those are woken who wait for this file,
   since others may have the same descriptor. */
void green_file_leaving(green_file *file);

/* greencore.socket.cancel_wait_ex: the OSError of a wait whose descriptor was closed. */
extern PyObject *green_exc_cancel_wait;

int green_file_exec(PyObject *module);

#endif
