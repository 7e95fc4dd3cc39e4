"""The hub: one greenlet in each thread that runs the event loop while all others wait."""

import sys
from _thread import _local, get_ident
from gc import get_objects as _get_objects

from greencore import _core
from greencore._base.config import config as GEVENT_CONFIG
from greencore._base.ident import IdentRegistry
from greencore._base.tools import Lazy, gmctime, readproperty
from greencore._core import (  # noqa: F401 - programs import them from here
    GreenletExit,
    Waiter,
    get_hub,
    get_hub_if_exists,
    getcurrent,
    greenlet as RawGreenlet,
    iwait,
    kill,
    lookup,
    set_default_hub_class,
    set_hub,
    sleep,
    spawn_raw,
    wait,
)
from greencore._wait_info import describe_wait
from greencore.exceptions import HubDestroyed, InvalidSwitchError, LoopExit

__all__ = [
    "GreenletExit",
    "Hub",
    "Waiter",
    "get_hub",
    "getcurrent",
    "kill",
    "reinit",
    "signal",
    "sleep",
    "spawn_raw",
]

GreenletError = _core.error
_get_hub = get_hub_if_exists
get_hub_noargs = get_hub

_IMPORTING_THREAD_IDENT = get_ident()
try:
    import threading as _threading
except ImportError:  # pragma: no cover - an interpreter without threads
    MAIN_THREAD_IDENT = _IMPORTING_THREAD_IDENT
else:
    MAIN_THREAD_IDENT = _threading.main_thread().ident
    del _threading
thread_mod_name = "_thread"
MOST_DESCRIBED = 100  # greenlets that LoopExit lists


def _print_traceback(t, v, tb, stream):
    if sys.meta_path is None:  # the interpreter's end, where nothing can be imported any more
        sys.__excepthook__(t, v, tb)
        return
    import traceback  # here, since it takes longer to import than all of this package

    traceback.print_exception(t, v, tb, file=stream)


class _Loops(_local):
    loop = None


_loops = _Loops()


def get_loop():
    """Return the loop that the thread's next hub will run, or None if that hub is to make one."""
    return _loops.loop


def set_loop(loop):
    """Make the thread's next hub run `loop`."""
    _loops.loop = loop


def idle(priority=0):
    """Park the running greenlet until the loop has nothing ready.

    priority: accepted, of no effect. Raises BlockingSwitchOutError in the hub.
    """
    hub = get_hub()
    watcher = hub.loop.idle()
    if priority:
        watcher.priority = priority
    hub.wait(watcher)


class signal:
    """Call handler(*args, **kwargs) in a greenlet of its own whenever the process gets signal `signalnum`.

    It does not keep the program running (see `ref`). cancel() ends it. Raises TypeError for a handler that can't be
    called, ValueError for a number that is no signal.
    """

    greenlet_class: type | None = None

    def __init__(self, signalnum, handler, *args, **kwargs):
        if not callable(handler):
            raise TypeError("signal handler must be callable.")
        self.hub = get_hub()
        self.handler = handler
        self.args = args
        self.kwargs = kwargs
        if self.greenlet_class is None:
            type(self).greenlet_class = lookup("greencore.greenlet", "Greenlet")
        self.watcher = self.hub.loop.signal(signalnum, ref=False)
        self.watcher.start(self._start)

    @property
    def ref(self):
        """Whether it keeps the loop running."""
        return self.watcher.ref

    @ref.setter
    def ref(self, value):
        self.watcher.ref = value

    def cancel(self):
        """Call the handler no more. Harmless when it was cancelled before."""
        if self.watcher is not None:
            self.watcher.close()
        self.watcher = self.handler = self.args = self.kwargs = self.hub = self.greenlet_class = None

    def _start(self):
        self.greenlet_class(self.handle).switch()

    def handle(self):
        """Call the handler; what it raises goes to the hub as a system error."""
        try:
            self.handler(*self.args, **self.kwargs)
        except BaseException:
            self.hub.handle_error(None, *sys.exc_info())


def reinit(hub=None):
    """Make the hub (by default this thread's, if there is one) work in a forked child: its loop, resolver, thread pool
    and monitor.

    Every fork does so by itself for the loop, greencore.os.fork() for all. Harmless in the parent and when called again.
    """
    hub = get_hub_if_exists() if hub is None else hub
    if hub is None:
        return
    hub.loop.reinit()
    for part in (hub._threadpool, hub._resolver, hub.periodic_monitoring_thread):
        on_fork = getattr(part, "_on_fork", None)
        if on_fork is not None:
            on_fork()


