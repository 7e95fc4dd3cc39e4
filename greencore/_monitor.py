"""The monitoring thread: a native thread beside a hub that reports a blocked loop and much memory."""

import atexit
import os
import sys
import warnings
from time import perf_counter
from weakref import ref

from greencore._base.config import config
from greencore._base.originals import get_original
from greencore._core import getcurrent
from greencore._tracer import GreenletTracer
from greencore.events import (
    EventLoopBlocked,
    IPeriodicMonitorThread,
    MemoryUsageThresholdExceeded,
    MemoryUsageUnderThreshold,
    implementer,
    notify,
)

__all__ = ["PeriodicMonitoringThread"]

allocate_lock = get_original("_thread", "allocate_lock")
get_thread_ident = get_original("_thread", "get_ident")
start_new_thread = get_original("_thread", "start_new_thread")
thread_sleep = get_original("time", "sleep")


def get_this_psutil_process():
    """Return a new `psutil.Process` for this process, None where psutil is missing or is denied access."""
    try:
        from psutil import AccessDenied, Process
    except ImportError:
        return None
    process = Process()
    try:
        process.memory_full_info()
    except AccessDenied:
        return None
    return process


class MonitorWarning(RuntimeWarning):
    """Warns of what cannot be monitored."""


class _Duty:
    """A function that the monitor calls about every `period` seconds."""

    __slots__ = ("function", "period", "last_run_time")

    def __init__(self, function, period):
        self.function, self.period = function, period
        self.last_run_time = 0

    def __repr__(self):
        return f"<{self.function!r} every {self.period} s>"

    def run_if_due(self, hub, now):
        if self.period and self.last_run_time + self.period <= now:
            self.last_run_time = now
            self.function(hub)


