from typing import Any

from greencore.hub import Hub
from greencore.resolver import AbstractResolver

__all__ = ["Resolver"]

class Resolver(AbstractResolver):
    def __init__(self, hub: Hub | None = None) -> None: ...
    @property
    def resolver(self) -> Any: ...
