/* Signals, for watchers. One handler serves them all: it notes the signal for each loop that wants
   it, and ends that loop's sleep. libuv's own handles would need a pipe of the whole process, which
   a program that becomes a daemon closes without knowing. When the last interest in a signal ends,
   the handler that was installed before is put back. */
#ifndef GREEN_LOOP_SIGNALS_H
#define GREEN_LOOP_SIGNALS_H

#include "loop/loop.h"

struct green_listener;

/* An interest in a signal. */
typedef struct green_signal {
    green_link link;                 /* among the interests of its loop */
    struct green_listener *listener; /* set while started, else NULL */
    int number;
    /* Pushes a ready node. */
    void (*fire)(struct green_signal *signal);
} green_signal;

/* Starts the interest: `signal`, whose number and fire are set, fires when the process gets the
   signal. -1 with an exception. */
int green_signal_start(LoopObject *loop, green_signal *signal);

/* Stops the interest. Stopping one that is stopped does nothing, and all are once the loop is
   destroyed. */
void green_signal_stop(green_signal *signal);

/* Called in a forked child, at once: the threads that were inside the handler are gone. */
void green_signals_forked(void);

#endif
