"""each_fault.py LIBRARY RECORD SCENARIO...: let every call that the scenarios make of CPython and libc fail, once each.

LIBRARY is tests/extension/faults.c, compiled. A scenario is run over and over; each run fails one call, in a place
where none has failed before, until a run fails none. What comes of it is to be MemoryError, OSError or a report of
one; then everything goes on, and nothing has leaked. RECORD gets a line for each call before it fails.
"""

import faulthandler
import gc
import importlib.util
import os
import sys
import time
from collections import Counter

import gevent
from gevent.event import Event

import scenarios
from greencore import _core

LIMIT = 40  # seconds for a scenario
PATIENCE = 1.0  # seconds for a run: somebody waits for what has failed
WARMING = 30  # runs until most is cached
CACHING = 300  # runs until nothing grows any more

spec = importlib.util.spec_from_file_location("faults", sys.argv[1])
faults = importlib.util.module_from_spec(spec)
spec.loader.exec_module(faults)

FAULTS = (MemoryError, OSError)


class Reports:
    """What has been reported in a run. Not as a traceback, which would be most of the work."""

    def __init__(self):
        self.errors = []

    def add(self, context, kind, value, traceback):
        self.errors.append(repr(value))

    def unraisable(self, unraisable):
        self.errors.append(repr(unraisable.exc_value))

    def take(self):
        text = " ".join(self.errors)
        self.errors.clear()
        return text


def names_a_fault(text):
    return any(word in text for word in ("MemoryError", "OSError", "Error: [Errno", "gaierror"))


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def judge(name, failed, error, report):
    """Fail unless the outcome of a run is one that a fault may have. Return it in a word."""
    if "SystemError" in report or isinstance(error, SystemError):
        raise AssertionError(f"{name}, {failed}: {error!r} {report}")
    if any(isinstance(one, FAULTS) for one in causes(error)):
        return "raised"
    if names_a_fault(report):
        return "reported"
    if error is not None:
        raise AssertionError(f"{name}, {failed}: {error!r} {report}") from error
    return "unseen"


def run(scenario, arm):
    """Run the scenario; return what failed, and the exception that came of it."""
    error = None
    with gevent.Timeout(PATIENCE):
        arm()
        try:
            scenario()
        except BaseException as raised:
            failed = faults.disarm()
            error = raised
        else:
            failed = faults.disarm()
    return failed, error


def settle():
    """End what the run has left behind; see that everything goes on."""
    gevent.killall([thing for thing in gc.get_objects() if issubclass(type(thing), gevent.Greenlet)], timeout=5)
    assert gevent.spawn(int, "42").get(timeout=5) == 42
    with gevent.Timeout(0.001, False):
        Event().wait()


def leaks(scenario, reports):
    """Whether each run leaves memory behind that fails the same call. What is cached grows, too, but not for long."""
    end = time.monotonic() + 1  # where runs wait for what has failed, few have to do
    for _ in range(CACHING):
        before = sys.getallocatedblocks()
        run(scenario, faults.again)
        settle()
        reports.take()
        gc.collect()
        if sys.getallocatedblocks() <= before or time.monotonic() > end:
            return False
    return True


def check(scenario, reports):
    """Let each call fail that the scenario makes; return how often what came of it."""
    name = scenario.__name__
    outcomes = Counter()
    for _ in range(WARMING):  # what is made once is there, and what is kept for later
        scenario()
        settle()
    reports.take()
    whole = 0
    while whole < 2:  # in a row: collections come when they like
        gc.collect()
        before = sys.getallocatedblocks()
        failed, error = run(scenario, faults.arm)
        if failed is None:
            if error is not None:
                raise error
            whole += 1
            continue
        whole = 0
        outcomes[judge(name, failed, error, reports.take())] += 1
        del error
        settle()
        reports.take()
        gc.collect()
        if sys.getallocatedblocks() > before and leaks(scenario, reports):
            raise AssertionError(f"{name}, {failed}: leaks")
    return outcomes


def main():
    reports = Reports()
    gevent.get_hub().print_exception = reports.add
    sys.unraisablehook = reports.unraisable
    types = [thing for thing in vars(_core).values() if isinstance(thing, type)]
    faults.watch(_core.__file__, types, os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    for name in sys.argv[3:]:
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        outcomes = check(getattr(scenarios, name), reports)
        print(name, *(f"{count} {word}" for word, count in sorted(outcomes.items())), sep=", ", flush=True)


if __name__ == "__main__":
    gc.collect()
    gc.freeze()  # collections are quick
    main()
