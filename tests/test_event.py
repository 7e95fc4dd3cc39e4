"""Event, AsyncResult, and what is linked to them."""

import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import greencore
import pytest
from greencore._core import AbstractLinkable
from greencore.event import AsyncResult, Event
from greencore.exceptions import BlockingSwitchOutError, LoopExit
from leaks import assert_no_leak


class Failed(Exception):
    pass


@pytest.fixture
def errors(monkeypatch):
    """What reaches the hub's handle_error."""
    seen = []
    hub = greencore.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda context, *exc_info: seen.append((context, exc_info[0])))
    return seen


def start_waiters(event, log, count=3):
    def wait(n):
        log.append((n, event.wait()))

    started = [greencore.spawn(wait, n) for n in range(count)]
    greencore.sleep(0)
    return started


class TestEvent:
    def test_flag(self):
        event = Event()
        assert not event.is_set() and not event.isSet() and not event.ready()
        event.set()
        event.set()
        assert event.is_set() and event.isSet() and event.ready()
        assert event.wait() is True
        event.clear()
        assert not event.is_set()

    def test_waiters_run_in_the_order_they_came(self, log):
        event = Event()
        waiters = start_waiters(event, log)
        assert event.linkcount() == 3
        event.set()
        assert log == []
        greencore.joinall(waiters)
        assert log == [(0, True), (1, True), (2, True)]
        assert event.linkcount() == 0

    def test_callbacks_and_waiters_share_one_order(self, log):
        event = Event()
        first = start_waiters(event, log, 1)
        event.rawlink(lambda event: log.append(event))
        second = start_waiters(event, log, 1)
        event.set()
        greencore.joinall(first + second)
        assert log == [(0, True), event, (0, True)]

    def test_who_waits_when_it_is_set_already_runs_behind_those_who_waited_before(self, log):
        event = Event()
        start_waiters(event, log, 2)
        event.set()
        assert event.wait() is True
        log.append("last")
        assert log == [(0, True), (1, True), "last"]

    def test_who_waits_again_while_they_are_served_waits_for_the_next_pass(self, log):
        event = Event()

        def wait_twice():
            event.wait()
            log.append("first")
            greencore.spawn(log.append, "other")
            event.wait()
            log.append("second")

        start_waiters(event, log, 1)
        greencore.spawn(wait_twice)
        event.set()
        greencore.sleep(0)
        greencore.sleep(0)
        assert log == [(0, True), "first", "other", "second"]

    def test_cleared_before_they_run_still_wakes(self, log):
        event = Event()
        waiters = start_waiters(event, log)
        event.set()
        event.clear()
        greencore.joinall(waiters)
        assert log == [(0, True), (1, True), (2, True)]
        assert not event.is_set()

    def test_link_that_comes_between_set_and_notification_is_called(self, log):
        event = Event()
        event.rawlink(lambda event: log.append(1))
        event.set()
        event.clear()
        event.rawlink(lambda event: log.append(2))
        greencore.sleep(0)
        assert log == [1, 2]

    def test_waiter_that_clears_and_waits_again_is_not_woken_twice(self, log):
        event = Event()

        def wait():
            for n in range(2):
                log.append((n, event.wait(0.01 if n else None)))
                event.clear()

        waiter = greencore.spawn(wait)
        greencore.sleep(0)
        event.set()
        waiter.join()
        assert log == [(0, True), (1, False)]

    def test_waiting_for_ever_on_a_set_event_lets_others_run(self, log):
        """Each waits again at once: nobody may be served twice in a pass while others are not."""
        event = Event()

        def wait(n):
            for _ in range(3):
                event.wait()
                log.append(n)

        waiters = [greencore.spawn(wait, n) for n in range(3)]
        greencore.sleep(0)
        event.set()
        greencore.joinall(waiters)
        assert sorted(log) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
        assert log[:3] == [0, 1, 2]

    def test_unlinked_before_notification_is_not_called(self, log):
        event = Event()
        callback = log.append
        event.rawlink(callback)
        event.set()
        event.unlink(callback)
        greencore.sleep(0)
        assert log == []
        assert event._notifier is None
        event.rawlink(callback)
        greencore.sleep(0)
        assert log == [event]

    def test_bound_methods_are_unlinked_by_equality(self):
        class Target:
            def method(self, event):
                raise AssertionError("called")

        event, target = Event(), Target()
        event.rawlink(target.method)
        event.unlink(Target().method)
        assert event.linkcount() == 1
        event.unlink(target.method)
        assert event.linkcount() == 0

    def test_unlinking_what_is_not_linked_is_no_error(self):
        Event().unlink(None)

    def test_same_callback_is_called_once(self, log):
        event = Event()
        callback = log.append
        event.rawlink(callback)
        event.rawlink(callback)
        assert event.linkcount() == 2
        event.set()
        greencore.sleep(0)
        assert log == [event]
        assert event.linkcount() == 0

    def test_callback_may_unlink_a_later_one(self, log):
        event = Event()
        event.rawlink(lambda event: event.unlink(log.append))
        event.rawlink(log.append)
        event.rawlink(lambda event: log.append("third"))
        event.set()
        greencore.sleep(0)
        assert log == ["third"]

    def test_callback_may_link_another(self, log):
        event = Event()

        def callback(event):
            log.append(1)
            event.rawlink(lambda event: log.append(2))

        event.rawlink(callback)
        event.set()
        greencore.sleep(0)
        greencore.sleep(0)
        assert log == [1, 2]

    def test_failing_callback_is_reported_and_the_others_are_called(self, log, errors):
        event = Event()

        def fail(event):
            raise Failed

        waiters = start_waiters(event, log, 1)
        event.rawlink(fail)
        event.rawlink(lambda event: log.append("called"))
        event.set()
        greencore.joinall(waiters)
        greencore.sleep(0)
        assert log == [(0, True), "called"]
        assert errors == [((fail, event), Failed)]

    def test_failing_comparison_in_unlink_is_raised(self):
        class Odd:
            def __call__(self, event):
                pass

            def __eq__(self, other):
                raise Failed

        event = Event()
        event.rawlink(Odd())
        with pytest.raises(Failed):
            event.unlink(Odd())
        assert event.linkcount() == 1

    def test_comparison_that_unlinks_while_unlinking(self):
        event = Event()

        class Odd:
            def __call__(self, event):
                pass

            def __eq__(self, other):
                event.unlink(first)
                return True

        def first(event):
            pass

        odd = Odd()
        event.rawlink(first)
        event.rawlink(odd)
        event.unlink(object())
        assert event.linkcount() <= 1

    def test_callback_that_is_a_greenlets_switch(self, log):
        event = Event()

        def run():
            event.rawlink(greencore.getcurrent().switch)
            log.append(greencore.get_hub().switch())

        g = greencore.spawn(run)
        greencore.sleep(0)
        event.set()
        g.join()
        assert log == [event]

    def test_without_a_hub_callbacks_are_called_at_once(self, log):
        event = Event()

        def run():
            event.rawlink(log.append)
            event.set()
            log.append(greencore._core.get_hub_if_exists())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert log == [event, None]

    def test_needs_a_callable(self):
        event = Event()
        with pytest.raises(TypeError):
            event.rawlink(None)
        assert event.linkcount() == 0

    def test_timeout(self):
        event = Event()
        assert event.wait(0.001) is False
        assert event.wait(timeout=0) is False
        assert event.wait(-5) is False
        assert event.linkcount() == 0

    def test_zero_timeout_lets_all_that_is_ready_run_first(self):
        event = Event()
        greencore.spawn(greencore.spawn, event.set)
        assert event.wait(0) is True

    def test_timeout_object(self):
        timeout = greencore.Timeout(0.001)
        assert Event().wait(timeout) is False
        assert not timeout.pending
        timeout.close()

    def test_foreign_timeout_is_raised(self):
        with pytest.raises(greencore.Timeout) as caught:
            with greencore.Timeout(0.001) as timeout:
                Event().wait(5)
        assert caught.value is timeout

    @pytest.mark.parametrize("bad, error", [(float("nan"), ValueError), ("1", TypeError), (object(), TypeError)])
    def test_bad_timeout(self, bad, error):
        event = Event()
        with pytest.raises(error):
            event.wait(bad)
        assert event.linkcount() == 0

    def test_bad_arguments(self):
        with pytest.raises(TypeError):
            Event(1)
        with pytest.raises(TypeError):
            Event().wait(1, 2)
        with pytest.raises(TypeError):
            Event().wait(seconds=1)
        with pytest.raises(TypeError):
            Event().wait(1, timeout=1)

    def test_nobody_left_to_set_it(self):
        with pytest.raises(LoopExit):
            Event().wait()

    def test_the_hub_cannot_wait(self, log):
        event = Event()

        def callback():
            try:
                event.wait()
            except BlockingSwitchOutError:
                log.append("refused")
            event.set()
            log.append(event.wait())

        greencore.get_hub().loop.run_callback(callback)
        greencore.sleep(0)
        assert log == ["refused", True]
        assert event.linkcount() == 0

    def test_killed_waiter_does_not_hold_up_the_others(self, log):
        event = Event()
        waiters = start_waiters(event, log)
        event.set()
        waiters[1].kill(block=False)
        greencore.joinall(waiters)
        assert [n for n, _ in log] == [0, 1, 2]
        assert event.linkcount() == 0

    def test_killed_waiter_leaves(self, log):
        event = Event()
        waiters = start_waiters(event, log)
        waiters[1].kill()
        assert event.linkcount() == 2
        event.set()
        greencore.joinall(waiters)
        assert log == [(0, True), (2, True)]

    def test_links(self, log):
        event = Event()
        waiters = start_waiters(event, log, 1)
        event.rawlink(log.append)
        assert event._links == [waiters[0].switch, log.append]
        event.set()
        greencore.joinall(waiters)

    def test_repr(self):
        event = Event()
        assert str(event).startswith("<gevent.event.Event at 0x") and "clear _links[0]" in str(event)
        event.set()
        assert " set " in str(event)

    def test_subclass(self):
        class Named(Event):
            def __init__(self, name):
                super().__init__()
                self.name = name

        event = Named("x")
        event.set()
        assert event.name == "x" and event.wait()

    def test_weakref_and_collection_of_cycles(self):
        event = Event()
        event.rawlink(lambda _, event=event: None)
        ref = weakref.ref(event)
        del event
        gc.collect()
        assert ref() is None

    def test_set_and_dropped_while_notifying(self, log):
        event = Event()
        event.rawlink(lambda event: log.append("called"))
        event.set()
        ref = weakref.ref(event)
        del event
        greencore.sleep(0)
        greencore.sleep(0)
        assert log == ["called"]
        assert ref() is None

    def test_fork_reinit_keeps_own_waiters(self, log):
        event = Event()
        waiters = start_waiters(event, log, 1)
        event.set()
        event.clear()
        event._at_fork_reinit()
        greencore.sleep(0)
        assert log == []
        event.set()
        greencore.joinall(waiters)
        assert log == [(0, True)]

    def test_wait_from_another_thread(self, log):
        event, started = Event(), threading.Event()

        def run():
            def wait(n):
                log.append((n, event.wait()))

            waiters = [greencore.spawn(wait, n) for n in range(3)]
            greencore.sleep(0)
            started.set()
            greencore.joinall(waiters)
            greencore.get_hub().destroy(destroy_loop=True)

        thread = threading.Thread(target=run)
        thread.start()
        started.wait()
        event.set()
        thread.join(30)
        assert not thread.is_alive()
        assert log == [(0, True), (1, True), (2, True)]

    def test_callback_is_called_in_the_thread_that_linked_it(self, log):
        event, linked = Event(), threading.Event()

        def run():
            hub, done = greencore.get_hub(), Event()
            event.rawlink(lambda _: (log.append(threading.get_ident()), done.set()))
            linked.set()
            done.wait(30)
            hub.destroy(destroy_loop=True)

        thread = threading.Thread(target=run)
        thread.start()
        linked.wait()
        ident = thread.ident
        event.set()
        thread.join(30)
        assert log == [ident]

    def test_no_leak(self):
        def cycle():
            event = Event()
            event.rawlink(lambda event: None)
            waiter = greencore.spawn(event.wait)
            greencore.sleep(0)
            event.wait(0)
            event.set()
            waiter.join()

        assert_no_leak(cycle)


