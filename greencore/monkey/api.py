"""Patching modules, ours and others': what plug-ins build on."""

import importlib

from greencore._base.originals import get_original, pending, save
from greencore.monkey._errors import DoNotPatch, _BadImplements
from greencore.monkey._util import _notify_patch, _queue_warning

_MISSING = object()


def patch_item(module, attr, newitem):
    """Set `module.attr` to `newitem`, and save what it was for `get_original`; the first saved value stays.

    `module` is a module object, `attr` a name, which it need not have had.
    """
    original = getattr(module, attr, _MISSING)
    if original is not _MISSING:
        save(module, attr, original)
    setattr(module, attr, newitem)


def remove_item(module, attr):
    """Delete `module.attr`, and save what it was for `get_original`. Nothing happens if it does not exist."""
    original = getattr(module, attr, _MISSING)
    if original is not _MISSING:
        save(module, attr, original)
        delattr(module, attr)


class PatchRequest:
    """What a source module's `_gevent_do_monkey_patch(request)` is given, which then does the patching itself."""

    get_original = staticmethod(get_original)

    def __init__(self, target_module, source_module, items, patch_kwargs):
        self.target_module, self.source_module = target_module, source_module
        self.items, self.patch_kwargs = items, patch_kwargs or {}

    def __repr__(self):
        return (
            f"<{type(self).__name__} target={self.target_module!r} source={self.source_module!r} "
            f"items={self.items!r} kwargs={self.patch_kwargs!r}>"
        )

    def default_patch_items(self):
        """Replace the items by those of the same name of the source module, as `patch_item` does."""
        for name in self.items:
            patch_item(self.target_module, name, getattr(self.source_module, name))

    def remove_item(self, target_module, *items):
        """Remove `items` from a module: the target module where the first argument is a name too."""
        if isinstance(target_module, str):
            items = (target_module, *items)
            target_module = self.target_module
        for name in items:
            remove_item(target_module, name)


def patch_module(
    target_module,
    source_module,
    items=None,
    *,
    _call_hooks=True,
    _notify_will_subscribers=True,
    _notify_did_subscribers=True,
    _patch_kwargs=None,
    _warnings=None,
):
    """Replace attributes of `target_module` by those of the same name of `source_module`.

    `items` are their names; by default those in `source_module.__implements__`. The source module may take part:
    `_gevent_will_monkey_patch(target_module, items, warn)` is called before, and may change `items` or raise
    `greencore.events.DoNotPatch`; `_gevent_did_monkey_patch(target_module, items, warn)` afterwards; `warn(message)` warns
    when all is done. Subscribers of `greencore.events` hear of it before and after.

    Returns whether it was patched. Raises AttributeError where there are no items.
    """
    if items is None:
        items = getattr(source_module, "__implements__", None)
        if items is None:
            raise _BadImplements(source_module)

    def hook(when):
        function = getattr(source_module, f"_gevent_{when}_monkey_patch", None)
        if _call_hooks and function is not None:
            function(target_module, items, lambda message: _queue_warning(message, _warnings))

    name = target_module.__name__
    try:
        hook("will")
        if _notify_will_subscribers:
            _notify_patch("GeventWillPatchModuleEvent", name, source_module, target_module, items, warnings=_warnings)
    except DoNotPatch:
        return False
    patch = getattr(source_module, "_gevent_do_monkey_patch", PatchRequest.default_patch_items)
    patch(PatchRequest(target_module, source_module, items, _patch_kwargs))
    hook("did")
    if _notify_did_subscribers:
        _notify_patch("GeventDidPatchModuleEvent", name, source_module, target_module, warnings=_warnings)
    return True


def _patch_module(name, items=None, **options):
    """Patch the standard module that greencore.<name> replaces. Return (our module, the standard one)."""
    source = importlib.import_module(f"greencore.{name}")
    target = importlib.import_module(getattr(source, "__target__", name))
    pending.pop(target.__name__, None)
    patch_module(target, source, items=items, **options)
    return source, target
