from collections.abc import Callable
from typing import Any

from greencore._core import Greenlet as Greenlet, joinall as joinall, killall as killall

__all__ = ["Greenlet", "joinall", "killall"]

class SpawnedLink:
    callback: Callable[[Any], object]
    def __init__(self, callback: Callable[[Any], object]) -> None: ...
    def __call__(self, source: object) -> None: ...

class SuccessSpawnedLink(SpawnedLink): ...
class FailureSpawnedLink(SpawnedLink): ...
