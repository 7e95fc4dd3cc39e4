"""`greenlet.settrace`."""

import sys

import greenlet
import pytest
from greenlet import getcurrent
from greenlet import greenlet as Greenlet
from greenlets import Oops, started
from threads import in_thread


@pytest.fixture
def trace():
    events = []
    assert greenlet.gettrace() is None

    def tracer(event, args):
        events.append((event, *args))

    assert greenlet.settrace(tracer) is None
    assert greenlet.gettrace() is tracer
    yield events
    greenlet.settrace(None)


def test_trace(trace):
    main = getcurrent()
    g = Greenlet(lambda: main.switch())
    g.switch()
    g.switch()
    assert trace == [
        ("switch", main, g),
        ("switch", g, main),
        ("switch", main, g),
        ("switch", g, main),
    ]


def test_trace_of_throws(trace):
    main = getcurrent()
    g = started()
    with pytest.raises(Oops):
        g.throw(Oops)
    assert trace[2:] == [("throw", main, g), ("throw", g, main)]


def test_trace_runs_in_the_target():
    seen = []
    greenlet.settrace(lambda event, args: seen.append((args[1], getcurrent())))
    try:
        Greenlet(lambda: None).switch()
    finally:
        assert greenlet.settrace(None) is not None
    assert len(seen) == 2
    assert all(target is current for target, current in seen)


def test_failing_tracer_is_removed_and_raises_in_the_target():
    def tracer(event, args):
        raise Oops

    def target():
        try:
            main.switch()
        except Oops:
            return greenlet.gettrace()

    main = getcurrent()
    g = started(target)
    greenlet.settrace(tracer)
    assert g.switch() is None
    assert g.dead and greenlet.gettrace() is None


def test_tracer_belongs_to_its_thread(trace):
    in_thread(started)
    assert trace == []


def test_tracer_is_hidden_from_sys_settrace():
    names = []
    greenlet.settrace(lambda event, args: hidden())

    def hidden():
        pass

    def visible():
        pass

    old = sys.gettrace()
    sys.settrace(lambda frame, event, arg: names.append(frame.f_code.co_name))
    try:
        Greenlet(visible).switch()
    finally:
        sys.settrace(old)
        greenlet.settrace(None)
    assert "visible" in names and "hidden" not in names