class TestAsyncResult:
    def test_value(self):
        result = AsyncResult()
        assert not result.ready() and not result.successful() and not result.done()
        assert result.value is None and result.exception is None and result.exc_info == ()
        result.set(5)
        assert result.ready() and result.successful()
        assert result.get() == result.value == result.wait() == result.result() == result.get_nowait() == 5

    def test_waiters_get_the_value_in_order(self, log):
        result = AsyncResult()
        waiters = [greencore.spawn(lambda n=n: log.append((n, result.get()))) for n in range(3)]
        greencore.sleep(0)
        result.set("x")
        greencore.joinall(waiters)
        assert log == [(0, "x"), (1, "x"), (2, "x")]

    def test_exception(self, log):
        result, error = AsyncResult(), Failed()

        def get():
            with pytest.raises(Failed) as caught:
                result.get()
            log.append(caught.value)

        waiters = [greencore.spawn(get) for _ in range(2)]
        greencore.sleep(0)
        result.set_exception(error)
        greencore.joinall(waiters)
        assert log == [error, error]
        assert result.ready() and not result.successful()
        assert result.wait() is None
        assert result.exception is error
        assert result.exc_info == (Failed, error, None)

    def test_traceback_does_not_grow(self):
        result = AsyncResult()
        result.set_exception(Failed())

        def depth():
            with pytest.raises(Failed) as caught:
                result.get()
            return len(caught.traceback)

        assert depth() == depth() == depth()

    def test_exc_info_keeps_the_traceback(self):
        result = AsyncResult()
        try:
            raise Failed
        except Failed:
            result.set_exception(None, sys.exc_info())
        assert result.exc_info[2] is not None
        with pytest.raises(Failed) as caught:
            result.get()
        assert caught.traceback[-1].name == "test_exc_info_keeps_the_traceback"

    @pytest.mark.parametrize("bad", [None, "text", Failed])
    def test_what_is_no_exception(self, bad):
        result = AsyncResult()
        with pytest.raises(TypeError):
            result.set_exception(bad)
        assert not result.ready()

    def test_timeout_is_raised(self):
        with pytest.raises(greencore.Timeout) as caught:
            AsyncResult().get(timeout=0.001)
        assert str(caught.value) == "0.001 seconds"
        with pytest.raises(greencore.Timeout):
            AsyncResult().get(block=False)
        with pytest.raises(greencore.Timeout):
            AsyncResult().get_nowait()

    def test_timeout_object_is_raised(self):
        timeout = greencore.Timeout(0.001)
        with pytest.raises(greencore.Timeout) as caught:
            AsyncResult().get(timeout=timeout)
        assert caught.value is timeout
        custom = greencore.Timeout(0.001, Failed)
        with pytest.raises(Failed):
            AsyncResult().get(timeout=custom)

    def test_wait_does_not_raise_it(self):
        assert AsyncResult().wait(timeout=0.001) is None

    def test_link(self):
        result, failed = AsyncResult(), AsyncResult()
        greencore.spawn(lambda: 3).link(result)
        greencore.spawn(int, "x").link(failed)
        assert result.get() == 3
        with pytest.raises(ValueError):
            failed.get()
        assert failed.exc_info[0] is ValueError

    def test_subclass_with_methods_of_its_own(self, log):
        class Result(AsyncResult):
            def set(self, value=None):
                log.append("set")
                super().set(value * 2)

            def set_exception(self, exception, exc_info=None):
                log.append("set_exception")
                super().set_exception(KeyError(exception))

            def get(self, block=True, timeout=None):
                log.append((block, timeout))
                return super().get(block, timeout)

        result = Result()
        done = greencore.spawn(lambda: 3)
        done.join()
        result(done)
        assert result.get() == result.result(1) == result.get_nowait() == 6
        assert log == ["set", (True, None), (True, 1), (False, None)]
        killed = greencore.Greenlet(int)
        killed.kill(ValueError)
        result(killed)
        assert isinstance(result.exception, KeyError) and log[4:] == ["set_exception"]

    def test_set_twice_keeps_the_last(self):
        result = AsyncResult()
        result.set(1)
        result.set(2)
        assert result.get() == 2

    def test_linked_after_it_is_ready(self, log):
        result = AsyncResult()
        result.set()
        result.rawlink(log.append)
        greencore.sleep(0)
        assert log == [result]

    def test_future_names(self):
        result = AsyncResult()
        assert result.cancel() is False and result.cancelled() is False
        result.set_result(1)
        assert result.done() and result.result(timeout=1) == 1

    def test_repr(self):
        result = AsyncResult()
        assert "unset" in str(result)
        result.set("v")
        assert "value='v'" in str(result)

    def test_cycle_is_collected(self):
        result = AsyncResult()
        result.set(result)
        ref = weakref.ref(result)
        del result
        gc.collect()
        assert ref() is None

    def test_value_that_runs_code_when_dropped(self, log):
        class Noisy:
            def __del__(self):
                greencore.sleep(0)
                log.append("dropped")

        result = AsyncResult()

        def get():
            box.pop().get()

        box = [result]
        waiter = greencore.spawn(get)
        greencore.sleep(0)
        result.set(Noisy())
        del result
        waiter.join()
        greencore.sleep(0)
        greencore.sleep(0)
        assert log == ["dropped"]

    def test_no_leak(self):
        def cycle():
            result, failed = AsyncResult(), AsyncResult()
            greencore.spawn(result.set, 1)
            greencore.spawn(failed.set_exception, Failed())
            result.get()
            try:
                failed.get()
            except Failed:
                pass
            try:
                AsyncResult().get(timeout=0)
            except greencore.Timeout:
                pass

        assert_no_leak(cycle)


