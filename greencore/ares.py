"""The c-ares channel under its old name."""

from greencore.resolver.cares import channel

__all__ = ["channel"]
