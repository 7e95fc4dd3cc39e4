/* Memory that greenlets no longer need goes back to the system. */
#ifndef GREEN_GREENLET_TRIM_H
#define GREEN_GREENLET_TRIM_H

#include <stdbool.h>

/* Called now and then by the loop, about once a second: frees the stacks that nobody has used since
   the last call, and of greenlets parked since then what they once touched below their frames.
   The work of a call is bounded; returns whether that left some of it. Runs no Python code. */
bool green_trim(void);

#endif
