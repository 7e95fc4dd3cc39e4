/* Other native threads: a main greenlet that waits for what they may do gets no LoopExit while
   there are any. */
#ifndef GREEN_HUB_OTHER_THREADS_H
#define GREEN_HUB_OTHER_THREADS_H

#include "loop/loop.h"

/* Nothing is left in the loop: may another thread end the wait of this greenlet? */
bool green_other_threads_may_wake(const GreenletObject *main);

/* A timer that ends a run of the loop, for another look whether they are still there. */
void green_other_threads_init_timer(green_timer *timer);
void green_other_threads_start_timer(green_timer *timer, LoopObject *loop);

int green_other_threads_exec(PyObject *module);

#endif