class _Lent:
    """An attribute of hubs that is made on first use, by make(hub), and again after it was deleted.

    The value is kept in the attribute of that name with an underscore before it; None there means that it was not made yet.
    """

    def __init__(self, make, doc):
        self.make = make
        self.__doc__ = doc

    def __set_name__(self, owner, name):
        self.place = "_" + name

    def __get__(self, hub, owner):
        if hub is None:
            return self
        if getattr(hub, self.place) is None:
            setattr(hub, self.place, self.make(hub))
        return getattr(hub, self.place)

    def __set__(self, hub, value):
        setattr(hub, self.place, value)

    def __delete__(self, hub):
        setattr(hub, self.place, None)


_hub_idents = IdentRegistry()


class Hub(_core.Hub):
    """The greenlet that runs the loop, and the parent of all others.

    loop: a loop to run; by default one is made. default: whether that is to be a default loop, which it is by default
    in the main thread and in the one that first imported this module.
    """

    name = ""
    threadpool_size = 10
    periodic_monitoring_thread = None

    loop_class = property(lambda self: GEVENT_CONFIG.loop, doc="What makes `loop`: `config.loop`.")
    backend = property(lambda self: GEVENT_CONFIG.libev_backend, doc="`config.libev_backend`, of no effect.")
    resolver_class = property(lambda self: GEVENT_CONFIG.resolver, doc="What makes `resolver`: `config.resolver`.")
    threadpool_class = property(
        lambda self: GEVENT_CONFIG.threadpool, doc="What makes `threadpool`: `config.threadpool`."
    )

    def __init__(self, loop=None, default=None):
        _core.Hub.__init__(self, None, None)
        self.thread_ident = get_ident()
        self.loop = self._choose_loop(loop, default)
        self._waited = {}  # watchers that greenlets are in wait() for
        self.loop._install_interrupt()
        self.minimal_ident = _hub_idents.get_ident(self)

    def _choose_loop(self, loop, default):
        """Return the loop that was given, the one of this thread's last hub, or a new one."""
        if hasattr(loop, "run"):
            if default is not None:
                raise TypeError("a loop was given, so `default` cannot be")
            return loop
        if get_loop() is not None:
            return get_loop()
        if default is None and self.thread_ident not in (MAIN_THREAD_IDENT, _IMPORTING_THREAD_IDENT):
            default = False
        return self.loop_class(flags=loop, default=default)

    @Lazy
    def format_context(self):
        """The function that formats what failed, for print_exception."""
        return GEVENT_CONFIG.format_context

    @Lazy
    def ident_registry(self):
        """Small numbers for greenlets, unique in this hub."""
        return IdentRegistry()

    @property
    def main_hub(self):
        """Whether this is the main thread's hub."""
        return self.thread_ident == MAIN_THREAD_IDENT

    def __bool__(self):
        """Whether the hub can run. It is true before the hub has run, too: greenlets may do without it for long."""
        return not self.dead

    def __repr__(self):
        loop = "destroyed" if self.loop is None else self.loop._format()
        parts = [f"<{type(self).__name__} {self.name!r} at {id(self):#x} {loop}"]
        if self._resolver is not None:
            parts.append(f"resolver={self._resolver!r}")
        if self._threadpool is not None:
            parts.append(f"threadpool={self._threadpool!r}")
        parts.append(f"thread_ident={self.thread_ident:#x}>")
        return " ".join(parts)

    # Errors

    NOT_ERROR = (GreenletExit, SystemExit)
    SYSTEM_ERROR = (KeyboardInterrupt, SystemExit, SystemError)

    def _normalize_exception(self, t, v, tb):
        """Return (type, exception object, traceback) of what a callback reports, which may lack some of it."""
        if isinstance(v, str):
            v = t(v)
        elif v is None and t is not None:
            v = t()
        if tb is None and v is not None:
            tb = v.__traceback__
        return t, v, tb

    def handle_error(self, context, type, value, tb):
        """Report an exception that nobody caught. It is printed, unless it is in NOT_ERROR; one in SYSTEM_ERROR, or one
        without a context, is raised in the main greenlet as well. Programs may replace this, on the class or on the hub.
        """
        type, value, tb = self._normalize_exception(type, value, tb)
        if type is HubDestroyed:
            raise value.with_traceback(tb)
        system_error = context is None or issubclass(type, self.SYSTEM_ERROR)
        if not issubclass(type, self.NOT_ERROR):
            self.print_exception(context, type, value, tb)
        if system_error:
            self.handle_system_error(type, value, tb)

    def handle_system_error(self, type, value, tb=None):
        """Raise the exception in the main greenlet: now, or soon if another thread calls."""
        if get_ident() != self.thread_ident and self.loop is not None:
            self.loop.run_callback_threadsafe(self.parent.throw, type, value, tb)
            return
        if _core.is_stale(self.parent):
            lookup("greencore._shutdown", "leave")(value)
        current = getcurrent()
        if current is self or current is self.parent or self.loop is None:
            self.parent.throw(type, value, tb)
            return
        callback = self.loop.run_callback(current.switch)
        try:
            self.parent.throw(type, value, tb)
        finally:
            callback.stop()

    @readproperty
    def exception_stream(self):
        """The stream that tracebacks go to: sys.stderr, unless another was assigned. None: they go nowhere."""
        stream = sys.stderr if sys is not None else None
        if type(stream).__name__ == "FileObjectThread":
            stream = stream.io  # printing must not block the hub
        return stream

    def print_exception(self, context, t, v, tb):
        """Write the traceback, the time, and what failed to the exception stream."""
        stream = self.exception_stream
        if not stream:
            return
        t, v, tb = self._normalize_exception(t, v, tb)
        if v is None:
            stream.write(f"{t.__name__}\n")
        else:
            _print_traceback(t, v, tb, stream)
        del tb
        if context is None:
            stream.write(f"{gmctime()}\n")
            return
        if not isinstance(context, str):
            try:
                context = self.format_context(context)
            except Exception as error:
                _print_traceback(type(error), error, error.__traceback__, stream)
                context = object.__repr__(context)
        stream.write(f"{gmctime()} {context} failed with {getattr(t, '__name__', 'exception')}\n\n")

    def _describe_waiting(self):
        """Return lines for LoopExit: one for each parked greenlet of this hub, or for the first ones if there are many."""
        parked = [
            greenlet
            for greenlet in _get_objects()
            if isinstance(greenlet, RawGreenlet)
            and greenlet is not self
            and _core.waiting(greenlet) is not None
            and _core.same_thread(greenlet, self)
            and not _core.is_stale(greenlet)
        ]
        lines = [f"{greenlet!r} {describe_wait(greenlet)}" for greenlet in parked[:MOST_DESCRIBED]]
        if len(parked) > MOST_DESCRIBED:
            lines.append(f"and {len(parked) - MOST_DESCRIBED} more")
        return lines

    # Running

    def start_periodic_monitoring_thread(self):
        """Start the monitor, if config.monitor_thread asks for it. Returns it, or None."""
        if self.periodic_monitoring_thread is None and GEVENT_CONFIG.monitor_thread:
            from greencore._monitor import PeriodicMonitoringThread
            from greencore.events import PeriodicMonitorThreadStartedEvent, notify_and_call_entry_points

            self.periodic_monitoring_thread = PeriodicMonitoringThread(self)
            if self.main_hub:
                self.periodic_monitoring_thread.install_monitor_memory_usage()
            notify_and_call_entry_points(PeriodicMonitorThreadStartedEvent(self.periodic_monitoring_thread))
        return self.periodic_monitoring_thread

    def wait(self, watcher):
        """Park the running greenlet until `watcher`, which must not have been started, fires; it is stopped then.

        Raises InvalidSwitchError when somebody else switches to the greenlet, and what is thrown into it.
        """
        waiter = Waiter(self)
        watcher.start(waiter.switch, waiter)
        self._waited[watcher] = None
        try:
            result = waiter.get()
            if result is not waiter:
                raise InvalidSwitchError(f"Invalid switch into {getcurrent()}: got {result!r} (expected {waiter!r})")
        finally:
            self._waited.pop(watcher, None)
            watcher.stop()

    def _forget_waits(self):
        """Stop the watchers of wait() in a forked child, where nobody who called it exists."""
        while self._waited:
            self._waited.popitem()[0].stop()

    def cancel_wait(self, watcher, error, close_watcher=False):
        """Raise `error`, soon, in the greenlet that waits for `watcher`: an io watcher, or an event of a socket. None does
        nothing. close_watcher: close the watcher, too."""
        if watcher is None:
            return
        if hasattr(watcher, "cancel"):
            watcher.cancel(error)
        elif watcher.callback is not None:
            self.loop.run_callback(self._cancel_wait, watcher, error, close_watcher)
        elif close_watcher:
            watcher.close()

    def _cancel_wait(self, watcher, error, close_watcher):
        active = watcher.active
        greenlet = getattr(getattr(watcher.callback, "__self__", None), "greenlet", None)
        if close_watcher:
            watcher.close()
        if active and greenlet is not None:
            greenlet.throw(error)

    def cancel_waits_close_and_then(self, watchers, exc_kind, then, *then_args):
        """Raise exc_kind in all who wait for the watchers, close those, then call then(*then_args)."""
        watchers = [watcher for watcher in watchers if watcher is not None]
        if not watchers:
            then(*then_args)
            return
        self.loop.run_callback(self._cancel_waits_then, watchers, exc_kind, then, then_args)

    def _cancel_waits_then(self, watchers, exc_kind, then, then_args):
        for watcher in watchers:
            self._cancel_wait(watcher, exc_kind, True)
        then(*then_args)

    def join(self, timeout=None):
        """Wait until nothing is left to do, for at most `timeout` seconds. Only the main greenlet may call this.

        Returns whether nothing is left; False when time is up.
        """
        assert getcurrent() is self.parent, "only possible from the MAIN greenlet"
        if self.dead:
            return True
        waiter, timer = Waiter(self), None
        if timeout is not None:
            timer = self.loop.timer(timeout, ref=False)
            timer.start(waiter.switch, None)
        try:
            waiter.get()
            return False
        except LoopExit:
            return True
        finally:
            if timer is not None:
                timer.close()

    def destroy(self, destroy_loop=None):
        """End the hub and free what it holds. destroy_loop: its loop, too; by default only one that is no default loop.

        Another hub is made when this thread needs one. Call it from the hub's own thread, before that ends.
        """
        loop = self.loop
        if loop is None:
            return
        if destroy_loop is None:
            destroy_loop = not loop.default
        if self._threadpool is not None:
            self._threadpool.kill()
        self._end(destroy_loop)
        if not destroy_loop:
            set_loop(loop)
        elif get_loop() is loop:
            set_loop(None)

    def _end(self, destroy_loop):
        loop = self.loop
        monitor, resolver = self.periodic_monitoring_thread, self._resolver
        if monitor is not None:
            monitor.kill()
        if resolver is not None:
            resolver.close()
        self.periodic_monitoring_thread = self._resolver = self._threadpool = self.loop = None
        try:
            self.throw(HubDestroyed(destroy_loop))
        except (LoopExit, GreenletError):
            pass  # nothing else ran, or it belongs to a thread that has ended
        if destroy_loop:
            loop.destroy()
        if get_hub_if_exists() is self:
            set_hub(None)

    def _leave_thread(self):
        # The hub's thread ends. There is no time to wait for the pool's threads, and set_loop() would make thread-locals anew.
        if self._threadpool is not None:
            getattr(self._threadpool, "_dismiss", self._threadpool.kill)()
        self._end(True)

    def _leave_loop(self):
        set_loop(self.loop)
        self.loop = None

    # What a hub lends

    resolver = _Lent(lambda self: self.resolver_class(hub=self), "The resolver of names, made on first use.")
    threadpool = _Lent(
        lambda self: self.threadpool_class(
            self.threadpool_size, hub=self, idle_task_timeout=GEVENT_CONFIG.threadpool_idle_task_timeout
        ),
        "Native threads for calls that block, made on first use.",
    )
    _resolver = _threadpool = None


set_default_hub_class(Hub)


class linkproxy:
    """A callable for a link: it calls callback(obj), once, whatever its own arguments are."""

    __slots__ = ["callback", "obj"]

    def __init__(self, callback, obj):
        self.callback = callback
        self.obj = obj

    def __call__(self, *args):
        callback, obj = self.callback, self.obj
        self.callback = self.obj = None
        callback(obj)
