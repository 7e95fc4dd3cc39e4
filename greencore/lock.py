"""Locks: Semaphore, BoundedSemaphore, RLock, and DummySemaphore, which locks nothing."""

from greencore._core import BoundedSemaphore, RLock, Semaphore

__all__ = ["Semaphore", "BoundedSemaphore", "DummySemaphore", "RLock"]


class DummySemaphore:
    """A Semaphore of unlimited permits: nothing ever waits.

    It stands in where a resource need not be guarded, so that the code around it stays the same.
    `value` is accepted and ignored.
    """

    def __init__(self, value=None):
        pass

    def __str__(self):
        return f"<{type(self).__name__}>"

    def locked(self):
        """Return False."""
        return False

    def ready(self):
        """Return True."""
        return True

    def release(self):
        """Do nothing."""

    def rawlink(self, callback):
        """Do nothing: the callback is never called."""

    def unlink(self, callback):
        """Do nothing."""

    def wait(self, timeout=None):
        """Return 1 at once."""
        return 1

    def acquire(self, blocking=True, timeout=None):
        """Return True at once."""
        return True

    def __enter__(self):
        """Do nothing, as acquire()."""

    def __exit__(self, *error):
        """Do nothing, as release()."""
