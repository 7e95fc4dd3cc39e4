"""The hub: whose it is, how it ends, its hooks, and its loop run by hand."""

import gc
import os
import sys
import threading
import time
import weakref

import pytest

import gevent
import greenlet
from gevent import get_hub
from gevent.event import Event
from gevent.exceptions import BlockingSwitchOutError, InvalidThreadUseError, LoopExit
from gevent.hub import Hub
from greencore import _core
from leaks import assert_no_leak
from threads import in_thread


class Raised(Exception):
    pass


# Whose hub it is


def test_a_thread_has_one_hub():
    assert get_hub() is get_hub()
    assert get_hub() is gevent.spawn(get_hub).get()


def test_each_thread_has_its_own():
    def work():
        hub = get_hub()
        try:
            assert not hub.main_hub and not hub.loop.default
            assert hub.thread_ident == threading.get_ident()
            return hub is get_hub()
        finally:
            hub.destroy()

    here = get_hub()
    assert here.main_hub and here.loop.default
    assert in_thread(work)


def test_there_may_be_none():
    assert in_thread(_core.get_hub_if_exists) is None


def test_its_parent_is_the_main_greenlet_whoever_makes_it():
    def work():
        main = greenlet.getcurrent()
        hub = greenlet.greenlet(get_hub).switch()
        assert hub.parent is main
        hub.destroy()

    in_thread(work)


def test_a_class_of_ones_own():
    class Own(Hub):
        pass

    def work():
        before = _core.get_hub_class()
        gevent.hub.set_default_hub_class(Own)
        try:
            hub = get_hub()
            gevent.sleep(0)
            return type(hub)
        finally:
            gevent.hub.set_default_hub_class(before)
            hub.destroy()

    assert in_thread(work) is Own


@pytest.mark.parametrize("what", [3, None, int, gevent.Greenlet])
def test_what_is_no_hub_class_is_refused(what):
    before = _core.get_hub_class()
    with pytest.raises(TypeError):
        gevent.hub.set_default_hub_class(what)
    assert _core.get_hub_class() is before


def test_what_is_no_hub_is_refused():
    def work():
        before = _core.get_hub_class()
        gevent.hub.set_default_hub_class(lambda: object())
        try:
            with pytest.raises(TypeError):
                get_hub()
        finally:
            gevent.hub.set_default_hub_class(before)

    in_thread(work)
    with pytest.raises(TypeError):
        _core.set_hub(3)
    with pytest.raises(TypeError):
        get_hub().loop = 3


class LoopProxy:
    """What a program may put in the place of a hub's loop: it counts, and passes on."""

    def __init__(self, loop):
        self.loop = loop
        self.seen = []

    def __getattr__(self, name):
        self.seen.append(name)
        return getattr(self.loop, name)


def test_another_object_in_the_place_of_the_loop():
    def work():
        hub = get_hub()
        loop = hub.loop
        proxy = hub.loop = LoopProxy(loop)
        assert hub.loop is get_hub().loop is proxy
        gevent.sleep(0.0001)
        assert gevent.spawn(lambda: 3).get() == 3
        waited = Event()
        with hub.loop.timer(0.0001) as timer:
            timer.start(waited.set)
            waited.wait()
        assert {"run", "timer"} <= set(proxy.seen)
        with pytest.raises(TypeError):
            hub.loop = 3
        assert hub.loop is proxy
        hub.loop = loop
        before = len(proxy.seen)
        gevent.sleep(0.0001)
        assert hub.loop is loop and len(proxy.seen) == before
        hub.loop = LoopProxy(loop)
        hub.destroy(destroy_loop=True)
        assert hub.loop is None and get_hub() is not hub

    in_thread(work)


def test_an_object_in_the_place_of_the_loop_whose_run_fails(no_tracebacks):
    def work():
        hub = get_hub()
        loop = hub.loop
        proxy = hub.loop = LoopProxy(loop)
        proxy.run = lambda: 1 / 0
        with pytest.raises(ZeroDivisionError):
            gevent.sleep(0.001)
        hub.loop = loop
        gevent.sleep(0.0001)

    in_thread(work)


# How it ends


