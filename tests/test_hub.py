"""The hub: whose it is, how it ends, what it does with errors, and in which order things happen."""

import gc
import os
import re
import sys
import threading
import time
import weakref

import pytest

import gevent
import greenlet
from gevent import get_hub
from gevent.event import Event
from gevent.exceptions import BlockingSwitchOutError, InvalidSwitchError, InvalidThreadUseError, LoopExit
from gevent.hub import Hub, Waiter
from greencore import _core
from leaks import assert_no_leak


class Raised(Exception):
    pass


def in_thread(function, *args):
    """Call the function in a native thread; return its result or raise its exception."""
    result = []

    def run():
        try:
            result.append((function(*args), None))
        except BaseException as error:
            result.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert result, "the thread hangs"
    value, error = result[0]
    if error is not None:
        raise error
    return value


@pytest.fixture
def quiet():
    """No tracebacks of errors that are meant to be."""
    get_hub().exception_stream = None
    yield
    del get_hub().exception_stream


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


def test_what_is_no_hub_class_is_refused():
    with pytest.raises(TypeError):
        gevent.hub.set_default_hub_class(3)

    def work():
        before = _core.get_hub_class()
        gevent.hub.set_default_hub_class(object)
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


# How it ends


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


def test_an_error_of_switch_out_keeps_the_greenlet_from_waiting(quiet):
    class Own(gevent.Greenlet):
        def switch_out(self):
            raise Raised

    own = Own.spawn(gevent.sleep, 0)
    own.join()
    assert isinstance(own.exception, Raised)


# Errors


@pytest.mark.parametrize("where", ["class", "object"])
def test_handle_error_is_replaceable(monkeypatch, where):
    hub = get_hub()
    seen = []
    if where == "class":
        monkeypatch.setattr(Hub, "handle_error", lambda self, *args: seen.append(args))
    else:
        monkeypatch.setattr(hub, "handle_error", lambda *args: seen.append(args), raising=False)
    callback = hub.loop.run_callback(lambda: 1 / 0)
    gevent.sleep(0)
    failing = gevent.spawn(lambda: 1 / 0)
    failing.join()
    assert [args[0] for args in seen] == [callback, failing]
    assert [args[1] for args in seen] == [ZeroDivisionError] * 2
    assert all(args[2].__traceback__ is args[3] for args in seen)


@pytest.mark.parametrize("where", ["class", "object"])
def test_not_errors_are_not_printed(monkeypatch, capsys, where):
    owner = Hub if where == "class" else get_hub()
    monkeypatch.setattr(owner, "NOT_ERROR", (*Hub.NOT_ERROR, Raised))

    def fail():
        raise Raised

    gevent.spawn(fail).join()
    get_hub().loop.run_callback(fail)
    gevent.sleep(0)
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    gevent.spawn(fail).join()
    assert "Raised" in capsys.readouterr().err


@pytest.mark.parametrize("where", ["class", "object"])
def test_system_errors_are_raised_in_main(monkeypatch, capsys, where):
    owner = Hub if where == "class" else get_hub()
    monkeypatch.setattr(owner, "SYSTEM_ERROR", Raised)
    get_hub().loop.run_callback(lambda: (_ for _ in ()).throw(Raised))
    with pytest.raises(Raised):
        gevent.sleep(1)

    def fail():
        raise Raised

    gevent.spawn(fail)
    with pytest.raises(Raised):
        gevent.sleep(1)


def test_system_exit_in_a_greenlet_ends_main_silently(capsys):
    gevent.spawn(sys.exit, 7)
    with pytest.raises(SystemExit) as caught:
        gevent.sleep(1)
    assert caught.value.code == 7
    assert capsys.readouterr().err == ""


def test_after_a_system_error_the_failed_greenlet_s_links_are_served():
    served = []
    exiting = gevent.spawn(sys.exit)
    exiting.link(served.append)
    with pytest.raises(SystemExit):
        gevent.sleep(1)
    gevent.sleep(0)
    assert served == [exiting]


