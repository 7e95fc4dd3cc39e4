/* Signals, for watchers. One handler serves all: it notes the signal for each loop that wants it,
   and ends that loop's sleep. libuv's own handles would need a pipe of the whole process, which a
   program that becomes a daemon closes without knowing. What was installed before is put back with
   the last watcher of a signal. */
#ifndef GREEN_LOOP_SIGNALS_H
#define GREEN_LOOP_SIGNALS_H

#include "loop/watcher.h"

struct green_poll;

typedef struct green_signal green_signal;

/* From now on `watcher` (borrowed) fires when the process gets the signal. NULL with an exception.
 */
green_signal *green_signal_new(WatcherObject *watcher, int signalnum);

/* No more. */
void green_signal_free(green_signal *signal);

/* In the poll: fire the watchers of the signals that came. */
void green_signals_fire(struct green_poll *poll);

/* In a forked child: what came before is the parent's. */
void green_signals_forked(struct green_poll *poll);

/* The poll ends: its eventfd is not written to any more. */
void green_signals_leave(struct green_poll *poll);

#endif
