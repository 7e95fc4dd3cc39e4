"""Raw greenlets to play with, and what their frames say."""

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


def names(frame):
    """The names of the functions whose frames are on the stack, innermost first."""
    found = []
    while frame is not None:
        found.append(frame.f_code.co_name)
        frame = frame.f_back
    return found
