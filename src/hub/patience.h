/* Other native threads: a main greenlet that waits for what they may do gets no LoopExit while
   there are any. */
#ifndef GREEN_HUB_PATIENCE_H
#define GREEN_HUB_PATIENCE_H

#include "loop/loop.h"

/* Nothing is left in the loop: may another thread end the wait of this greenlet? */
bool green_patience_helps(const GreenletObject *main);

/* A timer that ends a run of the loop, for another look whether they are still there. */
void green_patience_init(green_timer *timer);
void green_patience_start(green_timer *timer, LoopObject *loop);

int green_patience_exec(PyObject *module);

#endif
