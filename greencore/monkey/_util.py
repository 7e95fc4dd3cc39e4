"""Steps that every patch function shares."""

import functools

from greencore._base.plugins import anybody_listens
from greencore.monkey._errors import DoNotPatch, MonkeyPatchWarning


def _notify_patch(name, *args, warnings=None):
    """Tell subscribers and plug-ins of the event `greencore.events.<name>(*args)`. Raises DoNotPatch if one of them does."""
    if not anybody_listens():
        return
    from greencore import events

    event = getattr(events, name)(*args)
    event._warnings = warnings
    events.notify_and_call_entry_points(event)


def _ignores_DoNotPatch(function):
    """Let `function` return False when a subscriber raises DoNotPatch."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except DoNotPatch:
            return False

    return wrapper


def _queue_warning(message, warnings):
    """Warn at the end of all patching: `warnings` is the list of what to say then; None warns at once."""
    if warnings is None:
        _process_warnings([message], stacklevel=3)
    else:
        warnings.append(message)


def _process_warnings(messages, stacklevel=3):
    if messages:
        import warnings

        for message in messages:
            warnings.warn(message, MonkeyPatchWarning, stacklevel=stacklevel)
