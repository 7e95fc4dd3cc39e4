"""The `signal` module. The module itself is also gevent's old `gevent.signal(signalnum, handler, *args, **kwargs)`.

Handlers run as soon as the signal comes, even if the hub sleeps: in whichever greenlet runs then, or in the hub if none
does. A handler of SIGCHLD gets a greenlet of its own instead of the hub, so it may block.
"""

import signal as _standard
import sys
import types

from greencore._base.tools import copy_globals
from greencore._core import get_hub_if_exists, getcurrent, lookup

__implements__ = ["getsignal", "pthread_kill", "set_wakeup_fd", "signal"]
__extensions__ = []
__all__ = __implements__ + __extensions__

_set_wakeup_fd = _standard.set_wakeup_fd
_set = _standard.signal
_get = _standard.getsignal
_pthread_kill = _standard.pthread_kill


class _ChildHandler:
    """What the interpreter calls for SIGCHLD."""

    def __init__(self, handler):
        self.handler = handler

    def __call__(self, signalnum, frame):
        if isinstance(getcurrent(), lookup("greencore.hub", "Hub")):
            lookup("greencore.greenlet", "Greenlet")(self.handler, signalnum, frame).switch()
        else:
            self.handler(signalnum, frame)


def _seen(handler):
    return handler.handler if isinstance(handler, _ChildHandler) else handler


def getsignal(signalnum):
    """Return the handler of a signal: what `signal` was given, SIG_IGN, SIG_DFL, or None for a foreign one."""
    return _seen(_get(signalnum))


def signal(signalnum, handler):
    """Set the handler of a signal, as `signal.signal` does, and return the one before.

    A callable for SIGCHLD is called in a new greenlet if no other runs; what it raises there is reported to the hub.
    """
    if signalnum == _standard.SIGCHLD and callable(handler) and not isinstance(handler, _standard.Handlers):
        handler = _ChildHandler(handler)
    return _seen(_set(signalnum, handler))


def set_wakeup_fd(fd, /, *, warn_on_full_buffer=True):
    """Have the number of each signal written to a descriptor, as `signal.set_wakeup_fd` does, and return the one before.

    The hub writes it there itself if the signal comes while it sleeps, without a warning if the buffer is full.
    """
    before = _set_wakeup_fd(fd, warn_on_full_buffer=warn_on_full_buffer)
    hub = get_hub_if_exists()
    return before if hub is None or hub.loop is None else hub.loop._wakeup_fd_set(before)


def pthread_kill(thread_id, signalnum, /):
    """Send a signal to a thread, as `signal.pthread_kill` does; for a greenlet's identifier, to the thread it runs in."""
    _pthread_kill(lookup("greencore.thread", "native_ident")(thread_id), signalnum)


__imports__ = copy_globals(_standard, globals(), names_to_ignore=__implements__, dunder_names_to_keep=())


class _CallableModule(types.ModuleType):
    def __call__(self, signalnum, handler, *args, **kwargs):
        """Call `handler(*args, **kwargs)` in a new greenlet when the signal comes: `greencore.signal_handler`."""
        return lookup("greencore.hub", "signal")(signalnum, handler, *args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
