/* Other native threads. A main greenlet that waits for what they may do gets no LoopExit while
   there are any. */
#ifndef GREEN_HUB_OTHER_THREADS_H
#define GREEN_HUB_OTHER_THREADS_H

#include "loop/loop.h"

/* Called when nothing is left in the loop: returns whether another thread may end the wait of the
   main greenlet. */
bool green_other_threads_may_wake(const GreenletObject *main);

/* This timer alone keeps a run of the loop going. When it has expired, the run ends, and the hub
   looks again whether other threads are still there. */
void green_other_threads_init_timer(green_timer *timer);
void green_other_threads_start_timer(green_timer *timer, LoopObject *loop);

int green_other_threads_exec(PyObject *module);

#endif
