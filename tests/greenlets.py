"""Raw greenlets to play with."""

from greenlet import getcurrent
from greenlet import greenlet as Greenlet


class Oops(Exception):
    pass


def bounce():
    """Hand back whatever comes in, for ever."""
    value = None
    while True:
        value = getcurrent().parent.switch(value)


def started(run=bounce):
    g = Greenlet(run)
    g.switch()
    return g
