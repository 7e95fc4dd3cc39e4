"""`_thread` made of greenlets.

A thread that this module starts is a greenlet of the native thread that started it; its identifier is the greenlet's
`id`. `greencore.monkey.patch_thread` puts these functions in the place of those of `_thread` and `threading`.
"""

import _thread
import gc
import sys
from _signal import SIGINT, getsignal
from weakref import WeakSet

from greencore._base.tools import copy_globals
from greencore._core import Lock as LockType, get_hub_if_exists, greenlet, same_thread, write_unraisable
from greencore.event import Event
from greencore.exceptions import LoopExit
from greencore.greenlet import Greenlet
from greencore.hub import GreenletExit, Hub, getcurrent
from greencore.local import local as _local  # noqa: F401 - as in _thread
from greencore.lock import RLock as _RLock

__target__ = "_thread"
__implements__ = [
    "LockType",
    "RLock",
    "_count",
    "_local",
    "allocate_lock",
    "exit",
    "get_ident",
    "interrupt_main",
    "stack_size",
    "start_new_thread",
]
HAS_HANDLES = hasattr(_thread, "_ThreadHandle")  # CPython 3.13
if HAS_HANDLES:
    __implements__ += ["_ThreadHandle", "_make_thread_handle", "_shutdown", "lock", "start_joinable_thread"]
else:
    __implements__ += ["_set_sentinel"]

error = _thread.error
allocate_lock = lock = LockType


class RLock(_RLock):
    """The recursive lock of `threading.RLock`: `greencore.lock.RLock` with the arguments of the standard one."""

    __slots__ = ()

    if sys.version_info < (3, 15):

        def __init__(self, *args, **kwargs):
            """Arguments are ignored, as those of the standard one up to CPython 3.14."""
            super().__init__()

    else:

        def __init__(self):
            super().__init__()

    def acquire(self, blocking=True, timeout=-1):
        """Take the lock, once more if this greenlet has it, waiting at most `timeout` seconds (-1: for ever).

        Returns whether it was taken. Raises ValueError for a negative time-out, or one without `blocking`; OverflowError
        for one that is too large.
        """
        if timeout == -1:
            return _acquire(self, blocking)
        if not blocking:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if not timeout >= 0:
            raise ValueError("timeout value must be a non-negative number")
        if timeout > _thread.TIMEOUT_MAX:
            raise OverflowError("timeout value is too large")
        return _acquire(self, True, timeout)

    def __repr__(self):
        owner = self._owner
        return (
            f"<{'locked' if self._count else 'unlocked'} {__name__}.RLock object "
            f"owner={0 if owner is None else id(owner)} count={self._count} at {id(self):#x}>"
        )


_acquire = _RLock.acquire

# Sizes are for native threads: greenlets' stacks have a policy of their own.
stack_size = _thread.stack_size

# The threads that run: {greenlet: function to call at its end, or None}.
_running = {}


def get_ident(gr=None):
    """Return a non-zero integer that identifies the running thread, or the greenlet `gr`."""
    return id(getcurrent() if gr is None else gr)


def native_ident(ident):
    """Return the identifier of the native thread that runs the thread `ident`, for the system's functions.

    An identifier that is no greenlet's is returned as it is.
    """
    if ident in sys._current_frames():
        return ident
    found = [thing for thing in gc.get_objects() if id(thing) == ident and issubclass(type(thing), greenlet)]
    if not found:
        return ident
    if same_thread(found[0], getcurrent()):
        return _native_ident()
    hubs = (thing for thing in gc.get_objects() if issubclass(type(thing), Hub) and same_thread(thing, found[0]))
    return next((hub.thread_ident for hub in hubs), ident)


_native_ident = _thread.get_ident


def _run(function, args, kwargs, at_end=None):
    """The body of a thread's greenlet."""
    current = getcurrent()
    _running[current] = at_end
    try:
        function(*args, **kwargs)
    except (SystemExit, GreenletExit):
        pass
    except BaseException:
        write_unraisable("in thread started by", function)
    finally:
        at_end = _running.pop(current, None)
        if at_end is not None:
            at_end()


def start_new_thread(function, args=(), kwargs=None):
    """Start a thread that calls `function(*args, **kwargs)`. Return its identifier.

    Raises TypeError as `_thread.start_new_thread` does. What the function raises goes to `sys.unraisablehook`; SystemExit
    ends the thread silently.
    """
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is None:
        kwargs = {}
    elif not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    sys.audit("_thread.start_new_thread", function, args, kwargs)
    return get_ident(Greenlet.spawn(_run, function, args, kwargs))


def exit():
    """End the running thread: raises SystemExit there, and GreenletExit in a greenlet that is no thread."""
    raise SystemExit if getcurrent() in _running else GreenletExit


