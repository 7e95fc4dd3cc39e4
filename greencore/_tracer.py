"""Tracers note every switch of a thread, to find greenlets that keep its hub from running."""

import sys
import traceback
from time import perf_counter

from greencore._base.tools import gmctime
from greencore._core import getcurrent, settrace
from greencore._run_info import format_run_info

__all__ = ["GreenletTracer", "HubSwitchTracer", "MaxSwitchTracer"]


class GreenletTracer:
    """Installs itself as this thread's trace function, and hands events on to the one that was there before."""

    def __init__(self):
        #: Switches since the last look (`did_block_hub`).
        self.greenlet_switch_counter = 0
        #: The greenlet switched to last; None before the first switch and while nobody is to be blamed.
        self.active_greenlet = None
        self._killed = False
        self.previous_trace_function = settrace(self)

    def kill(self):
        """Put the previous trace function back. Must run in the thread that made the tracer."""
        if not self._killed:
            self._killed = True
            settrace(self.previous_trace_function)
            self.previous_trace_function = None

    def __call__(self, event, args):
        self._trace(event, args)

    def _trace(self, event, args):
        self.greenlet_switch_counter += 1
        self.active_greenlet = args[1] if event in ("switch", "throw") else None
        if self.previous_trace_function is not None:
            self.previous_trace_function(event, args)

    def did_block_hub(self, hub):
        """Return (True, the greenlet) if no switch happened since the last call and something other than
        the hub runs, else a false value."""
        switched = self.greenlet_switch_counter != 0
        self.greenlet_switch_counter = 0
        active = self.active_greenlet
        if switched or active is None or active is hub:
            return False
        return True, active

    def ignore_current_greenlet_blocking(self):
        """Blame nobody until the next switch."""
        self.active_greenlet = None

    def monitor_current_greenlet_blocking(self):
        """Blame the running greenlet if it does not switch from now on."""
        self.active_greenlet = getcurrent()

    def did_block_hub_report(self, hub, active_greenlet, format_kwargs):
        """Return lines about `active_greenlet`, which blocks `hub`. `format_kwargs` goes to
        `greencore.util.format_run_info`."""
        frame = sys._current_frames().get(hub.thread_ident)
        if frame is None:
            stack = ["Unknown: No thread found for hub %r\n" % (hub,)]
        else:
            stack = traceback.format_stack(frame)
        return [
            "=" * 80,
            "\n%s : Greenlet %s appears to be blocked" % (gmctime(), active_greenlet),
            "    Reported by %s" % (self,),
            "Blocked Stack (for thread id %s):" % hex(hub.thread_ident),
            "".join(stack),
            "Info:",
            *format_run_info(**format_kwargs),
        ]


class _TimedTracer(GreenletTracer):
    """Counts seconds, not switches: the hub is blocked once they are more than `max_blocking_time`."""

    def __init__(self, hub, max_blocking_time):
        self.hub = hub
        self.max_blocking_time = max_blocking_time
        super().__init__()

    def kill(self):
        self.hub = None
        super().kill()

    def _seconds(self):
        raise NotImplementedError

    def did_block_hub(self, hub):
        return (True, self.active_greenlet) if self._seconds() > self.max_blocking_time else False


class HubSwitchTracer(_TimedTracer):
    """The hub counts as blocked when `max_blocking_time` seconds have passed since it last ran."""

    last_entered_hub = 0

    def _trace(self, event, args):
        super()._trace(event, args)
        if self.hub is self.active_greenlet:
            self.last_entered_hub = perf_counter()

    def _seconds(self):
        return perf_counter() - self.last_entered_hub


class MaxSwitchTracer(_TimedTracer):
    """The hub counts as blocked when some greenlet ran for `max_blocking_time` seconds at a stretch."""

    max_blocking = 0

    def __init__(self, hub, max_blocking_time):
        self.last_switch = perf_counter()
        super().__init__(hub, max_blocking_time)

    def _trace(self, event, args):
        previous = self.active_greenlet
        super()._trace(event, args)
        now = perf_counter()
        if previous is not None and previous is not self.hub:
            self.max_blocking = max(self.max_blocking, now - self.last_switch)
        self.last_switch = now

    def _seconds(self):
        return max(self.max_blocking, perf_counter() - self.last_switch)
