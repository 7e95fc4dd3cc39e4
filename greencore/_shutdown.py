"""How a program ends: in order, by gevent.shutdown, or in a child that a greenlet has forked, by leave()."""

import gc
import os
import sys

from greencore._core import GreenletExit, LoopExit, get_hub, getcurrent, is_stale
from greencore.greenlet import Greenlet, killall

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
        if isinstance(found, Greenlet)
        and found is not current
        and not found.ready()
        and found.parent is hub
        and not is_stale(found)
    ]
    killall(others, GreenletExit, block=True, timeout=timeout)
    if current is hub.parent:
        sys.exit(0)
    hub.handle_system_error(SystemExit, SystemExit(0))


def leave(error):
    """End this process because of `error`, which would be raised in the main greenlet. It is a forked child without that one.

    As at the end of a native thread that forked: no `finally` clause of the parent's runs, nor its exit functions.
    Its output is flushed.
    """
    status = 1
    if isinstance(error, LoopExit):  # all that the child had to do is done
        status = 0
    elif not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
    elif error.code is None or isinstance(error.code, int):
        status = int(error.code or 0)
    else:
        print(error.code, file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(status & 0xFF)