@pytest.mark.parametrize("polled", [False, True])
def test_what_would_come_later_goes_with_the_loop(polled):
    """A pending time-out, and a greenlet that is to start later."""

    def run():
        error, call = Raised(), lambda: None
        gevent.Timeout.start_new(100, error)
        gevent.spawn_later(100, call)
        things = [weakref.ref(error), weakref.ref(call)]
        del error, call
        if polled:
            gevent.sleep(0.001)
        get_hub().destroy(destroy_loop=True)
        return [thing() for thing in things]

    assert in_thread(run) == [None, None]


def test_destroyed_and_made_again():
    def work():
        first = get_hub()
        loop = first.loop
        gevent.sleep(0)
        assert gevent.spawn(lambda: 1).get() == 1
        first.destroy()
        assert first.dead and first.loop is None and loop.destroyed and loop.ptr == 0
        assert _core.get_hub_if_exists() is None
        first.destroy()
        second = get_hub()
        assert second is not first and gevent.spawn(lambda: 2).get() == 2
        second.destroy()

    in_thread(work)


def test_the_next_hub_takes_over_a_loop_that_was_kept():
    def work():
        first = get_hub()
        loop = first.loop
        seen = []
        loop.run_callback(seen.append, 1)
        first.destroy(destroy_loop=False)
        assert not loop.destroyed
        assert get_hub().loop is loop
        gevent.sleep(0)
        get_hub().destroy(destroy_loop=True)
        return seen

    assert in_thread(work) == [1]


def test_destroy_drops_what_is_queued_and_watched():
    class Thing:
        def __call__(self):
            raise AssertionError

    def work():
        things = [Thing() for _ in range(5)]
        refs = [weakref.ref(thing) for thing in things]
        hub = get_hub()
        hub.loop.run_callback(things.pop())
        hub.loop.timer(10).start(things.pop())
        hub.loop.io(0, 1).start(things.pop())
        hub.loop.signal(10).start(things.pop())
        hub.loop.async_().start(things.pop())
        gc.collect()
        assert all(ref() is not None for ref in refs)
        hub.destroy()
        gc.collect()
        return [ref() for ref in refs]

    assert in_thread(work) == [None] * 5


def test_greenlets_parked_in_a_destroyed_hub_do_no_harm():
    def work():
        event = Event()
        parked = [gevent.spawn(event.wait), gevent.spawn(gevent.sleep, 30), gevent.spawn(gevent.sleep, 0)]
        r, w = os.pipe()
        parked.append(gevent.spawn(gevent.socket.wait_read, r))
        gevent.sleep(0)
        get_hub().destroy()
        event.set()
        assert gevent.spawn(lambda: 3).get() == 3
        get_hub().destroy()
        os.close(r)
        os.close(w)

    in_thread(work)


def test_an_exception_thrown_into_a_hub_that_has_not_run_is_raised_in_main_and_the_hub_goes_on():
    def work():
        hub = get_hub()
        gevent.sleep(0)
        with pytest.raises(Raised):
            hub.throw(Raised)
        assert gevent.spawn(lambda: 4).get() == 4
        assert get_hub() is hub and not hub.dead

    in_thread(work)


def test_an_exception_thrown_into_a_hub_at_work_is_reported_and_the_hub_goes_on():
    def work():
        hub = get_hub()
        hub.handle_error = lambda context, kind, value, tb: errors.append(kind)
        gevent.sleep(0.001)
        with pytest.raises(gevent.hub.LoopExit):
            hub.throw(Raised)
        assert errors == [Raised]
        assert gevent.spawn(lambda: 4).get() == 4
        assert get_hub() is hub and not hub.dead

    errors = []
    in_thread(work)


def test_a_hub_that_ends_otherwise_leaves_its_loop_to_the_next():
    def work():
        hub = get_hub()
        loop = hub.loop
        gevent.sleep(0)
        hub.throw(greenlet.GreenletExit)
        assert hub.dead
        assert get_hub() is not hub and get_hub().loop is loop
        assert gevent.spawn(lambda: 5).get() == 5
        get_hub().destroy()

    in_thread(work)


def test_greenlets_of_a_hub_that_has_gone_end_under_the_next():
    def work():
        seen = []
        hub = get_hub()
        parked = gevent.spawn(lambda: (gevent.sleep(0.001), seen.append(1)))
        gevent.sleep(0)
        hub.destroy(destroy_loop=False)
        gevent.sleep(0.01)
        assert seen == [1] and parked.dead
        get_hub().destroy(destroy_loop=True)

    in_thread(work)


