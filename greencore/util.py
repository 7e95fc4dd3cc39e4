"""Tools for looking at a running program, and for tests of it."""

import contextlib
import functools
from time import perf_counter

from greencore import _tracer
from greencore._core import forbid_switch, get_hub, getcurrent
from greencore._run_info import (
    GreenletTree,
    dump_stacks,
    format_run_info,
    get_reachable_greenlets,
    is_idle_threadpool_worker,
    print_run_info,
)

__all__ = ["format_run_info", "print_run_info", "GreenletTree", "wrap_errors", "assert_switches", "no_switch"]


class wrap_errors:
    """A function like `func` that returns exceptions of the kinds `errors` instead of raising them.

    What a greenlet raises is reported as an error; this is for failures that are none. `errors` is an exception
    class or a tuple of such. The new function looks like the old one.
    """

    def __init__(self, errors, func):
        functools.update_wrapper(self, func)
        self.__errors = errors

    def __call__(self, *args, **kwargs):
        try:
            return self.__wrapped__(*args, **kwargs)
        except self.__errors as error:
            return error

    def __getattr__(self, name):
        if name == "__wrapped__":  # while unpickling or copying
            raise AttributeError(name)
        return getattr(self.__wrapped__, name)

    def __str__(self):
        return str(self.__wrapped__)

    def __repr__(self):
        return repr(self.__wrapped__)


class _FailedToSwitch(AssertionError):
    """The body of `assert_switches` kept the hub from running."""


class assert_switches:
    """A context manager that raises AssertionError if its body ends without having switched greenlets.

    With `max_blocking_time` seconds, the body may run that long without a switch: to any greenlet, or with
    `hub_only` to the hub. An exception of the body's own is left alone.
    """

    hub = None
    tracer = None

    def __init__(self, max_blocking_time=None, hub_only=False):
        self.max_blocking_time = max_blocking_time
        self.hub_only = hub_only

    def __enter__(self):
        self.hub = get_hub()
        if not self.max_blocking_time:
            self.tracer = _tracer.GreenletTracer()
        elif self.hub_only:
            self.tracer = _tracer.HubSwitchTracer(self.hub, self.max_blocking_time)
        else:
            self.tracer = _tracer.MaxSwitchTracer(self.hub, self.max_blocking_time)
        self._entered = perf_counter()
        self.tracer.monitor_current_greenlet_blocking()
        return self

    def __exit__(self, kind, value, tb):
        hub, tracer = self.hub, self.tracer
        self.hub = self.tracer = None
        tracer.kill()
        if kind is not None:
            return
        seconds = perf_counter() - self._entered
        blocked = tracer.did_block_hub(hub)
        if not blocked:
            return
        message = "To %s in %.4f seconds" % ("the hub" if self.hub_only else "any greenlet", seconds)
        if self.max_blocking_time:
            message += " (max allowed %.4f seconds)" % self.max_blocking_time
        raise _FailedToSwitch("\n".join([message, *tracer.did_block_hub_report(hub, blocked[1], {})]))


class no_switch(contextlib.ContextDecorator):
    """A context manager, and a decorator, for what must not be interrupted by other greenlets of this thread.

    What would wait in its body raises `gevent.exceptions.BlockingSwitchOutError`, and what would switch raises
    `greenlet.error`. For state that must not be seen half changed, and for callbacks of C libraries that do not
    bear a switch. Sections nest.
    """

    def __enter__(self):
        forbid_switch(1)
        return self

    def __exit__(self, kind, value, tb):
        forbid_switch(-1)


def clear_stack_frames(frame):
    """Drop the local variables of `frame` and of its callers, as far as they let us."""
    while frame is not None:
        try:
            frame.clear()
        except RuntimeError:
            # It is running. Up to 3.12 f_locals may be a copy, which holds the values as well.
            if isinstance(frame.f_locals, dict) and frame.f_locals is not frame.f_globals:
                frame.f_locals.clear()
        frame = frame.f_back
