"""Says who waits for what, in the words that LoopExit and `print_run_info` use."""

from greencore._core import waiting


def describe_wait(greenlet):
    """Return text: in which call `greenlet` is parked, of which object, and who owns that. None if it isn't parked."""
    parked = waiting(greenlet)
    if parked is None:
        return None
    call, thing = parked
    if thing is None:
        return f"in {call}"
    text = f"in {call} of {thing!r}"
    owner = repr(getattr(thing, "_owner", None))
    return text if owner == "None" or owner in text else f"{text}, owned by {owner}"
