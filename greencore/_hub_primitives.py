"""Waiting for descriptors, watchers and objects, under the names that drivers import."""

from greencore._core import iwait as iwait_on_objects
from greencore._core import wait as wait_on_objects
from greencore._socketcommon import wait_on_socket, wait_read, wait_readwrite, wait_write
from greencore.hub import Hub as WaitOperationsGreenlet
from greencore.hub import get_hub
from greencore.timeout import Timeout

__all__ = [
    "WaitOperationsGreenlet",
    "iwait_on_objects",
    "set_default_timeout_error",
    "wait_on_objects",
    "wait_on_socket",
    "wait_on_watcher",
    "wait_read",
    "wait_readwrite",
    "wait_write",
]

_NONE = object()
_default_timeout_error = TimeoutError


def set_default_timeout_error(error):
    """Make wait_on_watcher raise `error` where the caller names none."""
    global _default_timeout_error
    _default_timeout_error = error


def wait_on_watcher(watcher, timeout=None, timeout_exc=_NONE, hub=None):
    """Wait until `watcher` fires, for at most `timeout` seconds (None: for ever).

    Raises ConcurrentObjectUseError if somebody waits on it already, and timeout_exc (by default what
    set_default_timeout_error() said) when the time is over.
    """
    from greencore.exceptions import ConcurrentObjectUseError

    if watcher.callback is not None:
        raise ConcurrentObjectUseError(f"This socket is already used by another greenlet: {watcher.callback!r}")
    if hub is None:
        hub = get_hub()
    if timeout is None:
        return hub.wait(watcher)
    if timeout_exc is _NONE:
        timeout_exc = _default_timeout_error("timed out")
    with Timeout._start_new_or_dummy(timeout, timeout_exc):
        return hub.wait(watcher)
