"""Timeout: an exception that strikes when a greenlet has waited for too long."""

from greencore._core import Timeout

__all__ = ["Timeout", "with_timeout"]

_UNSET = object()


def with_timeout(seconds, function, *args, timeout_value=_UNSET, **kwds):
    """Call function(*args, **kwds) and return its result, unless it takes longer than `seconds`.

    Then `timeout_value` is returned if given, else the Timeout is raised. `seconds` may be a Timeout, or
    None for no limit. Another Timeout than this one, set by a caller or by `function`, is always raised.
    """
    timeout = Timeout.start_new(seconds, _one_shot=True)
    try:
        return function(*args, **kwds)
    except Timeout as ex:
        if ex is not timeout or timeout_value is _UNSET:
            raise
        return timeout_value
    finally:
        timeout.cancel()
