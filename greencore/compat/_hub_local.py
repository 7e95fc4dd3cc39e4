"""Each thread's hub and loop."""

from greencore._core import get_hub, get_hub_class, get_hub_if_exists, set_default_hub_class, set_hub
from greencore.hub import get_loop, set_loop

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
