"""The `time` module with a `sleep` that lets other greenlets run."""

import time as _time

from greencore._base.tools import copy_globals
from greencore._core import lookup, time_sleep as sleep  # noqa: F401 - sleep is built in, as the original: no method when a class has it

__implements__ = ["pthread_getcpuclockid", "sleep"]
_pthread_getcpuclockid = _time.pthread_getcpuclockid


def pthread_getcpuclockid(thread_id, /):
    """Return the CPU clock of a thread, as `time.pthread_getcpuclockid` does; a greenlet's is that of the thread it runs in."""
    return _pthread_getcpuclockid(lookup("greencore.thread", "native_ident")(thread_id))


__all__ = __implements__
__imports__ = copy_globals(_time, globals(), names_to_ignore=__implements__)
