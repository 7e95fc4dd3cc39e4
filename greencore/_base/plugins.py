"""Plug-ins: functions that installed packages name as entry points, to be called with our events.

Entry points of the distribution gevent are no plug-ins: gevent wires its own modules with them, and its name means greencore here.
Whether there are any is answered without `importlib.metadata`, whose import takes longer than all patching.
"""

import os
import sys
from importlib.machinery import PathFinder

from _greencore_alias import name_of

_REAL = "gevent"  # the distribution that may be installed beside greencore
_seen = None, False  # sys.path when it was looked through, and the answer


class DoNotPatch(BaseException):
    """Raised by a subscriber to a "will patch" event, to prevent the patching that it announces."""

    __module__ = name_of("greencore.events")


def plugins(group):
    """Return the entry points of the group, in the order of `sys.path`."""
    from importlib import metadata

    return [plugin for plugin in metadata.entry_points(group=group) if plugin.dist.name != _REAL]


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
        name, suffix = os.path.splitext(entry)
        if suffix in (".dist-info", ".egg-info") and name.partition("-")[0] != _REAL:
            try:
                with open(os.path.join(folder, entry, "entry_points.txt"), "rb") as file:
                    if b"gevent.plugins." in file.read():
                        return True
            except OSError:
                pass
        elif suffix == ".egg":
            return True
    return False


def anybody_listens():
    """Whether an event would reach a subscriber or a plug-in."""
    for name in ("zope.event", "greencore.events"):
        if getattr(sys.modules.get(name), "subscribers", None):
            return True
    return have_plugins()
