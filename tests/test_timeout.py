"""Timeout and with_timeout."""

import copy
import gc
import pickle
import threading
import weakref

import greencore
import pytest
from greencore import Timeout, with_timeout
from greencore.event import AsyncResult, Event
from greencore.lock import RLock, Semaphore
from greencore.queue import JoinableQueue
from greencore.timeout import Timeout as same
from leaks import assert_no_leak


class Failed(Exception):
    pass


def wait_long():
    greencore.sleep(60)


def test_one_name():
    assert same is Timeout and issubclass(Timeout, BaseException) and not issubclass(Timeout, Exception)


def test_raises_itself():
    with pytest.raises(Timeout) as caught:
        with Timeout(0.001) as timeout:
            assert timeout.pending
            wait_long()
    assert caught.value is timeout
    assert not timeout.pending


def test_nothing_happens_in_time():
    with Timeout(0.001) as timeout:
        pass
    assert not timeout.pending
    greencore.sleep(0.003)


def test_silent():
    with Timeout(0.001, False):
        wait_long()


def test_silent_one_lets_others_pass():
    with pytest.raises(Timeout) as caught:
        with Timeout(0.001) as outer:
            with Timeout(60, False):
                wait_long()
    assert caught.value is outer


def test_nested_inner_first():
    with Timeout(60) as outer:
        with pytest.raises(Timeout) as caught:
            with Timeout(0.001) as inner:
                wait_long()
        assert caught.value is inner
        assert outer.pending
    assert not outer.pending


@pytest.mark.parametrize("given", [Failed, Failed("x")])
def test_own_exception(given):
    with pytest.raises(Failed):
        with Timeout(0.001, given):
            wait_long()


def test_own_base_exception():
    with pytest.raises(greencore.GreenletExit):
        with Timeout(0.001, greencore.GreenletExit):
            wait_long()


def test_class_that_fails_to_be_made():
    class Odd(Exception):
        def __init__(self):
            raise Failed

    with pytest.raises(Failed):
        with Timeout(0.001, Odd):
            wait_long()


@pytest.mark.parametrize("bad", [object(), object, 5, True])
def test_what_is_no_exception(bad):
    with pytest.raises(TypeError, match="exceptions must be"):
        with Timeout(0.001, bad):
            wait_long()


def test_text_is_part_of_the_message():
    with pytest.raises(Timeout) as caught:
        with Timeout(0.001, "too slow"):
            wait_long()
    assert str(caught.value) == "0.001 seconds: too slow"


def test_no_limit():
    with Timeout(None) as timeout:
        assert not timeout.pending
        greencore.sleep(0)
    with Timeout() as timeout:
        assert timeout.seconds is None


@pytest.mark.parametrize("seconds", [0, -1, 0.0, False])
def test_no_time(seconds):
    with pytest.raises(Timeout):
        with Timeout(seconds):
            wait_long()


@pytest.mark.parametrize("bad, error", [(float("nan"), ValueError), ("1", TypeError), (object(), TypeError)])
def test_bad_seconds(bad, error):
    with pytest.raises(error):
        Timeout(bad)
    timeout = Timeout(1)
    with pytest.raises(error):
        timeout.seconds = bad
    assert timeout.seconds == 1


def test_infinite():
    with Timeout(float("inf")) as timeout:
        assert timeout.pending


def test_bad_arguments():
    with pytest.raises(TypeError):
        Timeout(1, None, True, -1, False, 6)
    with pytest.raises(TypeError):
        Timeout(second=1)
    with pytest.raises(TypeError):
        Timeout(1).__exit__()


def test_start_cancel_start():
    timeout = Timeout(60)
    timeout.start()
    with pytest.raises(AssertionError):
        timeout.start()
    timeout.cancel()
    timeout.cancel()
    assert not timeout.pending
    timeout.start()
    assert timeout.pending
    timeout.close()
    assert not timeout.pending
    with pytest.raises(AssertionError):
        timeout.start()


def test_restart_after_it_was_raised():
    timeout = Timeout(0.001)
    for _ in range(2):
        timeout.start()
        with pytest.raises(Timeout):
            wait_long()
    timeout.close()


def test_start_new():
    timeout = Timeout.start_new(60)
    assert timeout.pending
    assert Timeout.start_new(timeout) is timeout
    timeout.cancel()
    assert Timeout.start_new(timeout) is timeout and timeout.pending
    timeout.close()


