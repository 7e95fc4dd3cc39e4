"""gevent.shutdown: end a program in order."""

import gc
import sys

from greencore.exceptions import GreenletExit
from greencore.greenlet import Greenlet, killall
from greencore.hub import get_hub, getcurrent

__all__ = ["shutdown"]


def shutdown(timeout=None):
    """Kill every other greenlet of this thread, wait until they have ended, and leave the main greenlet by SystemExit.

    It is meant as a handler, `gevent.signal(signal.SIGQUIT, gevent.shutdown)`: greenlets that would keep the program
    alive run their `finally` clauses and end. One that catches GreenletExit and goes on is waited for `timeout`
    seconds (None: for ever), then left to the interpreter's exit. Called in the main greenlet, it raises SystemExit
    there.
    """
    hub = get_hub()
    current = getcurrent()
    others = [
        found
        for found in gc.get_objects()
        if isinstance(found, Greenlet) and found is not current and not found.ready() and found.parent is hub
    ]
    killall(others, GreenletExit, block=True, timeout=timeout)
    if current is hub.parent:
        sys.exit(0)
    hub.handle_system_error(SystemExit, SystemExit(0))