class TestAbstractLinkable:
    class Gate(AbstractLinkable):
        open = False

        def ready(self):
            return self.open

        def pass_(self, timeout=None):
            return self._wait(timeout)

    def test_subclass(self, log):
        gate = self.Gate()
        waiters = [greencore.spawn(lambda n=n: log.append((n, gate.pass_()))) for n in range(2)]
        greencore.sleep(0)
        gate.rawlink(log.append)
        gate._check_and_notify()
        greencore.sleep(0)
        assert log == []
        assert gate.pass_(0.001) is False
        gate.open = True
        gate._check_and_notify()
        greencore.joinall(waiters)
        greencore.sleep(0)
        assert log == [(0, True), (1, True), gate]

    def test_one_at_a_time(self, log):
        gate = self.Gate()
        gate._notify_all = False

        def enter(n):
            gate.pass_()
            gate.open = False
            log.append(n)

        waiters = [greencore.spawn(enter, n) for n in range(2)]
        greencore.sleep(0)
        for expected in ([0], [0, 1]):
            gate.open = True
            gate._check_and_notify()
            greencore.sleep(0)
            assert log == expected
        greencore.joinall(waiters)

    def test_ready_is_the_subclass_matter(self):
        with pytest.raises(NotImplementedError):
            AbstractLinkable().ready()


