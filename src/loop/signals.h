/* Signals, for watchers. One handler serves all: it notes the signal for each loop that wants it,
   and ends that loop's sleep. libuv's own handles would need a pipe of the whole process, which a
   program that becomes a daemon closes without knowing. What was installed before is put back with
   the last interest in a signal. */
#ifndef GREEN_LOOP_SIGNALS_H
#define GREEN_LOOP_SIGNALS_H

#include "loop/loop.h"

struct green_listener;

/* One interest in a signal. */
typedef struct green_signal {
    green_link link;                 /* among those of its loop */
    struct green_listener *listener; /* set while started, else NULL */
    int number;
    /* Pushes a ready node. */
    void (*fire)(struct green_signal *signal);
} green_signal;

/* From now on `signal`, of which number and fire are set, fires when the process gets the signal.
   -1 with an exception. */
int green_signal_start(LoopObject *loop, green_signal *signal);

/* No more. Harmless on a stopped one, as all are once the loop is destroyed. */
void green_signal_stop(green_signal *signal);

/* In a forked child, at once: nobody is inside the handler. */
void green_signals_forked(void);

#endif
