/* The end of a greenlet whose thread has exited while it was parked. It can't be unwound: code
   would run that expects to be in that thread. */
#ifndef GREEN_GREENLET_PYSTATE_ABANDON_H
#define GREEN_GREENLET_PYSTATE_ABANDON_H

#include <stdbool.h>
#include "greenlet/pystate.h"

/* Drop what the local variables of its Python frames refer to. What only C frames refer to is lost.
   May run Python code. False: a frame or a generator that others can see lies on the stack, so that
   nothing was done, and the stack must stay as it is for ever. */
bool green_pystate_abandon(green_pystate *state);

#endif
