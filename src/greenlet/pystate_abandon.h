/* Ends a greenlet whose thread has exited while it was parked. Its stack cannot be unwound: code
   would run that expects to be in that thread. */
#ifndef GREEN_GREENLET_PYSTATE_ABANDON_H
#define GREEN_GREENLET_PYSTATE_ABANDON_H

#include <stdbool.h>
#include "greenlet/pystate.h"

/* Drop what the local variables of the greenlet's Python frames refer to. What only C frames refer
   to is lost. May run Python code. Returns false where others can see a frame or a generator on the
   stack: nothing was done then, and the stack must stay as it is for ever. */
bool green_pystate_abandon(green_pystate *state);

#endif
