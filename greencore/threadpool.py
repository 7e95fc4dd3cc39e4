"""Run functions that block in native threads.

Each hub has a pool (`get_hub().threadpool`); most programs need no other.
"""

import os
import sys
import weakref

from greencore._base.native import get_thread_ident, start_new_thread
from greencore._core import Task, TaskQueue, get_hub_if_exists, greenlet as RawGreenlet
from greencore.event import AsyncResult
from greencore.exceptions import InvalidThreadUseError
from greencore.greenlet import Greenlet
from greencore.hub import get_hub, getcurrent, sleep
from greencore.lock import Semaphore
from greencore.pool import GroupMappingMixin

__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]  # noqa: F822 - see __getattr__


def _format_hub(hub):
    if hub is None:
        return "<missing>"
    return f"<{type(hub).__name__} at {id(hub):#x} thread_ident={hub.thread_ident:#x}>"


def _get_thread_profile():
    threading = sys.modules.get("threading")
    return threading and threading._profile_hook


def _get_thread_trace():
    threading = sys.modules.get("threading")
    return threading and threading._trace_hook


class _WorkerGreenlet(RawGreenlet):
    """A worker thread: the greenlet in which its tasks run. The pool's thread makes it."""

    greenlet_tree_is_root = True
    _thread_ident = 0
    _hub = None  # the pool's
    _hub_of_worker = None  # made by a task, if any

    def __init__(self, threadpool):
        super().__init__()
        self._hub = threadpool.hub
        self._stderr = sys.stderr
        self._pool = weakref.ref(threadpool)
        self._task_queue = threadpool.task_queue
        self._workers = threadpool._worker_greenlets
        self._idle_task_timeout = threadpool._idle_task_timeout
        self._workers.add(self)
        try:
            start_new_thread(self._begin, ())
        except BaseException:
            self._workers.discard(self)
            raise

    def _begin(self):
        """The body of the thread."""
        self.parent = getcurrent()
        self.parent.greenlet_tree_is_ignored = True
        self._thread_ident = get_thread_ident()
        error = None
        while not self.dead:
            try:
                if error is None:
                    self.switch()
                else:
                    # What a hub raises in the main greenlet is for the task, whose wait made the hub.
                    self.throw(error)
                error = None
            except BaseException as raised:
                if self.dead:
                    raise
                error = raised

    def _prepare_hub(self):
        """Look after a hub that a task has made on this thread: its monitor shall not blame greenlets for blocking."""
        hub = get_hub_if_exists()
        if hub is not None and hub is not self._hub_of_worker:
            self._hub_of_worker = hub
            hub.name = "ThreadPool Worker Hub"
        if hub is not None and hub.periodic_monitoring_thread is not None:
            hub.periodic_monitoring_thread.ignore_current_greenlet_blocking()

    def _before_run_task(
        self,
        func,
        args,
        kwargs,
        thread_result,
        _sys=sys,
        _get_thread_profile=_get_thread_profile,
        _get_thread_trace=_get_thread_trace,
    ):
        """Install what `threading.setprofile` and `settrace` were given; subclasses may do more."""
        for get, install in ((_get_thread_profile, _sys.setprofile), (_get_thread_trace, _sys.settrace)):
            function = get()
            if function is not None:
                install(function)

    def _after_run_task(self, func, args, kwargs, thread_result, _sys=sys):
        """Remove these functions, or those that the task has set instead."""
        if _sys.getprofile() is not None:
            _sys.setprofile(None)
        if _sys.gettrace() is not None:
            _sys.settrace(None)

    def _run_task(self, task):
        """Run a task that wants more than the queue does by itself."""
        func, args, kwargs = task.func, task.args, task.kwargs or {}
        try:
            self._before_run_task(func, args, kwargs, task)
        except BaseException as error:
            # A worker with one of two functions is not to be used again; it ends, and another takes its place.
            task.handle_error((self, func), error)
            raise
        try:
            task.set(func(*args, **kwargs))
        except BaseException as error:
            task.handle_error((self, func), error)
        finally:
            self._after_run_task(func, args, kwargs, task)

    def _clean(self):
        self._after_run_task(None, None, None, None)
        self._prepare_hub()

    def run(self):
        gevent_threadpool_worker_idle = True  # seen in frames by greencore.util  # noqa: F841
        kind = type(self)
        plain = (
            kind._before_run_task is _WorkerGreenlet._before_run_task
            and kind._after_run_task is _WorkerGreenlet._after_run_task
        )
        clean = self._clean if plain else None
        serve = self._task_queue.serve
        stopped = False
        task = None
        try:
            while True:
                threading = sys.modules.get("threading")
                task = serve(self, self._idle_task_timeout, threading and vars(threading), clean)
                if not task:
                    stopped = task is None
                    break
                try:
                    self._run_task(task)
                finally:
                    self._task_queue.task_done(task)
                    task = None
                self._prepare_hub()
        except Exception as error:
            print(f"Failed to run worker thread. Exception={error!r}", file=self._stderr)
            frames = error.__traceback__
            while frames is not None:
                code = frames.tb_frame.f_code
                print(f'  File "{code.co_filename}", line {frames.tb_lineno}, in {code.co_name}', file=self._stderr)
                frames = frames.tb_next
        finally:
            pool = self._pool()
            self.cleanup(get_hub_if_exists())
            if pool is not None and not stopped:
                pool._on_worker_exit()

    def cleanup(self, hub_of_worker):
        """Leave the pool, and destroy the hub that tasks made on this thread."""
        self._hub = self._task_queue = None
        self._workers.discard(self)
        if hub_of_worker is not None:
            hub_of_worker.destroy(True)

    def __repr__(self):
        return (
            f"<ThreadPoolWorker at {id(self):#x} thread_ident={self._thread_ident:#x} "
            f"threadpool-hub={_format_hub(self._hub)}>"
        )


