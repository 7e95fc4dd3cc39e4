"""Waiting for descriptors, watchers and objects, under the names that drivers import."""

from greencore._base.tools import _NONE
from greencore._core import iwait as iwait_on_objects, wait as wait_on_objects
from greencore.hub import Hub as WaitOperationsGreenlet
from greencore.socket import wait, wait_on_socket, wait_read, wait_readwrite, wait_write

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

_default_timeout_error = TimeoutError


def set_default_timeout_error(error):
    """Make wait_on_watcher raise `error` where the caller names none."""
    global _default_timeout_error
    _default_timeout_error = error


def wait_on_watcher(watcher, timeout=None, timeout_exc=_NONE, hub=None):
    """Do as greencore.socket.wait, with another error for when the time is over: what set_default_timeout_error said."""
    if timeout is not None and timeout_exc is _NONE:
        timeout_exc = _default_timeout_error("timed out")
    return wait(watcher, timeout, timeout_exc, hub)
