/* Signals while the hub sleeps: the interpreter's wakeup descriptor (signal.set_wakeup_fd, one slot
   a process) ends the poll, so that Python's handlers, Ctrl-C first, run at once. */
#ifndef GREEN_LOOP_INTERRUPT_H
#define GREEN_LOOP_INTERRUPT_H

#include "loop/loop.h"

typedef struct green_interrupt green_interrupt;

/* For the loop of the main thread's hub (a no-op in other threads): make the pipe and claim the
   slot. -1 with an exception. */
int green_interrupt_install(LoopObject *loop);

/* Whether it was. */
bool green_interrupt_installed(const LoopObject *loop);

/* Before a poll, now and then: claim the slot again where the program has set it since. Its
   descriptor gets each byte all the same. Handlers of what came before may run. */
void green_interrupt_claim(LoopObject *loop);

/* A sleep must end then, for the next claim, ns: a program may have set the slot since the last
   one. UINT64_MAX: none has. */
uint64_t green_interrupt_deadline(const LoopObject *loop);

/* The program has set the slot and found `before` in it: the next poll claims it. Returns what the
   program had set before. */
int green_interrupt_slot_set(LoopObject *loop, int before);

/* Give it back to whom it was taken from, if it is still ours. */
void green_interrupt_uninstall(LoopObject *loop);

/* In a forked child, for a loop that is not to be touched: give up the slot, close the pipe. */
void green_interrupt_abandon(LoopObject *loop);

/* In a forked child: a pipe of its own. -1 with an exception. */
int green_interrupt_forked(LoopObject *loop);

/* Is it one of the pipe's ends? */
bool green_interrupt_owns_fd(LoopObject *loop, int fd);

/* Run the Python handlers of signals that came. -1: one raised. */
int green_interrupt_check(LoopObject *loop);

#endif
