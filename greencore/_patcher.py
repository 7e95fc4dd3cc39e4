"""Import a package a second time, with green modules where it expects the standard ones.

The rest of the program keeps the modules that it has: nothing in the standard library is patched.
"""

import importlib
import sys

MAPPING = {
    "greencore.builtins": "builtins",
    "greencore.contextvars": "contextvars",
    "greencore.local": "_threading_local",
    "greencore.os": "os",
    "greencore.queue": "queue",
    "greencore.select": "select",
    "greencore.selectors": "selectors",
    "greencore.signal": "signal",
    "greencore.socket": "socket",
    "greencore.ssl": "ssl",
    "greencore.subprocess": "subprocess",
    "greencore.thread": "_thread",
    "greencore.threading": "threading",
    "greencore.time": "time",
}

_PREFIX = "__g_patched_module_"


class Patched:
    """What `import_patched` returns: `module` is the package, with its submodules inside."""

    def __init__(self, module):
        self.module = module


class _GreenModules:
    """In this section of code `sys.modules` has green modules, and no module of `package`: importing that makes a copy."""

    def __init__(self, package):
        self.package = package
        self.green = {target: importlib.import_module(name) for name, target in MAPPING.items()}
        self.hidden = {}

    def _is_ours(self, name):
        return name == self.package or name.startswith(self.package + ".")

    def __enter__(self):
        self.hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if self._is_ours(name)}
        self.hidden.update({name: sys.modules.get(name) for name in self.green})
        sys.modules.update(self.green)
        return self

    def __exit__(self, *exc_info):
        for name in [name for name in sys.modules if self._is_ours(name)]:
            del sys.modules[name]
        for name, module in self.hidden.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _import_all(module, extra_all):
    """Import the submodules that `__all__` of `module` or extra_all(its name) has, and in turn theirs."""
    for name in (*getattr(module, "__all__", ()), *extra_all(module.__name__)):
        if not hasattr(module, name):
            child = importlib.import_module(f"{module.__name__}.{name}")
            _import_all(child, extra_all)


def import_patched(module_name, extra_all=lambda name: (), after_import_hook=lambda module: None):
    """Import `module_name` and what its `__all__` lists on top of green modules.

    `extra_all(name)` returns further attributes to import from the module of that name; `after_import_hook(module)` is
    called once while the green modules are still in place. Returns an object whose `module` is the package; every call
    with one name gives the same package.
    """
    cached = sys.modules.get(_PREFIX + module_name)
    if cached is None:
        with _GreenModules(module_name):
            cached = importlib.import_module(module_name)
            _import_all(cached, extra_all)
            after_import_hook(cached)
        sys.modules[_PREFIX + module_name] = cached
    return Patched(cached)
