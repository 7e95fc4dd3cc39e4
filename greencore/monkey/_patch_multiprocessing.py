"""Make the pipes and semaphores of `multiprocessing` cooperative. It is patched when it is imported.

Its pipes are blocking descriptors that other processes share, so they cannot be made non-blocking: wait until they are
ready, and write no more than then fits. Its semaphores are the system's, which nothing can watch: look again and again.
"""

import os
import select
import time
import types

from greencore.monkey._lazy import when_imported
from greencore.monkey.api import get_original, patch_item

RECURSIVE_MUTEX = 0
LONGEST_NAP = 0.01  # seconds between two looks at a semaphore


def patch_when_imported():
    when_imported("multiprocessing.connection", patch_connection)
    when_imported("multiprocessing.reduction", patch_reduction)
    when_imported("multiprocessing.resource_sharer", patch_resource_sharer)
    when_imported("_multiprocessing", patch_semaphores)


def _hub():
    """Return the hub if others may have to run while this greenlet waits, else None: then it may as well block."""
    from greencore._core import get_hub_if_exists, getcurrent

    hub = get_hub_if_exists()
    return None if hub is None or hub.loop is None or getcurrent() is hub else hub


def _wait_until_ready(fd, event):
    hub = _hub()
    poll = get_original("select", "poll")()
    poll.register(fd, select.POLLIN if event == 1 else select.POLLOUT)
    if hub is None:
        poll.poll()
    elif not poll.poll(0):
        watcher = hub.loop.io(fd, event)
        try:
            hub.wait(watcher)
        finally:
            watcher.close()


# A descriptor that was a green socket's does not block: if another process was quicker, there is a BlockingIOError, and
# these two wait again. A descriptor that blocks does so then.
def _read(fd, size, read=os.read):
    while True:
        _wait_until_ready(fd, 1)
        try:
            return read(fd, size)
        except BlockingIOError:
            pass


def _write(fd, data, write=os.write):
    with memoryview(data) as view:
        while True:
            fits = len(view)
            if _hub() is not None:
                _wait_until_ready(fd, 2)
                fits = select.PIPE_BUF
            try:
                return write(fd, view[:fits])
            except BlockingIOError:
                _wait_until_ready(fd, 2)


def patch_connection(module):
    from greencore.os import close
    from greencore.selectors import DefaultSelector

    connection = module.Connection
    connection._recv.__defaults__ = (_read,)
    connection._send.__defaults__ = (_write,)
    connection._close.__defaults__ = (close,)
    patch_item(module, "_WaitSelector", DefaultSelector)


def patch_reduction(module):
    """Let green sockets be sent to other processes. In one that was spawned, the module was imported before patching."""
    from greencore.socket import socket

    module.register(socket, module._reduce_socket)


def patch_resource_sharer(module):
    """Keep the module's thread from blocking all signals: as a greenlet it would block them for the whole program."""
    patch_item(module, "signal", types.SimpleNamespace())


def patch_semaphores(module):
    native = module.SemLock

    class SemLock(native):  # type: ignore[valid-type]
        """A semaphore or lock between processes. A recursive lock belongs to the greenlet that took it."""

        _owner = None

        def _try(self):
            from greencore.thread import get_ident

            if self.kind == RECURSIVE_MUTEX and native._count(self) and self._owner != get_ident():
                return False
            if native.acquire(self, False):
                self._owner = get_ident()
                return True
            return False

        def acquire(self, block=True, timeout=None):
            """Take it, waiting at most `timeout` seconds (None: for ever) if `block`. Return whether it was taken."""
            if self._try():
                return True
            if not block:
                return False
            deadline = None if timeout is None else time.monotonic() + timeout
            nap = 0.0001
            while deadline is None or time.monotonic() < deadline:
                hub = _hub()
                if hub is None:
                    from greencore.thread import get_ident

                    taken = native.acquire(self, True, timeout)
                    if taken:
                        self._owner = get_ident()
                    return taken
                from greencore.hub import sleep

                sleep(nap if deadline is None else max(0, min(nap, deadline - time.monotonic())))
                nap = min(nap * 2, LONGEST_NAP)
                if self._try():
                    return True
            return False

        def release(self):
            if self.kind == RECURSIVE_MUTEX and not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            native.release(self)

        def _is_mine(self):
            from greencore.thread import get_ident

            return self._owner == get_ident() and native._is_mine(self)

        def __enter__(self):
            return self.acquire()

        def __exit__(self, *exc_info):
            self.release()

    patch_item(module, "SemLock", SemLock)