def test_an_error_without_a_context_is_raised_in_main(quiet):
    get_hub().loop.run_callback(get_hub().handle_error, None, Raised, Raised(1), None)
    with pytest.raises(Raised):
        gevent.sleep(1)


def test_a_system_error_reported_by_another_thread_reaches_main(quiet):
    hub = get_hub()
    thread = threading.Thread(target=hub.handle_error, args=("elsewhere", SystemError, SystemError("x"), None))
    thread.start()
    with pytest.raises(SystemError):
        gevent.sleep(10)
    thread.join()


def test_an_error_of_a_replaced_handle_error_does_not_end_the_hub(monkeypatch, capsys):
    def handle(*args):
        raise Raised

    monkeypatch.setattr(get_hub(), "handle_error", handle, raising=False)
    failing = gevent.spawn(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.get()
    gevent.sleep(0)
    assert "Raised" in capsys.readouterr().err


def test_what_is_printed_names_the_context(capsys):
    get_hub().handle_error("the context", Raised, Raised("why"), None)
    printed = capsys.readouterr().err
    assert "Raised: why" in printed and "the context failed with Raised" in printed


# Waiting for what never comes


def test_loop_exit_tells_who_waits_for_what():
    event = Event()
    waiting = gevent.spawn(event.wait)
    waiting.name = "a-waiting-one"
    with pytest.raises(LoopExit) as caught:
        gevent.event.AsyncResult().get()
    assert caught.value.hub is get_hub()
    text = str(caught.value)
    assert "block forever" in text
    assert "a-waiting-one" in text and repr(event) in text and "AsyncResult" in text
    event.set()
    waiting.join()


def test_loop_exit_of_many_lists_some():
    event = Event()
    waiting = [gevent.spawn(event.wait) for _ in range(500)]
    with pytest.raises(LoopExit) as caught:
        gevent.event.AsyncResult().get()
    text = str(caught.value)
    assert 50 < len(text.splitlines()) < 150 and re.search(r"and \d+ more", text)
    event.set()
    gevent.joinall(waiting)


def test_loop_exit_is_raised_again_and_the_hub_goes_on():
    for _ in range(3):
        with pytest.raises(LoopExit):
            get_hub().switch()
    assert gevent.spawn(lambda: 1).get() == 1


def test_loop_exit_of_another_thread_is_raised_there():
    def work():
        with pytest.raises(LoopExit):
            get_hub().switch()
        get_hub().destroy()

    in_thread(work)


def test_what_does_not_count_does_not_keep_the_hub_waiting():
    loop = get_hub().loop
    with loop.timer(10, ref=False) as timer, loop.async_(ref=False) as async_:
        timer.start(int)
        async_.start(int)
        with pytest.raises(LoopExit):
            get_hub().switch()
    gevent.spawn(gevent.sleep, 10, ref=False)
    with pytest.raises(LoopExit):
        get_hub().switch()


def test_what_another_thread_will_provide_is_no_deadlock():
    loop = get_hub().loop
    waiter = Waiter()
    loop.ref()
    thread = threading.Thread(target=lambda: (time.sleep(0.01), loop.run_callback_threadsafe(waiter.switch, 6)))
    thread.start()
    assert waiter.get() == 6
    loop.unref()
    thread.join()
    with pytest.raises(LoopExit):
        get_hub().switch()


def test_unref_without_ref_is_refused():
    def work():
        with pytest.raises(ValueError):
            get_hub().loop.unref()
        get_hub().destroy()

    in_thread(work)


def test_an_event_shared_by_threads_is_no_deadlock():
    event, back = Event(), Event()

    def work():
        event.wait()
        back.set()
        get_hub().destroy()

    thread = threading.Thread(target=work)
    thread.start()
    while not event.linkcount():
        time.sleep(0.0001)
    event.set()
    assert back.wait(10)
    thread.join()


def test_an_async_watcher_is_no_deadlock():
    loop = get_hub().loop
    with loop.async_() as async_:
        seen = []
        async_.start(seen.append, 1)
        waiting = Event()
        async_.callback = lambda *args: (seen.append(args), waiting.set())
        thread = threading.Thread(target=async_.send)
        thread.start()
        waiting.wait()
        thread.join()
    assert seen == [(1,)]


def test_the_threadpool_is_no_deadlock():
    assert get_hub().threadpool.apply(time.sleep, (0.001,)) is None


# Switches that nobody asked for


def test_a_stray_switch_is_an_error(quiet):
    parked = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.switch, "stray")
    with pytest.raises(InvalidSwitchError, match="stray"):
        parked.get()


