"""The `time` module with a `sleep` that lets other greenlets run."""

import time as _time

from greencore._util import copy_globals
from greencore.hub import sleep as _hub_sleep

__implements__ = ["sleep"]
__all__ = __implements__


def sleep(seconds, /):
    """Sleep in this greenlet only.

    `seconds` is a number that is not negative; nothing is returned. Raises ValueError and TypeError as `time.sleep`
    does for what is no such number.
    """
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    _hub_sleep(seconds)


__imports__ = copy_globals(_time, globals(), names_to_ignore=__implements__)
