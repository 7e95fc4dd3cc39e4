/* Signals while the hub sleeps: the interpreter's wakeup descriptor (signal.set_wakeup_fd, one slot
   a process) ends the poll, so that Python's handlers, Ctrl-C first, run at once. */
#ifndef GREEN_LOOP_INTERRUPT_H
#define GREEN_LOOP_INTERRUPT_H

#include "loop/poll.h"

/* For the poll of the main thread's hub (a no-op in other threads, and where it was done): make the
   pipe and claim the slot. -1 with an exception. */
int green_interrupt_install(green_poll *poll);

/* Before a poll at `now` (ns), now and then: claim the slot again where the program has set it
   since. Its descriptor gets each byte all the same. 0; 1 where the pipe was seen to be closed; -1
   with an exception, for handlers of what came before may run. */
int green_interrupt_claim(green_poll *poll, uint64_t now);

/* A sleep that begins at `now` must end then, for the next claim, ns: a program may have set the
   slot since the last one. UINT64_MAX: none has. */
uint64_t green_interrupt_deadline(const green_poll *poll, uint64_t now);

/* The program has set the slot and found `before` in it: the next poll claims it. Returns what the
   program had set before. */
int green_interrupt_slot_set(green_poll *poll, int before);

/* Run the Python handlers of signals that came. -1: one raised. */
int green_interrupt_check(const green_poll *poll);

#endif
