"""The c-ares resolver under its old name."""

from greencore.resolver.ares import Resolver

__all__ = ["Resolver"]
