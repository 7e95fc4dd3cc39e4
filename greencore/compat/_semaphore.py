"""Where gevent has its semaphores; greencore.lock is the public module."""

from greencore._core import BoundedSemaphore, Semaphore

__all__ = ["Semaphore", "BoundedSemaphore"]