def test_waiting_with_a_destroyed_loop_is_an_error():
    def work():
        hub = get_hub()
        hub.loop.destroy()
        with pytest.raises(ValueError, match="destroyed"):
            gevent.sleep(0.001)
        with pytest.raises(ValueError, match="destroyed"):
            Event().wait()
        hub.destroy()
        gevent.sleep(0)
        get_hub().destroy()

    in_thread(work)


def test_a_loop_destroyed_by_a_callback():
    def work():
        hub = get_hub()
        seen = []
        hub.loop.run_callback(hub.loop.destroy)
        hub.loop.run_callback(seen.append, 1)
        with pytest.raises(ValueError, match="destroyed"):
            gevent.sleep(1)
        hub.destroy()
        return seen

    assert in_thread(work) == []


def test_threads_that_end_without_destroying_their_hub_leave_nothing_open():
    def work():
        hub = get_hub()
        hub.loop.timer(100).start(int)
        gevent.sleep(0.0001)
        gevent.spawn(int).join()

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    in_thread(work)
    before = descriptors()
    for _ in range(20):
        in_thread(work)
    assert descriptors() <= before


def test_threads_that_end_without_destroying_their_hub_leave_no_memory():
    def work():
        gevent.sleep(0.0001)
        gevent.spawn(int).join()

    hubs = []

    def watched():
        work()
        hubs.append(weakref.ref(get_hub()))

    in_thread(watched)
    gc.collect()
    assert hubs[0]() is None
    assert_no_leak(lambda: in_thread(work))


def test_destructors_at_a_threads_very_end():
    """What the interpreter drops with the thread's state can still switch, and release what it holds, but not wait."""
    store = threading.local()
    lock = gevent.lock.Semaphore(0)
    found = []

    class Last:
        def __del__(self):
            lock.release()
            found.append(greenlet.greenlet(lambda: "switched").switch())
            for ask in (lambda: gevent.sleep(0), lambda: gevent.spawn(int), get_hub, lambda: gevent.Timeout(1).start()):
                try:
                    ask()
                except RuntimeError as error:
                    found.append(str(error))

    def work():
        gevent.sleep(0)
        store.last = Last()

    in_thread(work)
    gc.collect()
    at_the_end = "this thread is at its end: nothing in it can wait or spawn any more"
    assert found in (["switched"], ["switched"] + [at_the_end] * 4)
    assert lock.acquire(timeout=0)


def test_a_hub_made_and_destroyed_leaves_no_memory():
    def work():
        def once():
            gevent.sleep(0)
            get_hub().destroy()

        assert_no_leak(once)

    in_thread(work)


# Hooks


def switches_seen(monkeypatch, owner):
    original = Hub.switch
    seen = []

    def switch(self=None):
        seen.append(greenlet.getcurrent())
        return original(self or get_hub())

    monkeypatch.setattr(owner, "switch", switch, raising=False)
    gevent.sleep(0)
    child = gevent.spawn(gevent.sleep, 0)
    child.join()
    monkeypatch.undo()
    assert seen.count(greenlet.getcurrent()) == 2 and child in seen
    del seen[:]
    gevent.sleep(0)
    assert seen == []


def test_hub_switch_replaced_on_the_class(monkeypatch):
    switches_seen(monkeypatch, Hub)


def test_hub_switch_replaced_on_the_object(monkeypatch):
    switches_seen(monkeypatch, get_hub())


def test_hub_switch_in_a_subclass():
    seen = []

    class Own(Hub):
        def switch(self):
            seen.append("switch")
            return super().switch()

    def work():
        hub = Own()
        _core.set_hub(hub)
        gevent.sleep(0)
        gevent.sleep(0.001)
        hub.destroy()

    in_thread(work)
    assert seen == ["switch"] * 2


def test_switch_out_is_called_before_a_greenlet_waits():
    seen = []

    class Own(gevent.Greenlet):
        def switch_out(self):
            seen.append(greenlet.getcurrent() is self)

    own = Own.spawn(gevent.sleep, 0)
    own.join()
    assert seen == [True]


def test_an_error_of_switch_out_keeps_the_greenlet_from_waiting(no_tracebacks):
    class Own(gevent.Greenlet):
        def switch_out(self):
            raise Raised

    own = Own.spawn(gevent.sleep, 0)
    own.join()
    assert isinstance(own.exception, Raised)


# Running the loop by hand


