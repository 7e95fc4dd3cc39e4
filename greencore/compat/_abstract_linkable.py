"""The base of what can be waited for, for classes of one's own."""

from greencore._core import AbstractLinkable

__all__ = ["AbstractLinkable"]
