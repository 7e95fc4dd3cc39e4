"""The event loop and its watchers: libuv, driven from C.

`loop` is what a hub runs. All that is hot is in greencore._core; here are the names that describe it.
"""

from greencore import _core
from greencore._core import async_, callback, check, child, fork, idle, io, prepare, signal, stat, timer, watcher

__all__ = [
    "embeddable_backends",
    "get_header_version",
    "get_version",
    "loop",
    "recommended_backends",
    "supported_backends",
    "time",
]

READ = 1
WRITE = 2


def get_version():
    """Return the version of libuv in use, as 'libuv-1.44.2'."""
    return f"libuv-{_core.libuv_version()}"


def get_header_version():
    """Return the version of libuv that the extension was built with, as 'libuv-1.44.2'."""
    return f"libuv-{_core.libuv_header_version}"


def supported_backends():
    """Return a list of what the loop can poll with: 'default', libuv's choice for the platform, epoll on Linux."""
    return ["default"]


def recommended_backends():
    """Return the same as supported_backends()."""
    return supported_backends()


def embeddable_backends():
    """Return the back ends whose loop another loop can wait for (see loop.fileno()): all."""
    return supported_backends()


def time():
    """Return the seconds on the monotonic clock, which timers go by."""
    from time import monotonic

    return monotonic()


class loop(_core.loop):
    """An event loop.

    flags: accepted and ignored; with gevent it chooses a back end. default: whether this is a default loop, which
    outlives its hub; None means yes.
    """

    MINPRI = -2
    MAXPRI = 2
    CALLBACK_CHECK_COUNT = 128
    WatcherType = watcher
    approx_timer_resolution = 0.00001  # seconds: what falling asleep and waking takes
    backend = "default"
    backend_int = 0
    starting_timer_may_update_loop_time = False

    @property
    def ptr(self):
        """The address of the uv_loop_t, 0 once the loop is destroyed. `uv_loop` is the same in a capsule."""
        return self._uv_loop_address

    def install_sigchld(self):
        """Do nothing: children are watched without a SIGCHLD handler."""

    def reset_sigchld(self):
        """Do nothing: see install_sigchld()."""

    def verify(self):
        """Do nothing: this is kept for programs written for libev."""

    def debug(self):
        """Return a list of lines of text on what the loop is doing."""
        return [f"{self!r}", f"active: {self.activecnt}", f"pending: {self.pendingcnt}"]

    def _format(self):
        if self.destroyed:
            return "destroyed"
        kind = "default " if self.default else ""
        return f"{kind}pending={self.pendingcnt} ref={self.activecnt}"

    def __repr__(self):
        return f"<{type(self).__name__} at {id(self):#x} {self._format()}>"
