"""Primitives of native threads, which are never patched: for code that works beneath greenlets."""

from collections import deque

from greencore._base.originals import get_original

__all__ = ["EmptyTimeout", "Lock", "Queue", "get_thread_ident", "start_new_thread"]

start_new_thread, Lock, get_thread_ident = get_original("_thread", ["start_new_thread", "allocate_lock", "get_ident"])


class EmptyTimeout(Exception):
    """No item came within the time given to `Queue.get`."""


class Queue:
    """A FIFO queue of any size between native threads. `get` blocks its whole thread."""

    __slots__ = ("_items", "_mutex", "_sleepers", "unfinished_tasks")

    def __init__(self):
        self._items = deque()
        self._mutex = Lock()
        self._sleepers = []
        self.unfinished_tasks = 0

    def put(self, item):
        with self._mutex:
            self._items.append(item)
            self.unfinished_tasks += 1
            if self._sleepers:
                self._sleepers.pop().release()

    def get(self, cookie=None, timeout=-1):
        """Remove and return the oldest item.

        `cookie` is what `allocate_cookie` returned to this thread, or None for a fresh one; `timeout` is in seconds, -1
        waits for ever. Raises EmptyTimeout when nothing came in time.
        """
        gevent_threadpool_worker_idle = True  # seen in frames by greencore.util  # noqa: F841
        cookie = cookie or Lock()
        with self._mutex:
            while not self._items:
                cookie.acquire()
                self._sleepers.append(cookie)
                self._mutex.release()
                try:
                    woken = cookie.acquire(True, timeout)
                finally:
                    self._mutex.acquire()
                if not woken and cookie in self._sleepers:
                    self._sleepers.remove(cookie)
                    cookie.release()
                    if not self._items:
                        raise EmptyTimeout
                else:
                    # Whoever took the cookie off the list has released it, or is about to.
                    if not woken:
                        cookie.acquire()
                    cookie.release()
            return self._items.popleft()

    def task_done(self):
        with self._mutex:
            if self.unfinished_tasks <= 0:
                raise ValueError("task_done() called too many times")
            self.unfinished_tasks -= 1

    def allocate_cookie(self):
        return Lock()

    def qsize(self):
        return len(self._items)

    def empty(self):
        return not self._items

    def full(self):
        return False

    def kill(self):
        """Drop everything, the lock too: for a forked child, where another thread may have held it."""
        self._items = self._mutex = self._sleepers = self.unfinished_tasks = None
