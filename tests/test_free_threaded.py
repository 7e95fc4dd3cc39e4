"""Free-threaded builds of CPython: the interpreter lock is on, and object locks are let go of by a switch."""

import io
import os
import subprocess
import sys
import sysconfig
import threading

import pytest

import gevent
from greenlet import getcurrent, greenlet

pytestmark = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter always has its lock"
)


def run_with_gil(value, code):
    environment = {**os.environ, "PYTHON_GIL": value}
    if not value:
        del environment["PYTHON_GIL"]
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)


def park(value=None):
    return getcurrent().parent.switch(value)


def test_the_import_turns_the_lock_on():
    code = "import sys; print(sys._is_gil_enabled()); import greencore; print(sys._is_gil_enabled())"
    done = run_with_gil("", code)
    assert (done.stdout.split(), done.returncode) == (["False", "True"], 0), done.stderr
    assert "the global interpreter lock" in done.stderr.lower()


@pytest.mark.parametrize("name", ["greencore", "greenlet", "gevent"])
def test_the_import_is_refused_where_the_lock_is_kept_off(name):
    code = f"import greencore.alias; greencore.alias.install(); import {name}"
    done = run_with_gil("0", code)
    assert done.returncode == 1
    assert "ImportError: greencore needs the global interpreter lock, which PYTHON_GIL=0" in done.stderr


def test_a_switch_inside_a_sort_lets_go_of_the_list():
    items = [3, 1, 2]

    def key(item):
        park(item)
        return item

    g = greenlet(lambda: items.sort(key=key))
    assert g.switch() == 3
    items.append(4)  # would wait for ever for the lock that the sort has
    assert [g.switch(), g.switch()] == [1, 2]
    with pytest.raises(ValueError, match="list modified during sort"):
        g.switch()


def test_switches_inside_nested_locks():
    """Two dictionaries' locks at once, in each of several greenlets, which end in another order."""

    class Key:
        def __init__(self, name):
            self.name = name

        def __hash__(self):
            return 1

        def __eq__(self, other):
            if getcurrent().parent is not None:
                park()
            return self.name == other.name

    shared = {Key("a"): 1, Key("b"): 2}
    others = [{Key(name): name} for name in "abcd"]

    def work(other):
        other.update(shared)
        return sorted(key.name for key in other)

    waiting = [(index, greenlet(work)) for index in range(len(others))]
    results = {}
    while waiting:
        index, g = waiting.pop(len(results) % len(waiting))
        value = g.switch(others[index]) if not g else g.switch()
        if g.dead:
            results[index] = value
        else:
            waiting.append((index, g))
    assert results == {
        0: ["a", "b"], 1: ["a", "b"], 2: ["a", "b", "c"], 3: ["a", "b", "d"],
    }


def test_locks_are_waited_for_in_other_threads():
    """A greenlet that comes back to its lock finds it held by another thread, which lets go in the end."""
    items = list(range(20))
    turns = []

    def key(item):
        gevent.sleep(0)
        return -item

    def work():
        jobs = [gevent.spawn(sorted, items, key=key) for _ in range(10)]
        jobs += [gevent.spawn(items.copy().sort, key=key) for _ in range(10)]
        gevent.joinall(jobs, raise_error=True)
        turns.append(len(jobs))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert turns == [20] * 4


def test_readers_of_a_buffered_file():
    """Its reads hold the file's lock and, with a raw file of ours, switch inside."""
    class Slow(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            gevent.sleep(0)
            buffer[:1] = b"x"
            return 1

    reader = io.BufferedReader(Slow(), 16)
    jobs = [gevent.spawn(Slow().read, 1) for _ in range(3)] + [gevent.spawn(reader.read, 5)]
    gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == [b"x", b"x", b"x", b"xxxxx"]
