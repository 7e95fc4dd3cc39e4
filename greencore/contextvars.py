"""The `contextvars` module.

Each greenlet runs in a context of its own (`greenlet.gr_context`), so the standard module is cooperative as it is: these
are its very classes.
"""

from contextvars import Context, ContextVar, Token, copy_context

__implements__ = ["Context", "ContextVar", "Token", "copy_context"]
__all__ = __implements__