def test_a_stray_switch_into_hub_wait(quiet):
    timer = get_hub().loop.timer(10)
    parked = gevent.spawn(get_hub().wait, timer)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.switch, "stray")
    with pytest.raises(InvalidSwitchError, match="stray"):
        parked.get()
    assert not timer.active


def test_a_throw_into_a_waiting_greenlet(quiet):
    event = Event()
    parked = gevent.spawn(event.wait)
    gevent.sleep(0)
    get_hub().loop.run_callback(parked.throw, Raised)
    with pytest.raises(Raised):
        parked.get()
    assert event.linkcount() == 0


@pytest.mark.parametrize(
    "block",
    [
        lambda: gevent.sleep(0),
        lambda: gevent.sleep(1),
        lambda: Event().wait(),
        lambda: gevent.spawn(int).join(),
        lambda: get_hub().switch(),
        lambda: get_hub().wait(get_hub().loop.timer(1)),
    ],
)
def test_blocking_in_the_hub_is_refused(monkeypatch, block):
    seen = []
    monkeypatch.setattr(get_hub(), "handle_error", lambda *args: seen.append(args[1]), raising=False)
    get_hub().loop.run_callback(block)
    gevent.sleep(0)
    gevent.sleep(0)
    assert seen == [BlockingSwitchOutError]


def test_throwing_into_the_dead():
    dead = gevent.spawn(int)
    dead.join()
    assert dead.throw(Raised) is None and dead.value == 0
    raw = greenlet.greenlet(lambda: None)
    raw.switch()
    with pytest.raises(Raised):
        raw.throw(Raised)
    assert raw.switch() == ()


def test_switching_into_another_thread_is_refused():
    here = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)

    def work():
        for call in (here.switch, here.throw, get_hub().parent.switch):
            if call.__self__ is greenlet.getcurrent():
                continue
            with pytest.raises(greenlet.error):
                call()
        get_hub().destroy()

    in_thread(work)
    assert not here.dead
    here.kill()


def test_the_hub_of_another_thread_cannot_be_switched_to():
    hub = get_hub()

    def work():
        with pytest.raises(greenlet.error):
            hub.switch()

    in_thread(work)


# sleep


@pytest.mark.parametrize("seconds", [-1, -0.5, float("-inf"), 0, 0.0, False])
def test_sleep_of_nothing_lets_the_others_run(seconds):
    seen = []
    gevent.spawn(seen.append, 1)
    gevent.sleep(seconds)
    assert seen == [1]


@pytest.mark.parametrize(
    "wrong, error", [(float("nan"), ValueError), (None, TypeError), ("1", TypeError), ([], TypeError), (1j, TypeError)]
)
def test_sleep_refuses_what_is_no_time(wrong, error):
    with pytest.raises(error):
        gevent.sleep(wrong)


def test_sleep_of_more_than_a_float_holds():
    with pytest.raises(OverflowError):
        gevent.sleep(10**400)


def test_sleep_arguments():
    gevent.sleep(seconds=0)
    gevent.sleep(0, ref=True)
    gevent.sleep(0, False)
    for call in (
        lambda: gevent.sleep(0, True, 1),
        lambda: gevent.sleep(0, seconds=0),
        lambda: gevent.sleep(0, True, ref=True),
        lambda: gevent.sleep(second=0),
    ):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, 2**62])
def test_sleep_for_ever_can_be_ended(seconds):
    sleeping = gevent.spawn(gevent.sleep, seconds)
    gevent.sleep(0.001)
    assert not sleeping.ready()
    sleeping.kill()
    assert sleeping.ready()


