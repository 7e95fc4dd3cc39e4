"""The c-ares channel under its old name."""

from greencore._core import channel

__all__ = ["channel"]
