"""Switch the names `gevent` and `greenlet` to greencore.

An installed greencore does this when the interpreter starts, unless the environment has `GREENCORE_ALIAS=0`.
`install()` does it by hand: before the first import of either name.
"""

from _greencore_alias import install, uninstall

__all__ = ["install", "uninstall"]
