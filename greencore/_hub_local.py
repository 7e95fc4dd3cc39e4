"""Each thread's hub and loop."""

from _thread import _local

from greencore._core import get_hub, get_hub_class, get_hub_if_exists, set_default_hub_class, set_hub

__all__ = [
    "get_hub",
    "get_hub_class",
    "get_hub_if_exists",
    "get_hub_noargs",
    "get_loop",
    "set_default_hub_class",
    "set_hub",
    "set_loop",
]

get_hub_noargs = get_hub


class _Loops(_local):
    loop = None


_loops = _Loops()


def get_loop():
    """The loop that the thread's next hub will run, or None: it makes one."""
    return _loops.loop


def set_loop(loop):
    """Make the thread's next hub run `loop`."""
    _loops.loop = loop