def _sleep_until(done, delay=0.0005):
    """Sleep until done() is true. Ask it now, after `delay` seconds, and then after twice as many each time, up to 50 ms."""
    while not done():
        sleep(delay)
        delay = min(2 * delay, 0.05)


class ThreadPool(GroupMappingMixin):
    """Up to `maxsize` native threads that run functions for the greenlets of one hub.

    `hub` is by default that of the running thread; only its thread may use the pool. `idle_task_timeout` is how many seconds a
    thread without a task stays; -1 for ever. `len` is the number of unfinished tasks, so an idle pool is false.

    Raises TypeError for a size that is no integer, ValueError for one below 0. Has the methods of `greencore.pool.Pool`:
    `apply`, `map`, `imap` and their likes.
    """

    __slots__ = (
        "__weakref__",
        "_available",
        "_idle_task_timeout",
        "_maxsize",
        "_worker_greenlets",
        "hub",
        "manager",
        "pid",
        "task_queue",
    )

    _WorkerGreenlet = _WorkerGreenlet

    def __init__(self, maxsize, hub=None, idle_task_timeout=-1):
        self.hub = hub or get_hub()
        self.pid = os.getpid()
        self.manager = None  # a greenlet that waits for threads to end
        self.task_queue = TaskQueue(self.hub.loop)
        self._idle_task_timeout = idle_task_timeout
        self._worker_greenlets = set()
        self._maxsize = 0
        # It is one more than there are threads, so that the next task is ready when one is done.
        self._available = Semaphore(1)
        self.maxsize = maxsize
        _pools.add(self)

    @property
    def maxsize(self):
        """The greatest number of threads. When one task more than that is unfinished, `spawn` waits."""
        return self._maxsize

    @maxsize.setter
    def maxsize(self, maxsize):
        if not isinstance(maxsize, int):
            raise TypeError(f"maxsize must be integer: {maxsize!r}")
        if maxsize < 0:
            raise ValueError(f"maxsize must not be negative: {maxsize!r}")
        difference = maxsize - self._maxsize
        self._maxsize = maxsize
        self._available.counter += difference
        self.adjust()
        if difference > 0 and self._available.counter > 0:
            # Let those go on that found no room.
            self._available.counter -= 1
            self._available.release()

    @property
    def size(self):
        """How many threads there are. Assigning starts or ends some; more than `maxsize` is a ValueError."""
        return len(self._worker_greenlets)

    @size.setter
    def size(self, size):
        if size < 0:
            raise ValueError(f"Size of the pool cannot be negative: {size!r}")
        if size > self._maxsize:
            raise ValueError(f"Size of the pool cannot be bigger than maxsize: {size!r} > {self._maxsize!r}")
        if self.manager:
            self.manager.kill()
        while len(self._worker_greenlets) < size:
            self._add_thread()

        def small_enough():
            self._end_surplus(size)
            return len(self._worker_greenlets) <= size or getcurrent() is self.hub

        _sleep_until(small_enough)

    def __len__(self):
        return self.task_queue.unfinished_tasks

    def __repr__(self):
        return (
            f"<{type(self).__name__} at {id(self):#x} tasks={len(self)} size={self.size} maxsize={self.maxsize} "
            f"hub={_format_hub(self.hub)}>"
        )

    def _forked(self):
        """Begin anew in a forked child, which has none of the threads. Unfinished tasks are never answered there."""
        for worker in list(self._worker_greenlets):
            worker._hub = worker._task_queue = None
        self.task_queue.kill()
        self.__init__(self._maxsize, self.hub, self._idle_task_timeout)

    def join(self):
        """Wait until all tasks are finished, by looking again at most 50 ms apart."""
        _sleep_until(lambda: self.task_queue.unfinished_tasks <= 0)

    def kill(self):
        """End all threads, each after the task that it runs, and wait for that."""
        self.size = 0

    def _dismiss(self):
        # End all threads, without waiting for that: the hub's thread ends.
        for _ in range(len(self._worker_greenlets)):
            self.task_queue.put(None)

    def adjust(self):
        """Start the threads that are needed and end those that are too many."""
        self._adjust_step()
        if not self.manager and len(self._worker_greenlets) > self._maxsize:
            self.manager = Greenlet.spawn(self._adjust_wait)

    def _adjust_step(self):
        """Start and end threads as far as that can be now. Return whether there are not too many."""
        workers, queue = self._worker_greenlets, self.task_queue
        while len(workers) < self._maxsize and queue.unfinished_tasks > len(workers):
            self._add_thread()
        self._end_surplus(self._maxsize)
        return len(workers) <= self._maxsize

    def _end_surplus(self, size):
        """Tell as many threads to end as there are above `size`, besides those that have something to do."""
        while len(self._worker_greenlets) - size > self.task_queue.unfinished_tasks:
            self.task_queue.put(None)

    def _adjust_wait(self):
        _sleep_until(self._adjust_step, 0.0001)

    def _add_thread(self):
        self._WorkerGreenlet(self)

    def _on_worker_exit(self):
        """Called by a thread that ends without having been told to: another may be needed."""
        if self.task_queue.unfinished_tasks:
            self.hub.loop.run_callback_threadsafe(self.adjust)

    def _put(self, task, waiting=False):
        workers = self._worker_greenlets
        try:
            if not workers and self._maxsize:
                self._add_thread()  # first: a task in the queue would be run by whoever comes later
            self.task_queue.put(task, waiting)
        except BaseException:
            self._available.release()
            raise
        if len(workers) < self._maxsize:
            try:
                self.adjust()
            except (MemoryError, RuntimeError):
                pass  # no more threads can be had: one of those that run does the task

    def apply(self, func, args=None, kwds=None):
        """Return `func(*args, **kwds)`, called in a thread of the pool; what it raises is raised here.

        A task of the pool that calls this runs the function itself.
        """
        if get_hub_if_exists() is not self.hub:
            return func(*(args or ()), **(kwds or {}))
        available = self._available
        task = Task(self.hub.loop, available, None, func, tuple(args or ()), kwds)
        available.acquire()
        self._put(task, True)
        return task.wait()

    def spawn(self, func, *args, **kwargs):
        """Call `func(*args, **kwargs)` in a thread of the pool. Return an AsyncResult of it.

        Waits while there are too many unfinished tasks. What the function raises also goes to `Hub.handle_error`. Raises
        InvalidThreadUseError on any thread but that of the hub.
        """
        if get_hub_if_exists() is not self.hub:
            raise InvalidThreadUseError
        available, hub, result = self._available, self.hub, AsyncResult()

        def done(task):
            exc_info = task.exc_info
            if exc_info:
                hub.handle_error(task.context, *exc_info)
            result(task)

        task = Task(hub.loop, available, done, func, args, kwargs)
        available.acquire()
        self._put(task)
        return result

    def _apply_immediately(self):
        return get_hub_if_exists() is not self.hub

    def _apply_async_cb_spawn(self, callback, result):
        callback(result)

    def _apply_async_use_greenlet(self):
        return True