def test_sleep_never_ends_early():
    early = []

    def work(seconds):
        for _ in range(20):
            begin = time.monotonic()
            gevent.sleep(seconds)
            if time.monotonic() - begin < seconds:
                early.append(seconds)

    gevent.joinall([gevent.spawn(work, seconds) for seconds in (0.0001, 0.0005, 0.001, 0.0015, 0.0029)])
    assert early == []


def test_sleeps_shorter_than_a_millisecond():
    """The system's clock decides, not libuv's: the quickest of many is no multiple of a millisecond."""
    taken = []
    for _ in range(50):
        start = time.perf_counter()
        gevent.sleep(0.0002)
        taken.append(time.perf_counter() - start)
    assert 0.0002 <= min(taken) < 0.001


# Order


def test_greenlets_start_and_wake_in_the_order_they_were_queued():
    seen = []

    def work(name):
        for step in range(3):
            seen.append((step, name))
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(work, name) for name in range(5)])
    assert seen == [(step, name) for step in range(3) for name in range(5)]


def test_callbacks_and_greenlets_share_one_queue():
    seen = []
    loop = get_hub().loop
    gevent.spawn(seen.append, 1)
    loop.run_callback(seen.append, 2)
    gevent.spawn(seen.append, 3)
    loop.run_callback(lambda: (seen.append(4), gevent.spawn(seen.append, 6)))
    loop.run_callback(seen.append, 5)
    gevent.sleep(0)
    gevent.sleep(0)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_timers_before_descriptors_before_time_outs():
    seen = []
    loop = get_hub().loop
    r, w = os.pipe()
    os.write(w, b"x")
    event = Event()

    def wait():
        event.wait(0.001)
        seen.append("time-out")

    with loop.io(r, 1) as io, loop.timer(0.001) as timer:
        waiting = gevent.spawn(wait)
        gevent.spawn(lambda: (gevent.socket.wait_read(r), seen.append("descriptor")))
        gevent.spawn(lambda: (gevent.sleep(0.001), seen.append("sleep")))
        timer.start(seen.append, "timer")
        gevent.sleep(0)
        time.sleep(0.005)  # all are due by the next poll
        waiting.join()
    assert seen[0] == "timer" and seen[-2:] == ["descriptor", "time-out"] and "sleep" in seen[:2]
    os.close(r)
    os.close(w)


def test_timers_fire_in_the_order_of_their_deadlines():
    seen = []

    def work(seconds):
        gevent.sleep(seconds)
        seen.append(seconds)

    times = [0.005, 0.001, 0.003, 0.002, 0.004]
    gevent.joinall([gevent.spawn(work, seconds) for seconds in times])
    assert seen == sorted(times)


def test_greenlets_that_are_always_ready_starve_no_timer_and_no_descriptor():
    stop = []

    def spin():
        while not stop:
            gevent.sleep(0)

    spinning = [gevent.spawn(spin) for _ in range(3)]
    gevent.sleep(0.002)
    r, w = os.pipe()
    os.write(w, b"x")
    gevent.socket.wait_read(r)
    with gevent.Timeout(0.001, False):
        Event().wait()
    stop.append(1)
    gevent.joinall(spinning)
    os.close(r)
    os.close(w)


def test_callbacks_that_queue_themselves_starve_nobody():
    loop = get_hub().loop
    stop = []

    def again():
        if not stop:
            loop.run_callback(again)

    loop.run_callback(again)
    gevent.sleep(0.001)
    stop.append(1)
    gevent.sleep(0)


def test_sleep_0_is_fair():
    turns = {}

    def work(name):
        while not stop:
            turns[name] = turns.get(name, 0) + 1
            gevent.sleep(0)

    stop = []
    greenlets = [gevent.spawn(work, name) for name in range(7)]
    gevent.sleep(0.005)
    stop.append(1)
    gevent.joinall(greenlets)
    assert max(turns.values()) - min(turns.values()) <= 1


# Running the loop by hand


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
    gevent.sleep(0.001)
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