def test_start_new_or_dummy():
    dummy = Timeout._start_new_or_dummy(None)
    dummy.cancel()
    dummy.close()
    with dummy:
        assert not dummy.pending and dummy.seconds is None
    timeout = Timeout._start_new_or_dummy(60, Failed)
    assert timeout.pending and timeout.exception is Failed
    timeout.cancel()


def test_cancelled_between_expiry_and_its_turn(log):
    """Both are ready: what runs first stops the other."""
    event, timeouts = Event(), []

    def wait():
        timeout = Timeout.start_new(0.001)
        timeouts.append(timeout)
        try:
            log.append(event.wait())
        finally:
            timeout.close()
        greencore.sleep(0.002)
        log.append("end")

    g = greencore.spawn(wait)
    greencore.sleep(0)
    timeouts[0].cancel()
    event.set()
    g.join()
    assert log == [True, "end"]


def test_greenlet_that_ends_before(log):
    timeouts = []

    def run():
        timeouts.append(Timeout.start_new(0.001))

    greencore.spawn(run).join()
    while timeouts[0].pending:
        greencore.sleep(0)


def test_keeps_running_greenlets_alive():
    caught = []

    def run():
        try:
            with Timeout(0.001):
                greencore.get_hub().switch()
        except Timeout as timeout:
            caught.append(timeout)

    greencore.spawn(run)
    gc.collect()
    while not caught:
        greencore.sleep(0.001)
    assert len(caught) == 1


def test_on_expiration_of_a_subclass(log):
    class Mine(Timeout):
        def _on_expiration(self, prev_greenlet, ex):
            log.append((greencore.getcurrent(), prev_greenlet, ex))
            super()._on_expiration(prev_greenlet, ex)

    with pytest.raises(Mine) as caught:
        with Mine(0.001) as timeout:
            wait_long()
    assert caught.value is timeout
    assert log == [(greencore.get_hub(), greencore.getcurrent(), timeout)]


def test_on_expiration_that_does_nothing(log):
    class Quiet(Timeout):
        def _on_expiration(self, prev_greenlet, ex):
            log.append(ex)

    with Quiet(0.001):
        while not log:
            greencore.sleep(0.001)
    assert len(log) == 1


def test_on_expiration_replaced_on_the_class(log, monkeypatch):
    class Mine(Timeout):
        pass

    monkeypatch.setattr(Mine, "_on_expiration", lambda self, g, ex: log.append(ex), raising=False)
    with Mine(0.001):
        while not log:
            greencore.sleep(0.001)
    assert len(log) == 1


def test_exception_whose_construction_closes_the_timeout():
    class Mine(Exception):
        def __init__(self):
            timeout.close()

    with pytest.raises(Mine), Timeout(0.001, Mine) as timeout:
        Event().wait()


def test_exception_whose_construction_ends_the_greenlet():
    class Mine(Exception):
        def __init__(self):
            greenlet.throw(KeyError)

    def run():
        with Timeout(0.001, Mine):
            Event().wait()

    greenlet = greencore.spawn(run)
    greenlet.join()
    assert isinstance(greenlet.exception, KeyError)


def test_subclass_with_a_constructor_of_its_own():
    class Mine(Timeout):
        def __init__(self, what):
            super().__init__(0.001)
            self.what = what

    with pytest.raises(Mine) as caught:
        with Mine("x"):
            wait_long()
    assert caught.value.what == "x" and caught.value.args == ()


def test_subclass_start_and_close_are_called(log):
    class Mine(Timeout):
        def start(self):
            log.append("start")
            super().start()

        def close(self):
            log.append("close")
            super().close()

    with Mine(60):
        pass
    assert log == ["start", "close"]


def test_text():
    assert str(Timeout()) == ""
    assert str(Timeout(1)) == "1 second"
    assert str(Timeout(1.5)) == "1.5 seconds"
    assert str(Timeout(2, False)) == "2 seconds (silent)"
    assert repr(Timeout(2, "x")).endswith("seconds=2 exception='x'>")
    with Timeout(60) as timeout:
        assert repr(timeout).endswith("seconds=60 pending>")


