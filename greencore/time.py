"""The `time` module with a `sleep` that lets other greenlets run."""

import time as _time

from greencore._core import time_sleep as sleep  # built in, as the original: no method when a class has it
from greencore._util import copy_globals

__implements__ = ["sleep"]
__all__ = __implements__
__imports__ = copy_globals(_time, globals(), names_to_ignore=__implements__)
