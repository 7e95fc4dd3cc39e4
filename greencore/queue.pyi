import sys
from collections.abc import Iterable
from queue import Empty as Empty, Full as Full
from typing import Any

from typing_extensions import TypeVar

from greencore._core import (
    Channel as Channel,
    LifoQueue as LifoQueue,
    PriorityQueue as PriorityQueue,
    Queue as Queue,
    SimpleQueue as SimpleQueue,
)

__all__ = [
    "Queue",
    "PriorityQueue",
    "LifoQueue",
    "SimpleQueue",
    "JoinableQueue",
    "Channel",
    "Empty",
    "Full",
    "ShutDown",
]

_T = TypeVar("_T", default=Any)

if sys.version_info >= (3, 13):
    from queue import ShutDown as ShutDown
else:
    class ShutDown(Exception): ...

JoinableQueue = Queue

class UnboundQueue(Queue[_T]):
    def __init__(self, maxsize: None = None, items: Iterable[_T] = ...) -> None: ...
