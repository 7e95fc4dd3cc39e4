"""Greenlets of the hub: functions that run concurrently, each with its result."""

from greencore._base.config import config
from greencore._base.tools import CallbackLink, readproperty, reraise
from greencore._base.tracebacks import dump_traceback, load_traceback
from greencore._core import (
    Greenlet,
    GreenletExit,
    InvalidSwitchError,
    Waiter,
    get_hub,
    getcurrent,
    greenlet,
    iwait,
    joinall,
    killall,
    set_track_greenlet_tree,
    wait,
)
from greencore.timeout import Timeout

__all__ = ["Greenlet", "joinall", "killall"]

GEVENT_CONFIG = config
get_hub_noargs = get_hub

set_track_greenlet_tree(config.track_greenlet_tree)


class SpawnedLink(CallbackLink):
    """A link that calls `callback` in a greenlet of its own, where it may block. It equals its callback."""

    __slots__ = []

    def __init__(self, callback):
        if not callable(callback):
            raise TypeError("Expected callable: %r" % (callback,))
        super().__init__(callback)

    def __call__(self, source):
        greenlet(self.callback, get_hub()).switch(source)


class SuccessSpawnedLink(SpawnedLink):
    """Calls its callback only for a source that has ended without an error."""

    __slots__ = []

    def __call__(self, source):
        if source.successful():
            super().__call__(source)


class FailureSpawnedLink(SpawnedLink):
    """Calls its callback only for a source that has ended with an error."""

    __slots__ = []

    def __call__(self, source):
        if not source.successful():
            super().__call__(source)
