"""Greenlets and a green network library: the interface of gevent, made again in C."""

import sys

from greencore._base.version import __version__, version_info

__all__ = [
    "Greenlet",
    "GreenletExit",
    "Timeout",
    "config",
    "fork",
    "get_hub",
    "getcurrent",
    "getswitchinterval",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "reinit",
    "setswitchinterval",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "with_timeout",
]

try:
    import greencore._core as _core
except ModuleNotFoundError as error:
    if error.name != "greencore._core":
        raise
    raise ImportError(
        f"{__path__[0]} has no compiled part for this Python ({sys.implementation.cache_tag}): it is a source folder that "
        "was not built, and Python takes it, not an installed greencore. Build it, by `pip install -e .` or `make build`, or "
        "start Python in another folder.",
        name=error.name,
        path=__path__[0],
    ) from None

getswitchinterval = sys.getswitchinterval
setswitchinterval = sys.setswitchinterval

import greencore._greenlet_module  # programs and profilers that know greenlet look for it in sys.modules
from greencore._base.config import config
from greencore._shutdown import shutdown
from greencore.greenlet import Greenlet, joinall, killall
from greencore.hub import (
    GreenletExit,
    get_hub,
    getcurrent,
    idle,
    iwait,
    kill,
    reinit,
    signal as signal_handler,
    sleep,
    spawn_raw,
    wait,
)
from greencore.os import fork
from greencore.timeout import Timeout, with_timeout

spawn = Greenlet.spawn
spawn_later = Greenlet.spawn_later


def __getattr__(name):
    """Import a submodule that is asked for: by gevent's name, so that sys.modules has it under both."""
    from _greencore_alias import is_installed

    if not name.startswith("__"):
        full = f"{'gevent' if is_installed() else __name__}.{name}"
        try:
            __import__(full)
            return sys.modules[full]
        except ModuleNotFoundError as error:
            if error.name != full:
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
