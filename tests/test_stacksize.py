"""How large the stacks of greenlets are, and who says so."""

import subprocess
import sys

import pytest

import gevent
from greenlet import greenlet
from greencore import _core

SMALL = 256 << 10


def deepest():
    """How deep sorted() calls a key that calls sorted(), until the interpreter says stop."""
    depth = 0

    def key(item):
        nonlocal depth
        depth += 1
        return sorted([item], key=key)

    with pytest.raises((RecursionError, MemoryError)):
        key(0)
    return depth


@pytest.fixture
def policy():
    yield
    _core.set_stack_size(None)


def test_the_attribute():
    g = greenlet(lambda: None)
    assert g.stack_size is None
    g.stack_size = SMALL
    assert g.stack_size == SMALL
    g.stack_size = 1
    assert 1 < g.stack_size <= SMALL  # raised to the least that is safe
    g.stack_size = None
    assert g.stack_size is None
    for bad in (0, -5, 1 << 62):
        with pytest.raises(ValueError):
            g.stack_size = bad
    with pytest.raises(TypeError):
        g.stack_size = "1M"
    g.switch()
    with pytest.raises(AttributeError):
        g.stack_size = SMALL


def test_a_larger_one_for_one_greenlet():
    g = gevent.Greenlet(deepest)
    g.stack_size = 64 << 20
    g.start()
    assert g.get() > 100


def test_for_all(policy):
    before = _core.get_stack_size()
    gevent.config.stack_size = SMALL
    assert _core.get_stack_size() == (SMALL, SMALL, 0)
    assert gevent.spawn(lambda: sum(range(10))).get() == 45
    _core.set_stack_size(None)
    assert _core.get_stack_size() == before
    with pytest.raises(ValueError):
        _core.set_stack_size(0)
    with pytest.raises(TypeError):
        _core.set_stack_size("64K")


def run(size):
    code = "from greencore import _core; print(_core.get_stack_size())"
    return subprocess.run(
        [sys.executable, "-c", code], env={"GREENCORE_STACK_SIZE": size, **environ()}, capture_output=True, text=True
    )


def environ():
    import os

    return {k: v for k, v in os.environ.items() if k != "GREENCORE_STACK_SIZE"}


@pytest.mark.parametrize("text", ["1048576", "1024K", "1M", "1mb"])
def test_by_the_environment(text):
    assert run(text).stdout == f"({1 << 20}, {1 << 20}, 0)\n"


@pytest.mark.parametrize("text", ["large", "0", "-1", "1X", "99999999G", "1MM"])
def test_no_size_in_the_environment(text):
    done = run(text)
    assert done.returncode == 1 and "ImportError: GREENCORE_STACK_SIZE" in done.stderr


PARKED = """
import gevent
from gevent.event import Event

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def deep(n):
    return sorted([1], key=lambda item: deep(n - 1)) if n else 0

def work():
    local = list(range(10))
    deep(20)
    event.wait()
    results.append(sum(local))

COUNT = 2000  # much more than what else the process, or one that emulates it, comes to use
event, results = Event(), []
before = resident()
greenlets = [gevent.spawn(work) for _ in range(COUNT)]
gevent.sleep(0)
grown = resident() - before
assert grown > COUNT * 32768, grown
while resident() - before > grown / 2:  # this test's time limit ends it
    gevent.sleep(0.1)
event.set()
gevent.joinall(greenlets)
assert results == [45] * COUNT
"""


def test_what_a_parked_greenlet_no_longer_needs_is_given_back():
    subprocess.run([sys.executable, "-c", PARKED], check=True, timeout=60)


IDLE = """
import os, signal, threading, time
import gevent

def switches():
    with open("/proc/self/task/%d/status" % os.getpid()) as file:
        return next(line for line in file if line.startswith("voluntary"))

def watch():
    last = None
    while last != (last := switches()):  # until it has slept through
        time.sleep(2.5)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=watch, daemon=True).start()
gevent.sleep(1000)
"""


@pytest.mark.slow
def test_an_idle_loop_stops_waking():
    assert subprocess.run([sys.executable, "-c", IDLE], timeout=60).returncode == -15