@implementer(IPeriodicMonitorThread)
class PeriodicMonitoringThread:
    """Calls functions, each every so many seconds, from a native thread of its own.

    It is made in the thread of `hub`, which it does not keep alive. Its first function is `monitor_blocking`.
    """

    #: Seconds between looks while blocking is not monitored.
    inactive_sleep_time = 2.0
    #: The least number of seconds between looks at anything.
    min_sleep_time = 0.005
    #: The least number of seconds between looks at memory, which are slow.
    min_memory_monitor_period = 2

    #: The most seconds that the interpreter's end waits for a function that is being called.
    patience_at_exit = 1.0

    #: Bytes used when the limit was last exceeded; 0 while it is not.
    _memory_exceeded = 0

    def __init__(self, hub):
        self._hub_wref = ref(hub, self._on_hub_gc)
        self.should_run = True
        if get_thread_ident() != hub.thread_ident:
            raise RuntimeError("a hub's monitor is made in the hub's own thread")
        self._greenlet_tracer = GreenletTracer()
        period = config.max_blocking_time
        self._monitoring_functions = [_Duty(self.monitor_blocking, period)]
        self._calculated_sleep_time = period
        self._ending = False
        atexit.register(self._end)
        self._start()

    def _start(self):
        self.pid = os.getpid()
        self._working = allocate_lock()  # held while functions are called, and errors reported
        self.monitor_thread_ident = start_new_thread(self, ())

    def _on_fork(self):
        """Start the thread again in a child process: called by the hub's reinit."""
        if self.pid != os.getpid():
            self._start()

    def _on_hub_gc(self, _):
        self.kill()

    def _end(self):
        # The interpreter ends. It stops daemon threads anywhere, and aborts where one holds the lock of standard error.
        self._ending = True
        if self.pid == os.getpid() and self._working.acquire(timeout=self.patience_at_exit):
            self._working.release()

    @property
    def hub(self):
        """The hub that is monitored, None when it is gone."""
        return self._hub_wref()

    def _update_sleep_time(self):
        self._calculated_sleep_time = min(duty.period for duty in self._monitoring_functions)

    def monitoring_functions(self):
        """Return the list of what it calls; the first one's period follows `config.max_blocking_time`."""
        blocking = self._monitoring_functions[0]
        if blocking.period != config.max_blocking_time:
            blocking.period = config.max_blocking_time
            self._update_sleep_time()
        return self._monitoring_functions

    def add_monitoring_function(self, function, period):
        """Call `function(hub)` in this thread about every `period` seconds.

        A function that is there already gets the new period; None takes it out. Raises ValueError for a
        period that is not positive and for what cannot be called.
        """
        if not callable(function):
            raise ValueError("function must be callable")
        if period is not None and period <= 0:
            raise ValueError("Period must be positive.")
        kept = [duty for duty in self._monitoring_functions if duty.function != function]
        if period is not None:
            known = [duty.function for duty in self._monitoring_functions]
            place = known.index(function) if function in known else len(kept)
            kept.insert(place, _Duty(function, period))
        # A new list: the thread may be walking the old one.
        self._monitoring_functions = kept
        self._update_sleep_time()

    def calculate_sleep_time(self):
        """Return the seconds until the next look."""
        if self._calculated_sleep_time <= 0:
            return self.inactive_sleep_time
        return max(self._calculated_sleep_time, self.min_sleep_time)

    def kill(self):
        """Stop. The thread ends at its next look."""
        if self.should_run:
            self.should_run = False
            self._greenlet_tracer.kill()

    def __call__(self):
        """The thread's body."""
        getcurrent().gevent_monitoring_thread = ref(self)
        while self.should_run:
            functions = self.monitoring_functions()
            thread_sleep(self.calculate_sleep_time())
            with self._working:
                if self._ending:
                    return
                if not self._run_due(functions):
                    break
        atexit.unregister(self._end)

    def _run_due(self, functions):
        """Return whether the thread goes on: its first error is its last."""
        hub = self.hub
        if not hub:
            self.kill()
            return False
        now = perf_counter()
        try:
            for duty in functions:
                duty.run_if_due(hub, now)
        except SystemExit:
            return False
        except BaseException:
            # At the interpreter's end sys is emptied before daemon threads stop.
            if sys is not None and sys.stderr is not None:
                hub.handle_error(self, *sys.exc_info())
            return False
        return True

    def monitor_blocking(self, hub):
        """Report a greenlet that has not switched since the last look, and publish `EventLoopBlocked`.

        Return (greenlet, lines of the report), or None.
        """
        blocked = self._greenlet_tracer.did_block_hub(hub)
        if not blocked:
            return None
        greenlet = blocked[1]
        report = self._greenlet_tracer.did_block_hub_report(
            hub, greenlet, {"greenlet_stacks": False, "current_thread_ident": self.monitor_thread_ident}
        )
        notify(EventLoopBlocked(greenlet, config.max_blocking_time, report, hub=hub))
        if config.print_blocking_reports:
            for line in report:
                print(line, file=hub.exception_stream)
        return greenlet, report

    def ignore_current_greenlet_blocking(self):
        """Do not report the running greenlet until it next switches."""
        self._greenlet_tracer.ignore_current_greenlet_blocking()

    def monitor_current_greenlet_blocking(self):
        """Report the running greenlet after all."""
        self._greenlet_tracer.monitor_current_greenlet_blocking()

    def _get_process(self):
        process = get_this_psutil_process()
        self._get_process = lambda: process
        return process

    def can_monitor_memory_usage(self):
        """Return whether psutil is there and may look at this process."""
        return self._get_process() is not None

    def install_monitor_memory_usage(self):
        """Monitor memory from now on, or warn with `MonitorWarning` if that can't be."""
        if not self.can_monitor_memory_usage():
            warnings.warn("Memory usage cannot be monitored: psutil is missing.", MonitorWarning, stacklevel=2)
            return
        period = max(config.memory_monitor_period, self.min_memory_monitor_period)
        self.add_monitoring_function(self.monitor_memory_usage, period)

    def monitor_memory_usage(self, _hub):
        """Publish an event if memory grew above `config.max_memory_usage`, or fell back below it.

        Return the event or None; -1 when there is no limit.
        """
        allowed = config.max_memory_usage
        if not allowed:
            return -1
        info = self._get_process().memory_full_info()
        used = getattr(info, "uss", 0) or info.rss
        before = self._memory_exceeded
        event = None
        if used > allowed:
            self._memory_exceeded = used
            if used > before:
                event = MemoryUsageThresholdExceeded(used, allowed, info)
        else:
            self._memory_exceeded = 0
            if before:
                event = MemoryUsageUnderThreshold(used, allowed, info, before)
        if event is not None:
            notify(event)
        return event

    def __repr__(self):
        return "<%s at 0x%x in thread 0x%x greenlet %r for %r>" % (
            type(self).__name__,
            id(self),
            self.monitor_thread_ident,
            getcurrent(),
            self._hub_wref(),
        )
