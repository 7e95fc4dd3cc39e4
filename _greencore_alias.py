"""The finder behind the names `gevent` and `greenlet`.

Where it is in place when greencore is first imported, the package goes by gevent's name: its folder is loaded as `gevent`,
and `_greenlet_module` as `greenlet`, so that modules, classes, pickles and loggers read as gevent's. Otherwise they are
`greencore` and `greencore._greenlet_module`. The other names lead to the same modules, whichever it is.

A .pth file puts the finder in place when the interpreter starts, so this module imports nothing that is not there by then.
"""

import sys

ModuleSpec = type(__spec__)  # importlib.machinery's, without importing that
GREENLET = "_greenlet_module"
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
# Those of them that go by gevent's name: not those below another module, whose import would import that as well.
NAMES = {ours: name for name, ours in MOVED.items() if name.count(".") == 1}


def package():
    """Return the name that greencore's package goes by, or will when it is imported."""
    loaded = sys.modules.get("greencore")
    if loaded is not None:
        return loaded.__name__
    return "gevent" if is_installed() else "greencore"


def name_of(name):
    """Return the name that one of our modules goes by, given any of its names; None for a name that is not ours."""
    top, _, rest = name.partition(".")
    if top == "greenlet":
        rest = f"{GREENLET}.{rest}".rstrip(".")
    elif top not in ("gevent", "greencore"):
        return None
    ours = MOVED.get(f"gevent.{rest}", f"greencore.{rest}").rstrip(".")
    if package() == "greencore":
        return ours
    if f"{rest}.".startswith(f"{GREENLET}."):
        return "greenlet" + rest[len(GREENLET) :]
    return NAMES.get(ours) or ours.replace("greencore", "gevent", 1)


def ask_finders(name, path):
    """Return the spec that the other finders have for a module; None for one that is not there."""
    for finder in sys.meta_path:
        spec = finder is not AliasFinder and finder.find_spec(name, path)
        if spec:
            return spec
    return None


def place_of(name):
    """Return the name under which the other finders know a module that goes by gevent's `name`."""
    if name == "gevent":
        return "greencore"
    if name == "greenlet":
        return f"gevent.{GREENLET}"
    return MOVED[name].replace("greencore", "gevent", 1) if name in MOVED else name


def find_own_spec(name):
    """Return the spec of one of our modules by the name that it goes by; it need not be imported.

    importlib.util.find_spec does the same, but importing it takes as long as importing greencore.
    """
    if name in sys.modules:
        return sys.modules[name].__spec__
    place = place_of(name)
    parent = place.rpartition(".")[0]
    spec = ask_finders(place, __import__(parent, fromlist=["__path__"]).__path__ if parent else None)
    if spec is not None and place != name:
        spec.name = name
        if hasattr(spec.loader, "name"):
            spec.loader.name = name
    return spec


def give_names():
    """Enter every module of a package that goes by greencore's name under gevent's too: programs look for "gevent.monkey"
    in sys.modules."""
    for name, module in list(sys.modules.items()):
        if name.startswith("greencore.") and not getattr(module.__spec__, "_initializing", False):
            sys.modules.setdefault(NAMES.get(name) or "gevent" + name[len("greencore") :], module)


class AliasLoader:
    """Loads an alias: imports the module by the name that it goes by, and returns it unchanged."""

    def __init__(self, own_spec):
        self.own_spec = own_spec

    def create_module(self, spec):
        # Returning the module makes importlib overwrite its __spec__; exec_module puts it back.
        __import__(self.own_spec.name)
        module = sys.modules[self.own_spec.name]
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.own_spec
        if package() == "greencore":
            give_names()

    def __getattr__(self, name):
        """Ask the module's own loader, given the name it knows (`get_code` for `python -m`, `get_source`, ...)."""
        if name.startswith("__"):
            raise AttributeError(name)
        method = getattr(self.own_spec.loader, name)
        if not callable(method):
            return method

        def by_own_name(fullname=None, *args):
            return method(fullname and name_of(fullname) or fullname, *args)

        return by_own_name


class AliasFinder:
    """The entry in `sys.meta_path`."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        own = name_of(name)
        if own is None:
            return None
        if own == name:
            # The other finders know the folder of the parent, and need no help where name and place are the same.
            return find_own_spec(name) if package() == "gevent" and place_of(name) != name else None
        own_spec = find_own_spec(own)
        if own_spec is None:
            return None
        spec = ModuleSpec(
            name,
            AliasLoader(own_spec),  # type: ignore[arg-type]
            origin=own_spec.origin,
            is_package=own_spec.submodule_search_locations is not None,
        )
        spec.submodule_search_locations = own_spec.submodule_search_locations
        spec.has_location = own_spec.has_location
        return spec


def is_installed():
    return AliasFinder in sys.meta_path


def install():
    """Put the finder first in `sys.meta_path`, once."""
    if not is_installed():
        sys.meta_path.insert(0, AliasFinder)


def uninstall():
    """Take the finder out, unless the package goes by gevent's name already. Modules that were imported through it stay."""
    if is_installed() and getattr(sys.modules.get("greencore"), "__name__", None) != "gevent":
        sys.meta_path.remove(AliasFinder)
