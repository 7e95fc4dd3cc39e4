"""Small numbers for objects."""

from heapq import heappop, heappush
from weakref import WeakKeyDictionary, ref

__all__ = ["IdentRegistry"]


class _IdentRef(ref):
    __slots__ = ("ident",)
    ident: int


class IdentRegistry:
    """Gives each object the smallest number, from 0, that no object alive has.

    Objects need a hash and weak references. A number returns to the registry when its object dies.
    """

    def __init__(self):
        self._registry = WeakKeyDictionary()
        self._free = []

    def get_ident(self, obj):
        """Return the number of `obj`, which is given one the first time."""
        known = self._registry.get(obj)
        if known is not None:
            return known.ident
        ident = heappop(self._free) if self._free else len(self._registry)
        reference = _IdentRef(obj, self._give_back)
        reference.ident = ident
        self._registry[obj] = reference
        return ident

    def _give_back(self, reference):
        heappush(self._free, reference.ident)

    def __len__(self):
        return len(self._registry)
