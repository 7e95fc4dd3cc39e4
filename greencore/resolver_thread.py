"""The thread pool's resolver under its old name."""

from greencore.resolver.thread import Resolver

__all__ = ["Resolver"]
