"""Recursion in raw greenlets, and large numbers of them."""

import sys
import threading
import weakref

import pytest
from greenlet import getcurrent
from greenlet import greenlet as Greenlet
from greenlets import started
from threads import in_thread


def test_recursion_ends_in_an_error():
    def dive(n):
        return dive(n + 1)

    for _ in range(3):
        with pytest.raises(RecursionError):
            Greenlet(dive).switch(0)


def test_recursion_depth_is_each_greenlets_own():
    limit = sys.getrecursionlimit()

    def deep(n):
        return deep(n - 1) if n else getcurrent().parent.switch()

    parked = [Greenlet(deep) for _ in range(3)]
    for g in parked:
        g.switch(limit * 2 // 3)
    for g in parked:
        g.switch()
    assert all(g.dead for g in parked)


def test_nested_starts():
    def nest(n):
        return Greenlet(nest).switch(n - 1) + 1 if n else 0

    assert Greenlet(nest).switch(500) == 500


class Subclass(Greenlet):
    pass


@pytest.fixture
def small_stacks():
    """The native threads that the test starts overflow soon."""
    old = threading.stack_size(256 * 1024)
    yield
    threading.stack_size(old)


@pytest.mark.parametrize("kind", [Greenlet, Subclass])
def test_long_line_of_parents_is_dropped(kind, small_stacks):
    def work():
        last = getcurrent()
        for _ in range(50_000):
            last = kind(None, last)
        first = weakref.ref(last)
        del last
        return first()

    assert in_thread(work) is None


@pytest.mark.parametrize("kind", [Greenlet, Subclass])
def test_long_line_of_parents_is_dropped_by_a_thread_without_greenlets(kind, small_stacks):
    line = []
    last = getcurrent()
    for _ in range(50_000):
        last = kind(None, last)
    first = weakref.ref(last)
    line.append(last)
    del last
    in_thread(line.clear)
    assert first() is None


def test_two_threads_drop_parents_at_once():
    """One has no greenlets and waits in a destructor, while the other defers what it drops."""

    class Waits:
        def __del__(self):
            dropping.set()
            go_on.wait()

    dropping, go_on = threading.Event(), threading.Event()
    parent = Greenlet()
    parent.thing = Waits()
    short = [Greenlet(None, parent)]
    del parent
    thread = threading.Thread(target=short.clear)
    thread.start()
    dropping.wait()
    last = getcurrent()
    for _ in range(1000):
        last = Greenlet(None, last)
    first = weakref.ref(last)
    del last
    go_on.set()
    thread.join()
    getcurrent()
    assert first() is None


@pytest.mark.parametrize("kind", [Greenlet, Subclass])
def test_long_line_of_parked_parents_is_dropped(kind, small_stacks):
    def work():
        def park():
            try:
                main.switch()
            finally:
                killed.append(None)

        main = last = getcurrent()
        killed = []
        for _ in range(5000):
            last = kind(park, last)
            last.switch()
        del last
        return len(killed)

    assert in_thread(work) == 5000


def test_many_parked():
    parked = [started() for _ in range(5000)]
    assert [g.switch(i) for i, g in enumerate(parked)] == list(range(5000))


def test_generators_switch():
    def produce():
        for i in range(3):
            yield main.switch(i)

    main = getcurrent()
    g = Greenlet(lambda: list(produce()))
    assert [g.switch(), g.switch("a"), g.switch("b")] == [0, 1, 2]
    assert g.switch("c") == ["a", "b", "c"]
