"""each_fault.py LIBRARY RECORD LAYER: let every call that the layer's scenarios make of CPython and libc fail, once each.

LIBRARY is tests/extension/faults.c, compiled. A scenario is run over and over; each run fails one call, in a place
where none has failed before (faults.c tells what a place is), until a run fails none. What comes of it is to be
MemoryError, OSError or a report of one; then everything goes on, nothing has leaked, and no descriptor was closed twice.
RECORD gets a line for each call before it fails.
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

from greencore import _core
from scenarios import SCENARIOS, SOON

LIMIT = 40  # seconds for a scenario
PATIENCE = 0.3  # seconds for a run: somebody waits for what has failed
WARMING = 10  # runs until most is cached
CACHING = 300  # runs until nothing grows any more

spec = importlib.util.spec_from_file_location("faults", sys.argv[1])
faults = importlib.util.module_from_spec(spec)
spec.loader.exec_module(faults)

FAULTS = (MemoryError, OSError)
SOCKET_CALLS = {"recv", "send", "sendfile", "sendmsg"}


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
    if isinstance(error, AssertionError) and failed[0] in SOCKET_CALLS:
        return "cut off"  # a server says nothing of a client that has gone
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
    for _ in range(CACHING):
        before = sys.getallocatedblocks()
        run(scenario, faults.again)
        settle()
        reports.take()
        gc.collect()
        if sys.getallocatedblocks() <= before:
            return False
    return True


def descriptors():
    """Return how many are open."""
    return len(os.listdir("/proc/self/fd"))


def keeps_open(scenario, reports):
    """Whether each run leaves a descriptor open that fails the same call."""
    for _ in range(WARMING):
        before = descriptors()
        run(scenario, faults.again)
        settle()
        reports.take()
        gc.collect()
        if descriptors() <= before:
            return False
    return True


def check(scenario, reports):
    """Let each call fail that the scenario makes; return how often what came of it."""
    name = scenario.__name__
    outcomes = Counter()
    gc.collect()
    gc.freeze()  # collections are quick
    for _ in range(WARMING):  # what is made once is there, and what is kept for later
        scenario()
        settle()
    reports.take()
    whole = 0
    while whole < 2:  # in a row: collections come when they like
        gc.collect()
        before = sys.getallocatedblocks()
        opened = descriptors()
        began = time.monotonic()
        failed, error = run(scenario, faults.arm)
        quick = time.monotonic() - began < SOON  # nobody has waited for what has failed
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
        if faults.closed_twice():
            raise AssertionError(f"{name}, {failed}: a descriptor is closed that was closed before")
        if quick and descriptors() > opened and keeps_open(scenario, reports):
            raise AssertionError(f"{name}, {failed}: descriptors stay open")
        if quick and sys.getallocatedblocks() > before and leaks(scenario, reports):
            raise AssertionError(f"{name}, {failed}: leaks")
    return outcomes


def main():
    reports = Reports()
    gevent.get_hub().print_exception = reports.add
    sys.unraisablehook = reports.unraisable
    types = [thing for thing in vars(_core).values() if isinstance(thing, type)]
    faults.watch(_core.__file__, types, os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    importlib.import_module(f"scenarios.{sys.argv[3]}")
    for scenario in SCENARIOS[sys.argv[3]]:
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        outcomes = check(scenario, reports)
        print(scenario.__name__, *(f"{count} {word}" for word, count in sorted(outcomes.items())), sep=", ", flush=True)


if __name__ == "__main__":
    main()
