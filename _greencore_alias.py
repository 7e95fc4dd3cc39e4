"""The finder behind the names `gevent` and `greenlet`.

It answers for them and their submodules with greencore's very modules: after `import gevent.event`,
`sys.modules["gevent.event"] is sys.modules["greencore.event"]`. A .pth file puts it in place when the
interpreter starts, so this module imports nothing that is not there by then.
"""

import sys

ModuleSpec = type(__spec__)  # importlib.machinery's, without importing that
NAMES = {"gevent": "greencore", "greenlet": "greencore._greenlet_module"}


def real_name(name):
    """Return greencore's name of the module, or None for a name that is not ours."""
    top, dot, rest = name.partition(".")
    base = NAMES.get(top)
    return base and base + dot + rest


class AliasLoader:
    """Loads an alias: imports greencore's module and returns it unchanged."""

    def __init__(self, real_spec):
        self.real_spec = real_spec

    def create_module(self, spec):
        # Returning the module makes importlib overwrite its __spec__; exec_module puts it back.
        __import__(self.real_spec.name)
        return sys.modules[self.real_spec.name]

    def exec_module(self, module):
        module.__spec__ = self.real_spec

    def __getattr__(self, name):
        """Ask the real loader, given greencore's names (`get_code` for `python -m`, `get_source`, ...)."""
        if name.startswith("__"):
            raise AttributeError(name)
        method = getattr(self.real_spec.loader, name)
        if not callable(method):
            return method

        def by_real_name(fullname=None, *args):
            return method(real_name(fullname) if fullname and real_name(fullname) else fullname, *args)

        return by_real_name


class AliasFinder:
    """The entry in `sys.meta_path`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        real = real_name(name)
        if real is None:
            return None
        from importlib.util import find_spec

        real_spec = find_spec(real)
        if real_spec is None:
            return None
        spec = ModuleSpec(
            name,
            AliasLoader(real_spec),
            origin=real_spec.origin,
            is_package=real_spec.submodule_search_locations is not None,
        )
        spec.submodule_search_locations = real_spec.submodule_search_locations
        spec.has_location = real_spec.has_location
        return spec


def install():
    """Put the finder first in `sys.meta_path`, once."""
    if AliasFinder not in sys.meta_path:
        sys.meta_path.insert(0, AliasFinder)


def uninstall():
    """Take the finder out. Modules that were imported through it stay."""
    if AliasFinder in sys.meta_path:
        sys.meta_path.remove(AliasFinder)
