"""Greenlets of the hub's lower layer, under the names that tools import."""

from gc import get_objects

from greencore._core import Hub as SwitchOutGreenletWithLoop
from greencore._core import TrackedRawGreenlet, getcurrent, greenlet

__all__ = ["TrackedRawGreenlet", "SwitchOutGreenletWithLoop"]


def get_reachable_greenlets():
    """Return a list of all greenlets that the collector knows, but those with a true greenlet_tree_is_ignored."""
    return [
        found
        for found in get_objects()
        if isinstance(found, greenlet) and not getattr(found, "greenlet_tree_is_ignored", False)
    ]


def get_memory(data):
    """Return a memoryview of `data`, or its bytes where it has no shape. TypeError: it has no buffer."""
    view = data if isinstance(data, memoryview) else memoryview(data)
    return view if view.shape else view.tobytes()
