"""Queues between greenlets, with the interface of the standard library's queue module, and Channel."""

import queue as _stdlib
from queue import Empty, Full

from greencore._condition import Condition
from greencore._core import BoundedSemaphore, Channel, LifoQueue, PriorityQueue, Queue, SimpleQueue

__implements__ = ["Queue", "PriorityQueue", "LifoQueue", "SimpleQueue"]
__extensions__ = ["JoinableQueue", "Channel"]
__imports__ = ["Empty", "Full"]

if hasattr(_stdlib, "ShutDown"):  # 3.13
    ShutDown = _stdlib.ShutDown
    __imports__.append("ShutDown")
else:

    class ShutDown(Exception):  # type: ignore[no-redef]
        """Raised by put(), and by get() on an empty queue, after shutdown()."""

    __extensions__.append("ShutDown")

__all__ = __implements__ + __extensions__ + __imports__

JoinableQueue = Queue


class UnboundQueue(Queue):
    """A Queue that has no limit. Raises ValueError when given a maxsize."""

    __slots__ = ()

    def __init__(self, maxsize=None, items=()):
        if maxsize is not None:
            raise ValueError("UnboundQueue has no maxsize")
        super().__init__(maxsize, items)


class _Conditions:
    """The conditions that the standard library's queues have as attributes. The queue calls the methods as it changes."""

    def __init__(self):
        self.mutex = BoundedSemaphore()
        self.not_empty = Condition(self.mutex)
        self.not_full = Condition(self.mutex)
        self.all_tasks_done = Condition(self.mutex)

    def put(self):
        self.not_empty.wake()

    def get(self):
        self.not_full.wake()

    def done(self):
        self.all_tasks_done.wake(None)

    def shutdown(self):
        self.not_empty.wake(None)
        self.not_full.wake(None)
