"""The application that the command line names."""

import os
import sys
from importlib import import_module

from greencore.serve._files import Files


class NoApplicationError(Exception):
    """There is none by that name."""


def load(what):
    """Return the WSGI application: that of a folder, or MODULE:ATTRIBUTE, imported from the current folder too."""
    if os.path.isdir(what):
        return Files(what)
    module, _, path = what.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = import_module(module)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise NoApplicationError(f"{found!r} has no attribute {name!r}") from None
    if not callable(found):
        raise NoApplicationError(f"{what} is {found!r}, which can't be called")
    return found
