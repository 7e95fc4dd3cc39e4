"""How large the stacks of greenlets are, and who says so."""

import os
import resource
import subprocess
import sys

import pytest
from extensions import built

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
    assert _core.get_stack_size() == SMALL
    assert gevent.spawn(lambda: sum(range(10))).get() == 45
    _core.set_stack_size(None)
    assert _core.get_stack_size() == before
    with pytest.raises(ValueError):
        _core.set_stack_size(0)
    with pytest.raises(TypeError):
        _core.set_stack_size("64K")


SHOW = "from greencore import _core; print(_core.get_stack_size())"


def run(code=SHOW, size=None, limits=(), **environ):
    """A new interpreter with GREENCORE_STACK_SIZE and with soft limits of the system's, (which, bytes) each."""
    environ = {**os.environ, **environ}
    environ.pop("GREENCORE_STACK_SIZE", None)
    if size is not None:
        environ["GREENCORE_STACK_SIZE"] = size

    def limit():
        for which, soft in limits:
            resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))

    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environ, preexec_fn=limit, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("text", ["1048576", "1024K", "1M", "1mb"])
def test_by_the_environment(text):
    assert run(size=text).stdout == f"{1 << 20}\n"


@pytest.mark.parametrize("mib", [4, 8, 16])
def test_by_default_as_the_main_threads(mib):
    assert run(limits=[(resource.RLIMIT_STACK, mib << 20)]).stdout == f"{mib << 20}\n"


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_STACK)[1] != resource.RLIM_INFINITY, reason="stacks are limited for good"
)
def test_by_default_where_the_main_threads_has_no_limit():
    assert run(limits=[(resource.RLIMIT_STACK, resource.RLIM_INFINITY)]).stdout == f"{8 << 20}\n"


CROWD = """
import gevent
from gevent.event import Event

gate = Event()
def work(n):
    gate.wait()
    return sorted([n], key=lambda item: sorted([item], key=abs))[0]

greenlets = [gevent.spawn(work, n) for n in range(200)]
gevent.sleep(0)
gate.set()
gevent.joinall(greenlets, raise_error=True)
print(sum(g.value for g in greenlets))
"""


@pytest.mark.parametrize("which", [resource.RLIMIT_AS, resource.RLIMIT_DATA], ids=["address space", "data"])
def test_stacks_are_smaller_where_memory_is_limited_and_it_is_said_once(which):
    done = run(CROWD, limits=[(which, 1 << 30)])
    assert done.stdout == "19900\n", done.stderr
    assert done.stderr.count("RuntimeWarning: address space is limited") == 1


def test_a_warning_that_is_an_error_stops_nothing():
    done = run(CROWD, limits=[(resource.RLIMIT_AS, 1 << 30)], PYTHONWARNINGS="error")
    assert done.stdout == "19900\n", done.stderr
    assert "RuntimeWarning: address space is limited" in done.stderr


def test_a_size_asked_for_is_not_made_smaller():
    done = run(CROWD, size="8M", limits=[(resource.RLIMIT_AS, 1 << 30)])
    assert done.stdout == "" and "MemoryError: no memory for the stack of a greenlet" in done.stderr


def test_nothing_is_said_where_there_is_room():
    done = run(CROWD)
    assert (done.stdout, done.stderr) == ("19900\n", "")


BOOKED = """
import ctypes
import gevent
mapped = ctypes.c_size_t.in_dll(ctypes.CDLL(None), "mapped_bytes")
before = mapped.value
greenlets = [gevent.spawn(gevent.sleep, 0.01) for _ in range(1000)]
gevent.joinall(greenlets)
print(mapped.value > 0, mapped.value - before)
"""


def test_profilers_of_memory_do_not_book_address_space(tmp_path):
    """Their part is played by a library that counts what is mapped: of 10 GiB of stacks it sees nothing."""
    counter = built("count_mappings", tmp_path)
    done = run(BOOKED, LD_PRELOAD=str(counter))
    counts, booked = done.stdout.split()
    assert counts == "True" and int(booked) < 64 << 20


@pytest.mark.parametrize("text", ["large", "0", "-1", "1X", "99999999G", "1MM"])
def test_no_size_in_the_environment(text):
    done = run(size=text)
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