_native_interrupt_main = _thread.interrupt_main


def interrupt_main(signum=SIGINT, /):
    """Act as if a signal had come to the main thread: its handler is called, and what that raises is raised in the main
    greenlet. Raises ValueError for a number that is no signal."""
    hub = get_hub_if_exists()
    if hub is None or hub.loop is None or not hub.main_hub or getcurrent() is hub or getcurrent().parent is None:
        _native_interrupt_main(signum)
        return
    handler = getsignal(signum)
    if callable(handler):
        try:
            handler(signum, None)
        except BaseException as error:
            hub.handle_system_error(type(error), error, error.__traceback__)


def _count():
    """Return how many threads run that were started here."""
    return len(_running)


def _set_sentinel():
    """Return a lock that is released when the running thread ends: what `threading` waits for before CPython 3.13."""
    sentinel = LockType()

    def at_end():
        if sentinel.locked():
            sentinel.release()

    current = getcurrent()
    if current in _running:
        _running[current] = at_end
    elif hasattr(current, "rawlink"):
        current.rawlink(lambda _: at_end())
    return sentinel


class _ThreadHandle:
    """What `threading` knows of a thread from CPython 3.13 on. All arguments are ignored."""

    __slots__ = ("__weakref__", "_done", "ident")

    def __init__(self, *_args, **_kwargs):
        self.ident = 0  # not started
        self._done = Event()

    def join(self, timeout=None):
        """Wait until the thread has ended, at most `timeout` seconds (None and -1: for ever).

        Raises RuntimeError if it has not been started, or is the one that asks.
        """
        if not self.ident:
            raise RuntimeError("thread not started")
        if self._done.is_set():
            return
        if self.ident == get_ident():
            raise RuntimeError("Cannot join current thread")
        self._done.wait(None if timeout == -1 else timeout)

    def is_done(self):
        return self._done.is_set()

    def _set_done(self):
        if not self.ident:
            raise RuntimeError("thread not started")
        self._done.set()

    def _forked(self):
        """Mark the thread as ended, in a forked child where it does not exist."""
        self._done = Event()
        self._done.set()

    def __repr__(self):
        state = "done" if self.is_done() else "running" if self.ident else "not started"
        return f"<_ThreadHandle object: ident={self.ident} {state}>"


# Handles of threads that the interpreter waits for at its end.
_not_daemons = set()

# Handles of all threads that were started.
_handles = WeakSet()


def start_joinable_thread(function, handle=None, daemon=True):
    """Start a thread that calls `function()`, and return its handle: `handle`, or a new one.

    Raises TypeError for what is no function or handle, and RuntimeError for a handle in use.
    """
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is None:
        handle = _ThreadHandle()
    elif not isinstance(handle, _ThreadHandle):
        handle = _adopt(function, handle)
    elif handle.ident:
        raise RuntimeError("thread already started")
    sys.audit("_thread.start_joinable_thread", function, daemon, handle)

    def at_end():
        _not_daemons.discard(handle)
        handle._set_done()

    greenlet = Greenlet(_run, function, (), {}, at_end)
    handle.ident = get_ident(greenlet)
    _handles.add(handle)
    if not daemon:
        _not_daemons.add(handle)
    greenlet.start()
    return handle


def _adopt(function, handle):
    """Return a handle of ours for a Thread that was made with a native one, before patching, and starts now."""
    thread = getattr(function, "__self__", None)
    for name in ("_os_thread_handle", "_handle"):
        if getattr(thread, name, None) is handle:
            setattr(thread, name, _ThreadHandle())
            return getattr(thread, name)
    raise TypeError("'handle' must be a _ThreadHandle")


def _make_thread_handle(ident):
    """Return the handle of a thread that runs already."""
    handle = _ThreadHandle()
    handle.ident = ident
    _handles.add(handle)
    return handle


_native_shutdown = getattr(_thread, "_shutdown", None)


def _shutdown():
    """Wait for all threads that are no daemons, greenlets first."""
    while _not_daemons:
        try:
            next(iter(_not_daemons)).join()
        except LoopExit:  # they wait for each other
            break
    _native_shutdown()


def _after_fork_in_child():
    """Forget all threads but the running one."""
    current = getcurrent()
    for other in [other for other in _running if other is not current]:
        del _running[other]
    for handle in list(_handles):
        if handle.ident != id(current):
            _not_daemons.discard(handle)
            handle._forked()


__imports__ = copy_globals(
    _thread,
    globals(),
    only_names=[name for name in dir(_thread) if name not in __implements__ and not name.startswith("__")],
    ignore_missing_names=True,
)
__all__ = [name for name in __implements__ + __imports__ if name not in ("_local", "_count")]
