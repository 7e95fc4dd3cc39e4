"""Is there anybody to tell of events? Answered without `importlib.metadata`, whose import takes longer than all patching."""

import os
import sys
from importlib.machinery import PathFinder

_seen = None, False  # sys.path when it was looked through, and the answer


def have_plugins():
    """Whether an installed package may have entry points for our events."""
    global _seen
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    if _seen[0] != sys.path:
        _seen = list(sys.path), any(map(_mentions_us, sys.path))
    return _seen[1]


def _mentions_us(folder):
    try:
        entries = os.listdir(folder or ".")
    except NotADirectoryError:
        return True  # a zip archive: let importlib.metadata look
    except OSError:
        return False
    for entry in entries:
        if entry.endswith((".dist-info", ".egg-info")):
            try:
                with open(os.path.join(folder, entry, "entry_points.txt"), "rb") as file:
                    if b"gevent.plugins." in file.read():
                        return True
            except OSError:
                pass
        elif entry.endswith(".egg"):
            return True
    return False


def anybody_listens():
    """Whether an event would reach a subscriber or a plug-in."""
    for name in ("zope.event", "greencore.events"):
        if getattr(sys.modules.get(name), "subscribers", None):
            return True
    return have_plugins()
