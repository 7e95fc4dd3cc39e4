"""The finder behind the names `gevent` and `greenlet`.

It answers for them and their submodules with greencore's very modules: after `import gevent.event`,
`sys.modules["gevent.event"] is sys.modules["greencore.event"]`. A .pth file puts it in place when the
interpreter starts, so this module imports nothing that is not there by then.
"""

import sys

ModuleSpec = type(__spec__)  # importlib.machinery's, without importing that
NAMES = {"gevent": "greencore", "greenlet": "greencore._greenlet_module"}
# Private modules of gevent's that programs import from, where ours is not at the same place: its place, or None for compat.
PRIVATE = {
    "_abstract_linkable": None,
    "_compat": None,
    "_config": "_base.config",
    "_greenlet_primitives": None,
    "_hub_local": None,
    "_hub_primitives": None,
    "_ident": "_base.ident",
    "_imap": None,
    "_interfaces": None,
    "_semaphore": None,
    "_socket3": None,
    "_socketcommon": None,
    "_tblib": "_base.tracebacks",
    "_threading": "_base.native",
    "_util": "_base.tools",
    "_waiter": None,
    "monkey._state": "_base.originals",
}
MOVED = {f"gevent.{name}": f"greencore.{place or 'compat.' + name}" for name, place in PRIVATE.items()}
GEVENTS_NAMES = {ours: name for name, ours in MOVED.items()}


def real_name(name):
    """Return greencore's name of the module, or None for a name that is not ours."""
    if name in MOVED:
        return MOVED[name]
    top, dot, rest = name.partition(".")
    base = NAMES.get(top)
    return base and base + dot + rest


def find_real_spec(name):
    """Return the spec of one of greencore's modules, which need not be imported; None for one that is not there.

    importlib.util.find_spec does the same, but importing it takes as long as importing greencore.
    """
    if name in sys.modules:
        return sys.modules[name].__spec__
    parent = name.rpartition(".")[0]
    path = __import__(parent, fromlist=["__path__"]).__path__ if parent else None
    for finder in sys.meta_path:
        spec = finder.find_spec(name, path)
        if spec is not None:
            return spec
    return None


def give_names():
    """Enter every greencore module under gevent's name too: programs look for "gevent.monkey" in sys.modules."""
    for name, module in list(sys.modules.items()):
        if name.startswith("greencore.") and not getattr(module.__spec__, "_initializing", False):
            sys.modules.setdefault(GEVENTS_NAMES.get(name) or "gevent" + name[len("greencore") :], module)


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
        give_names()

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
        real_spec = find_real_spec(real)
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


def is_installed():
    return AliasFinder in sys.meta_path


def install():
    """Put the finder first in `sys.meta_path`, once."""
    if not is_installed():
        sys.meta_path.insert(0, AliasFinder)


def uninstall():
    """Take the finder out. Modules that were imported through it stay."""
    if is_installed():
        sys.meta_path.remove(AliasFinder)