def test_comparison():
    assert Timeout(1) < Timeout(2)
    assert Timeout(1) < 2
    assert not Timeout(2) < 2
    timeout = Timeout(1)
    assert timeout == timeout and timeout != Timeout(1)
    assert len({timeout, Timeout(1)}) == 2
    with pytest.raises(TypeError):
        Timeout(1) < "x"
    with pytest.raises(TypeError):
        Timeout(1) > 1


@pytest.mark.parametrize("copied", [copy.copy, lambda timeout: pickle.loads(pickle.dumps(timeout))])
def test_copy(copied):
    with Timeout(5, False) as timeout:
        timeout.name = "mine"
        other = copied(timeout)
    assert str(other) == str(timeout) and other.exception is False and other.name == "mine"
    assert not other.pending
    del timeout.exception
    assert copied(timeout).exception is None


def test_exception_is_not_kept():
    error = Failed()
    ref = weakref.ref(error)
    with Timeout(60, error):
        greencore.sleep(0)
    del error
    gc.collect()
    assert ref() is None


def unfinished():
    queue = JoinableQueue()
    queue.put(1)
    return queue


def locked_elsewhere():
    lock = RLock()
    greencore.spawn(lock.acquire).join()
    return lock


WAITS = {
    "Event": lambda timeout: Event().wait(timeout),
    "AsyncResult": lambda timeout: AsyncResult().wait(timeout),
    "Queue.join": lambda timeout: unfinished().join(timeout),
    "Semaphore.wait": lambda timeout: Semaphore(0).wait(timeout),
    "Semaphore.acquire": lambda timeout: Semaphore(0).acquire(timeout=timeout),
    "RLock.acquire": lambda timeout: locked_elsewhere().acquire(timeout=timeout),
    "Greenlet.join": lambda timeout: greencore.spawn(greencore.sleep, 60).join(timeout),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_timeout_as_the_timeout_of_a_wait(name):
    """It ends that wait alone, as a number does; another one is raised, and so is its own exception."""
    assert not WAITS[name](Timeout(0.001))
    with pytest.raises(Failed):
        WAITS[name](Timeout(0.001, Failed()))
    with pytest.raises(Timeout), Timeout(0.001):
        WAITS[name](Timeout(60))


def test_from_another_thread(log):
    def run():
        try:
            with Timeout(0.001):
                greencore.sleep(60)
        except Timeout:
            log.append("raised")
        greencore.get_hub().destroy(destroy_loop=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert log == ["raised"]


def test_in_a_hub_callback_it_is_reported(log, monkeypatch):
    hub = greencore.get_hub()
    monkeypatch.setattr(hub, "handle_error", lambda context, *exc_info: log.append(exc_info[0]))
    timeouts = []
    hub.loop.run_callback(lambda: timeouts.append(Timeout.start_new(0.001)))
    while not log:
        greencore.sleep(0.001)
    assert log == [Timeout]
    assert not timeouts[0].pending


def test_without_ref_it_does_not_keep_the_loop():
    with Timeout.start_new(60, ref=False):
        with pytest.raises(greencore.exceptions.LoopExit):
            Event().wait()


class TestWithTimeout:
    def test_result(self):
        assert with_timeout(60, divmod, 7, 2) == (3, 1)
        assert with_timeout(None, dict, a=1) == {"a": 1}

    def test_raised(self):
        with pytest.raises(Timeout):
            with_timeout(0.001, wait_long)

    def test_value(self):
        assert with_timeout(0.001, wait_long, timeout_value=5) == 5
        assert with_timeout(Timeout(0.001), wait_long, timeout_value=5) == 5

    def test_foreign_one_is_raised(self):
        with pytest.raises(Timeout) as caught:
            with Timeout(0.001) as outer:
                with_timeout(60, wait_long, timeout_value=5)
        assert caught.value is outer

    def test_failure(self):
        with pytest.raises(ZeroDivisionError):
            with_timeout(60, divmod, 1, 0, timeout_value=5)


def test_no_leak():
    def cycle():
        with Timeout(60):
            greencore.sleep(0)
        with Timeout(0, False):
            greencore.sleep(60)
        try:
            with Timeout(0, Failed):
                greencore.sleep(60)
        except Failed:
            pass
        with_timeout(0, wait_long, timeout_value=1)

    assert_no_leak(cycle)
