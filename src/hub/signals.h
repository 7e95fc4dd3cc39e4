/* A signal as libuv sees it. libuv installs a handler of its own and, with the last handle of a
   signal gone, the default action; what was installed before is put back here. */
#ifndef GREEN_HUB_SIGNALS_H
#define GREEN_HUB_SIGNALS_H

#include "hub/watcher.h"

typedef struct green_signal green_signal;

/* From now on `watcher` (borrowed) fires when the process gets the signal. NULL with an exception.
 */
green_signal *green_signal_new(WatcherObject *watcher, int signalnum);

/* No more. */
void green_signal_free(green_signal *signal);

#endif
