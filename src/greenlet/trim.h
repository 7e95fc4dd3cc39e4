/* Gives memory that greenlets no longer need back to the system. */
#ifndef GREEN_GREENLET_TRIM_H
#define GREEN_GREENLET_TRIM_H

#include <stdbool.h>

/* Give back the cached stacks that nobody has used since the last call, and the memory that
   greenlets which have been parked since then once touched below their frames. The loop calls this
   about once a second. The work of a call is bounded; returns whether some may be left. Runs no
   Python code. */
bool green_trim(void);

#endif
