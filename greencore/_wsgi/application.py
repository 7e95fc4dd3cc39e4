"""Finds the application that a command line names."""

import os
import sys
from importlib import import_module


class NoApplicationError(Exception):
    """There is no application by that name."""


def load(what):
    """Return the application MODULE:ATTRIBUTE, or that of MODULE by the name `application`.

    The current folder's modules are found, too. Raises NoApplicationError, and whatever the import raises.
    """
    module, _, path = what.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = import_module(module)
    for name in (path or "application").split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise NoApplicationError(f"{found!r} has no attribute {name!r}") from None
    if not callable(found):
        raise NoApplicationError(f"{what} is {found!r}, which can't be called")
    return found
