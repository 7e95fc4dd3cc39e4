"""Patching modules at the time when they are imported."""

import sys
from importlib.util import find_spec

from greencore._base import originals


class _Loader:
    """Loads a module by its own loader, and patches it then."""

    def __init__(self, real):
        self._real = real

    def create_module(self, spec):
        return self._real.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        patch = originals.pending.pop(module.__name__, None)
        if patch is not None:
            patch(module)

    def __getattr__(self, name):
        return getattr(self._real, name)


class _Finder:
    """The entry in `sys.meta_path`: finds modules that are to be patched, by asking the other finders."""

    _asking = set()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in originals.pending or name in cls._asking:
            return None
        cls._asking.add(name)
        try:
            spec = find_spec(name)
        finally:
            cls._asking.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def when_imported(name, patch):
    """Call `patch(module)` for the module `name`: now if it has been imported, else when it is."""
    module = sys.modules.get(name)
    if module is not None:
        patch(module)
        return
    originals.pending[name] = patch
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
