"""Greenlets and a green network library: the interface of gevent, made again in C.

The names below are what `import gevent` gives. Each is fetched from its module when it is first asked for, so that
a program pays for what it uses; assigning one (`gevent.spawn = wrapped`) replaces it as in any module.
"""

import sys
from collections import namedtuple

__version__ = "26.11.0"
version_info = namedtuple("version_info", "major minor micro releaselevel serial")(26, 11, 0, "final", 0)

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

getswitchinterval = sys.getswitchinterval
setswitchinterval = sys.setswitchinterval

# Where a name lives: (module, its name there). A module by itself stands for a submodule.
_HOMES = {
    "Greenlet": ("greenlet", "Greenlet"),
    "GreenletExit": ("hub", "GreenletExit"),
    "Timeout": ("timeout", "Timeout"),
    "config": ("_config", "config"),
    "fork": ("os", "fork"),
    "get_hub": ("hub", "get_hub"),
    "getcurrent": ("hub", "getcurrent"),
    "idle": ("hub", "idle"),
    "iwait": ("hub", "iwait"),
    "joinall": ("greenlet", "joinall"),
    "kill": ("hub", "kill"),
    "killall": ("greenlet", "killall"),
    "reinit": ("hub", "reinit"),
    "shutdown": ("_shutdown", "shutdown"),
    "signal_handler": ("hub", "signal"),
    "sleep": ("hub", "sleep"),
    "spawn_raw": ("hub", "spawn_raw"),
    "wait": ("hub", "wait"),
    "with_timeout": ("timeout", "with_timeout"),
}


def __getattr__(name):
    from importlib import import_module

    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("spawn", "spawn_later"):
        value = getattr(import_module("greencore.greenlet").Greenlet, name)
    elif name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(f"greencore.{module}"), attribute)
    else:
        return _submodule(name)
    return globals().setdefault(name, value)


def _submodule(name):
    """Import greencore.<name>: real gevent's top level has imported most of them for its own use."""
    from importlib import import_module

    full = f"greencore.{name}"
    try:
        return import_module(full)
    except ModuleNotFoundError as error:
        if error.name != full:
            raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_HOMES, "spawn", "spawn_later"})
