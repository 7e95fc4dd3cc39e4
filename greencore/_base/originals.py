"""What has been patched, and what was there before: the originals of the standard library."""

import importlib

# {module name: {attribute: original}}. Users read it, and tests clear it.
saved = {}

# Modules that will be patched when they are imported: {module name: function that patches it}.
pending = {}


def is_module_patched(mod_name):
    """Whether the standard module `mod_name` has been patched, or will be when it is imported."""
    return mod_name in saved or mod_name in pending


def is_object_patched(mod_name, item_name):
    """Whether the attribute `item_name` of the standard module `mod_name` has been patched."""
    if mod_name in pending:
        __import__(mod_name)
    return item_name in saved.get(mod_name, ())


def is_anything_patched():
    """Whether anything has been patched in this process."""
    return bool(saved or pending)


def save(module, name, original):
    """Note that the attribute `name` of `module` was `original`, unless an original is known."""
    saved.setdefault(module.__name__, {}).setdefault(name, original)


def get_original(mod_name, item_name):
    """Return what an attribute of a standard module was before patching, patched or not.

    `mod_name` is a module's name, or a sequence of names of which the first that can be imported counts. `item_name` is an
    attribute's name, or a sequence of them, for which a list is returned. Raises ImportError and AttributeError.
    """
    names = [mod_name] if isinstance(mod_name, str) else list(mod_name)
    for name in names[:-1]:
        try:
            __import__(name)
        except ImportError:
            continue
        break
    else:
        name = names[-1]
    if isinstance(item_name, str):
        return _original(name, item_name)
    return [_original(name, item) for item in item_name]


def _original(mod_name, item_name):
    if mod_name in pending:
        __import__(mod_name)
    originals = saved.get(mod_name, {})
    if item_name in originals:
        return originals[item_name]
    return getattr(importlib.import_module(mod_name), item_name)
