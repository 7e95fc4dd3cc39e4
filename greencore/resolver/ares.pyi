from typing import Any

from greencore._core import channel
from greencore.hub import Hub
from greencore.resolver import AbstractResolver

__all__ = ["Resolver"]

class Resolver(AbstractResolver):
    cares_class: type[channel]
    hub: Hub
    params: dict[str, Any]
    pid: int
    cares: channel
    def __init__(self, hub: Hub | None = None, use_environ: bool = True, **kwargs: Any) -> None: ...