def test_main_thread_wakes_although_its_loop_does_not_run():
    """A worker without a hub waits natively: it must not need the main thread's hub."""
    script = """
        import threading
        import greencore
        from greencore.lock import Semaphore
        sem = Semaphore(0)
        greencore.get_hub()
        started = threading.Event()
        def run():
            started.set()
            sem.acquire()
            print("acquired", greencore._core.get_hub_if_exists())
        sem.acquire(blocking=False)
        sem.counter = 1
        sem.acquire()
        thread = threading.Thread(target=run)
        thread.start()
        started.wait()
        while sem.linkcount() == 0:
            pass
        sem.release()
        thread.join()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("acquired None\n", "")


@pytest.mark.parametrize("make", [Event, AsyncResult, lambda: greencore.Greenlet(len)])
def test_unlink_takes_the_first_that_is_equal(make):
    class Equal:
        def __init__(self, name):
            self.name = name

        def __call__(self, source):
            pass

        def method(self, source):
            pass

        def __eq__(self, other):
            return True

    linked = make()
    first, second, seen = Equal("first"), Equal("second"), []
    expected = [seen.append, first.method, second.method, id, first, second]
    for each in expected:
        linked.rawlink(each)
    for each in (second.method, seen.append, print, id, second, second, seen.append):
        linked.unlink(each)
        if each in expected:
            expected.remove(each)
        left = linked._links
        assert len(left) == len(expected) and all(a is b or type(a) is type(b) for a, b in zip(left, expected))
    assert expected == []
