"""Greenlets of the hub's lower layer, under the names that tools import."""

from greencore._core import Hub as SwitchOutGreenletWithLoop, TrackedRawGreenlet, getcurrent, greenlet
from greencore._run_info import get_reachable_greenlets

__all__ = ["TrackedRawGreenlet", "SwitchOutGreenletWithLoop"]


def get_memory(data):
    """Return a memoryview of `data`, or its bytes where it has no shape. TypeError: it has no buffer."""
    view = data if isinstance(data, memoryview) else memoryview(data)
    return view if view.shape else view.tobytes()
