"""The `builtins` module: nothing in it blocks, so nothing in it is replaced."""

import builtins as _builtins

from greencore._base.tools import copy_globals

__target__ = "builtins"
__implements__ = []
__all__ = __implements__

__imports__ = copy_globals(_builtins, globals())
