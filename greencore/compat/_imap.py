"""The iterators that Group.imap and Group.imap_unordered return."""

from greencore._core import IMap, IMapUnordered
from greencore.greenlet import Greenlet

__all__ = ["IMapUnordered", "IMap"]