def test_a_hub_is_destroyed_though_its_errors_are_handled_otherwise(monkeypatch):
    def run():
        hub = get_hub()
        gevent.sleep(0.001)
        hub.destroy()
        dead.append(hub.dead)

    dead = []
    monkeypatch.setattr(Hub, "handle_error", lambda *args: None)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert dead == [True]


def test_only_the_hub_runs_the_hub():
    with pytest.raises(AssertionError):
        get_hub().run()
    with pytest.raises(AssertionError):
        gevent.spawn(lambda: get_hub().run()).get()
    gevent.sleep(0.001)


def test_the_loop_does_not_run_in_another_thread():
    loop = get_hub().loop
    with pytest.raises(RuntimeError):
        in_thread(loop.run)


def test_a_callback_may_run_the_loop():
    loop = get_hub().loop
    seen = []

    def outer():
        loop.run_callback(seen.append, "inner")
        loop.run(once=True, nowait=True)
        seen.append("outer")

    loop.run_callback(outer)
    while "outer" not in seen:
        gevent.sleep(0.001)  # on a slow machine it may end inside
    assert seen == ["inner", "outer"]


def test_a_greenlet_may_run_the_loop():
    seen = []

    def run():
        gevent.spawn(seen.append, 1)
        get_hub().loop.run(nowait=True, once=True)
        seen.append(2)

    gevent.spawn(run).get()
    assert seen == [1, 2]
    assert gevent.spawn(lambda: 7).get() == 7


def test_the_loop_cannot_be_destroyed_while_it_polls_in_another_thread():
    started, loops = threading.Event(), []

    def work():
        loops.append(get_hub().loop)
        started.set()
        gevent.sleep(30)

    thread = threading.Thread(target=lambda: pytest.raises(SystemExit, work))
    thread.start()
    started.wait()
    loop = loops.pop()
    while not loop.iteration:
        time.sleep(0.0001)
    time.sleep(0.001)
    with pytest.raises(RuntimeError):
        loop.destroy()
    with pytest.raises(InvalidThreadUseError):
        loop.io(0, 1).start(int)
    with pytest.raises(InvalidThreadUseError):
        loop.signal(10).start(int)
    with pytest.raises(InvalidThreadUseError):
        loop.closing_fd(0)
    loop.timer(0).start(sys.exit)  # that needs no libuv
    thread.join(10)
    assert not thread.is_alive()


# Joining


def test_join_waits_until_nothing_is_left():
    seen = []
    gevent.spawn_later(0.002, seen.append, 1)
    assert get_hub().join() is True
    assert seen == [1]
    late = gevent.spawn_later(10, seen.append, 2)
    assert get_hub().join(timeout=0.001) is False
    late.kill()


def test_idle_watchers_let_everything_else_go_first():
    seen = []
    idle = gevent.spawn(lambda: (gevent.idle(), seen.append("idle")))
    gevent.sleep(0)
    gevent.spawn(lambda: [(seen.append(i), gevent.sleep(0)) for i in range(3)])
    idle.join()
    assert seen == [0, 1, 2, "idle"]


# Leaks


@pytest.mark.parametrize(
    "what",
    [
        lambda: gevent.sleep(0),
        lambda: gevent.sleep(1e-9),
        lambda: gevent.spawn(gevent.sleep, 5).kill(),
        lambda: get_hub().loop.run_callback(int).stop(),
        lambda: get_hub().wait(get_hub().loop.timer(0)),
        lambda: get_hub().loop.timer(1).start(int),
        lambda: pytest.raises(LoopExit, get_hub().switch),
        lambda: pytest.raises(BlockingSwitchOutError, get_hub().switch_out),
    ],
    ids=["yield", "sleep", "kill", "callback", "wait", "timer", "loop_exit", "switch_out"],
)
def test_no_memory_is_left(what):
    if what.__code__.co_names[-1:] == ("int",) and "timer" in what.__code__.co_names:
        def timer():
            with get_hub().loop.timer(1) as started:
                started.start(int)

        what = timer
    assert_no_leak(what)


def test_a_loop_is_collected_with_its_watchers():
    loop = gevent.core.loop(default=False)
    watchers = [loop.timer(1), loop.io(0, 1), loop.prepare(), loop.async_()]
    for watcher in watchers:
        watcher.start(lambda loop=loop: None)
    refs = [weakref.ref(thing) for thing in (loop, *watchers)]
    del loop, watcher, watchers
    gc.collect()
    assert [ref() for ref in refs] == [None] * 5
