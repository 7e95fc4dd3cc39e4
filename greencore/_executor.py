"""`ThreadPoolExecutor`: kept apart, since `concurrent.futures` cannot be imported any more when the interpreter ends."""

import concurrent.futures
import sys
from concurrent.futures import _base as _futures

from _greencore_alias import name_of
from greencore._base.originals import is_module_patched
from greencore._base.tools import Lazy
from greencore.hub import get_hub
from greencore.threadpool import ThreadPool
from greencore.timeout import Timeout


class _FutureProxy:
    """A Future made of the AsyncResult of a pool's task."""

    def __init__(self, asyncresult):
        self.asyncresult = asyncresult

    @Lazy
    def _condition(self):
        # concurrent.futures.wait and as_completed use the condition. It works only between greenlets, or once the task is done.
        if not (is_module_patched("threading") or self.done()):
            raise AttributeError("_condition")
        import threading

        return threading.Condition()

    @Lazy
    def _waiters(self):
        self.asyncresult.rawlink(self._tell_waiters)
        return []

    def _tell_waiters(self, _):
        for waiter in self._waiters:
            if self.successful():
                waiter.add_result(self)
            else:
                waiter.add_exception(self)

    @property
    def _state(self):
        return _futures.FINISHED if self.done() else _futures.RUNNING

    def set_running_or_notify_cancel(self):
        """Do nothing: executors call this, but a task of the pool cannot be cancelled."""

    def result(self, timeout=None):
        with _translated_timeout(timeout) as timer:
            return self.asyncresult.get(timeout=timer)

    def exception(self, timeout=None):
        with _translated_timeout(timeout) as timer:
            self.asyncresult.wait(timeout=timer)
            if not self.done():
                raise concurrent.futures.TimeoutError
            return self.asyncresult.exception

    def add_done_callback(self, fn):
        """Call `fn(self)` when the task is finished, now if it is. What it raises later is printed."""
        if self.done():
            fn(self)
            return

        def call(_):
            try:
                fn(self)
            except Exception:
                get_hub().print_exception((fn, self), *sys.exc_info())

        self.asyncresult.rawlink(call)

    def rawlink(self, fn):
        self.asyncresult.rawlink(lambda _: fn(self))

    def __str__(self):
        return str(self.asyncresult)

    def __getattr__(self, name):
        return getattr(self.asyncresult, name)


class _translated_timeout:
    """Turns the Timeout that ends the block after `seconds` into `concurrent.futures.TimeoutError`."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __enter__(self):
        return self.seconds

    def __exit__(self, kind, value, traceback):
        if self.seconds is not None and isinstance(value, Timeout) and value.seconds == self.seconds:
            raise concurrent.futures.TimeoutError from None


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """A `concurrent.futures.ThreadPoolExecutor` whose workers are native threads, patched or not.

    Takes the same arguments, of which only `max_workers` counts. Its futures can be given to `greencore.wait` too; with
    `concurrent.futures.wait` and `as_completed` they need a patched `threading`.
    """

    __module__ = name_of("greencore.threadpool")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._threadpool = ThreadPool(self._max_workers)

    def submit(self, fn, /, *args, **kwargs):
        with self._shutdown_lock:
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            return _FutureProxy(self._threadpool.spawn(fn, *args, **kwargs))

    def shutdown(self, wait=True, **kwargs):
        super().shutdown(wait, **kwargs)
        if self._threadpool is not None:
            if wait:
                self._threadpool.join()
            self._threadpool.kill()
            self._threadpool = None

    kill = shutdown

    def _adjust_thread_count(self):
        pass
