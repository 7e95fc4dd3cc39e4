/* Signals that come while the hub sleeps end the poll, so that Python's handlers run at once, which
   matters most for Ctrl-C. For this, the loop claims the interpreter's wakeup descriptor
   (signal.set_wakeup_fd): a process has one slot for it. */
#ifndef GREEN_LOOP_INTERRUPT_H
#define GREEN_LOOP_INTERRUPT_H

#include "loop/poll.h"

/* For the poll of the main thread's hub: makes the pipe and claims the slot. Does nothing in other
   threads, and where it was done before. -1 with an exception. */
int green_interrupt_install(green_poll *poll);

/* Called before a poll at `now` (ns). If the last look is some time ago, claims the slot again,
   since the program may have set it. The program's descriptor gets each byte all the same. Returns
   0; 1 where the pipe was seen to be closed; -1 with an exception, since it may run the handlers of
   signals that came before. */
int green_interrupt_claim(green_poll *poll, uint64_t now);

/* Returns when a sleep that begins at `now` must end so that the slot is claimed again, ns: the
   program may have set it since the last look. UINT64_MAX: the last look was at `now`, or the poll
   has no pipe. */
uint64_t green_interrupt_deadline(const green_poll *poll, uint64_t now);

/* The program has set the slot, and has found `before` in it. The next poll claims the slot.
   Returns the descriptor that the program had set before. */
int green_interrupt_slot_set(green_poll *poll, int before);

/* Runs the Python handlers of signals that came, if this is the poll with the pipe. -1: a handler
   has raised. */
int green_interrupt_check(const green_poll *poll);

#endif