# All pools that exist: in a forked child each begins anew.
_pools = weakref.WeakSet()


def _forked():
    for pool in list(_pools):
        pool._forked()


os.register_at_fork(after_in_child=_forked)


class ThreadResult:
    """A result that another thread gives to this one, once.

    After a call of `set` or `handle_error`, first `call_when_ready()` and then `receiver(self)` is called on `hub`.
    """

    __slots__ = ("_call_when_ready", "async_watcher", "context", "exc_info", "hub", "receiver", "value")

    def __init__(self, receiver, hub, call_when_ready):
        self.receiver = receiver
        self.hub = hub
        self._call_when_ready = call_when_ready
        self.context = self.value = None
        self.exc_info = ()
        self.async_watcher = hub.loop.async_()
        self.async_watcher.start(self._on_async)

    @property
    def exception(self):
        """The exception that was given, or None."""
        return self.exc_info[1] if self.exc_info else None

    def _on_async(self):
        hub, receiver, call_when_ready = self.hub, self.receiver, self._call_when_ready
        exc_info = self.exc_info
        try:
            self.destroy_in_main_thread()
            call_when_ready()
            if exc_info:
                hub.handle_error(self.context, *exc_info)
            receiver(self)
        finally:
            self.context = self.value = None
            if exc_info:
                self.exc_info = (*exc_info[:2], None)

    def destroy_in_main_thread(self):
        """Give the result up: nothing is called any more. Only the hub's thread may call this."""
        self.async_watcher.stop()
        self.async_watcher.close()
        self.hub = None
        self.receiver = self._call_when_ready = self.async_watcher = _Nothing()

    def set(self, value):
        """Give the result. The other thread calls this."""
        self.value = value
        self.async_watcher.send()

    def handle_error(self, context, exc_info):
        """Give an exception, as of sys.exc_info(), and what it belongs to. The other thread calls this."""
        self.context = context
        self.exc_info = exc_info
        self.async_watcher.send()

    def successful(self):
        """Return whether no exception was given."""
        return self.exception is None


class _Nothing:
    """Takes the place of what is gone: it can be called like that, and nothing happens."""

    def __bool__(self):
        return False

    def __call__(self, *args):
        pass

    send = stop = close = __call__


def __getattr__(name):
    if name == "ThreadPoolExecutor":
        from greencore._executor import ThreadPoolExecutor

        return ThreadPoolExecutor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
