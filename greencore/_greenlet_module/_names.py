"""What the extension `greenlet._greenlet` gives: the C names, and the few that only greenlet's own tests use."""

import os

from greencore._core import (
    _C_API,
    GreenletExit,
    error,
    get_pending_cleanup_count,
    get_total_main_greenlets,
    get_tstate_trash_delete_nesting,
    getcurrent_before_exit as getcurrent,
    gettrace,
    greenlet,
    set_thread_local,
    settrace,
)

__all__ = [
    "_C_API",
    "CLOCKS_PER_SEC",
    "GREENLET_USE_CONTEXT_VARS",
    "GREENLET_USE_GC",
    "GREENLET_USE_STANDARD_THREADING",
    "GREENLET_USE_TRACING",
    "GreenletExit",
    "UnswitchableGreenlet",
    "enable_optional_cleanup",
    "error",
    "get_clocks_used_doing_optional_cleanup",
    "get_pending_cleanup_count",
    "get_total_main_greenlets",
    "get_tstate_trash_delete_nesting",
    "getcurrent",
    "gettrace",
    "greenlet",
    "set_thread_local",
    "settrace",
]

GREENLET_USE_CONTEXT_VARS = True
GREENLET_USE_GC = True
GREENLET_USE_STANDARD_THREADING = True
GREENLET_USE_TRACING = True
CLOCKS_PER_SEC = 1_000_000

_optional_cleanup = True


def enable_optional_cleanup(flag):
    """Set whether a thread's end may look for its leaked greenlets. Nothing leaks here, so this only keeps `flag`."""
    global _optional_cleanup
    _optional_cleanup = bool(flag)


def get_clocks_used_doing_optional_cleanup():
    """Return the clock ticks spent in that search: none, as there is no search. None when disabled."""
    return 0 if _optional_cleanup else None


class UnswitchableGreenlet(greenlet):
    """A greenlet whose switches fail on demand: fault injection for tests of callers."""

    __module__ = __name__.replace("_names", "_greenlet")  # where it is found
    force_switch_error = False
    force_slp_switch_error = False

    def switch(self, *args, **kwargs):
        if self and self.force_slp_switch_error:
            os.write(2, b"switch_error: the stack can't be switched\n")
            os.abort()
        if self.force_switch_error:
            target = "a running greenlet" if self else "a greenlet for the first time"
            raise SystemError(f"Failed to switch stacks into {target}.")
        return super().switch(*args, **kwargs)
