"""What has been patched, and what was there before."""

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
    saved.setdefault(module.__name__, {}).setdefault(name, original)
