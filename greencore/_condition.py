"""A condition variable over greencore's locks, patched or not."""

from collections import deque
from time import monotonic

from greencore._core import Semaphore


class Condition:
    """A condition as threading.Condition is one. `lock` is any lock with acquire(), release() and locked()."""

    def __init__(self, lock):
        self._lock = lock
        self.acquire = lock.acquire
        self.release = lock.release
        self._waiters = deque()

    def __enter__(self):
        self.acquire()
        return True

    def __exit__(self, typ, val, tb):
        self.release()

    def __repr__(self):
        return f"<Condition({self._lock}, {len(self._waiters)})>"

    def _check_locked(self):
        if not self._lock.locked():
            raise RuntimeError("the lock of the condition must be acquired first")

    def wait(self, timeout=None):
        """Release the lock, wait to be notified, `timeout` seconds at most, and acquire it again.

        Returns whether it was notified in time. Raises RuntimeError when the lock is not held.
        """
        self._check_locked()
        waiter = Semaphore(0)
        self._waiters.append(waiter)
        self.release()
        notified = False
        try:
            notified = waiter.acquire(timeout=timeout)
        finally:
            if not notified and waiter in self._waiters:
                self._waiters.remove(waiter)
            self.acquire()
        return notified

    def wait_for(self, predicate, timeout=None):
        """Wait until predicate() is true, at most `timeout` seconds; return what it returned last."""
        deadline = None if timeout is None else monotonic() + timeout
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n=1):
        """Wake at most `n` of those who wait. Raises RuntimeError when the lock is not held."""
        self._check_locked()
        self.wake(n)

    def notify_all(self):
        """Wake all who wait. Raises RuntimeError when the lock is not held."""
        self.notify(None)

    def wake(self, n=1):
        """Wake at most `n` of those who wait, or all for None. Unlike with notify(), the lock need not be held."""
        count = len(self._waiters) if n is None else min(n, len(self._waiters))
        for _ in range(count):
            self._waiters.popleft().release()
