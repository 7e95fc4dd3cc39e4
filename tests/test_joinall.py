"""joinall, wait, iwait, killall."""

import gc
import threading

import pytest

import gevent
from gevent import GreenletExit, Timeout, sleep
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore
from threads import in_thread


class Failure(Exception):
    pass


def fail():
    raise Failure("on purpose")


class SleepingNumber:
    def __float__(self):
        sleep(0)
        return 10.0


class SleepingTimeout(Timeout):
    def start(self):
        super().start()
        sleep(0)


def test_joinall_returns_them_in_the_order_of_their_ends():
    fast = gevent.spawn(sleep, 0)
    slow = gevent.spawn(fast.join)
    assert gevent.joinall([slow, fast]) == [fast, slow]
    assert gevent.joinall([slow, fast]) == [slow, fast]
    assert gevent.joinall([]) == []


def test_joinall_with_count_and_timeout():
    slow, fast = gevent.spawn(sleep, 10), gevent.spawn(sleep, 0)
    assert gevent.joinall([slow, fast], count=1) == [fast]
    assert gevent.joinall([slow, fast], timeout=0.001) == [fast]
    assert gevent.joinall([slow], timeout=0) == []
    assert not slow.has_links() and not fast.has_links()
    slow.kill()


def test_the_same_one_twice():
    a, b = gevent.spawn(sleep, 0), gevent.spawn(sleep, 0)
    assert gevent.joinall([a, b, a]) == [a, a, b]


def test_joinall_raises(quiet):
    slow, bad = gevent.spawn(sleep, 10), gevent.spawn(fail)
    with pytest.raises(Failure):
        gevent.joinall([slow, bad], raise_error=True)
    assert not slow.has_links()
    assert gevent.joinall([bad]) == [bad]
    slow.kill()


def test_joinall_of_results(quiet):
    result = AsyncResult()
    gevent.spawn(result.set_exception, Failure())
    with pytest.raises(Failure):
        gevent.joinall([result], raise_error=True)


@pytest.mark.parametrize("function", [gevent.joinall, gevent.wait, lambda objects: list(gevent.iwait(objects))])
def test_what_cannot_be_waited_for_is_named(function):
    first = gevent.spawn(sleep, 0)
    with pytest.raises(AttributeError, match=r"^3 can't be waited for: it has no rawlink$"):
        function([first, 3])
    assert not first.has_links()
    first.join()


def test_joinall_takes_an_iterator():
    assert len(gevent.joinall(gevent.spawn(sleep, 0) for _ in range(3))) == 3


def test_wait_for_mixed_objects():
    event, semaphore, g = Event(), Semaphore(0), gevent.spawn(sleep, 0)
    gevent.spawn(event.set)
    gevent.spawn(semaphore.release)
    done = gevent.wait([event, semaphore, g])
    assert sorted(map(id, done)) == sorted(map(id, [event, semaphore, g]))
    assert event.linkcount() == semaphore.linkcount() == 0


def test_wait_with_count():
    events = [Event(), Event()]
    gevent.spawn(events[1].set)
    assert gevent.wait(events, count=1) == [events[1]]
    assert gevent.wait(events, timeout=0.001) == [events[1]]


def test_iwait_yields_as_they_come():
    first = gevent.spawn(sleep, 0)
    second = gevent.spawn(first.join)
    third = gevent.spawn(second.join)
    assert list(gevent.iwait([third, first, second])) == [first, second, third]


def test_iwait_is_lazy_and_cleans_up():
    events = [Event(), Event()]
    with gevent.iwait(events, timeout=1) as ready:
        assert [event.linkcount() for event in events] == [0, 0]
        gevent.spawn(events[0].set)
        assert next(ready) is events[0]
        assert events[1].linkcount() == 1
    assert events[1].linkcount() == 0
    assert list(ready) == []


def test_iwait_dropped_half_way():
    g = gevent.spawn(sleep, 10)
    done = gevent.spawn(sleep, 0)
    assert next(gevent.iwait([g, done])) is done
    gc.collect()
    assert not g.has_links()
    g.kill()


def test_iwait_while_others_run_between_steps(quiet):
    seen = []
    greenlets = [gevent.spawn(sleep, 0) for _ in range(4)]
    for g in gevent.iwait(greenlets):
        seen.append(g)
        sleep(0.001)
    assert seen == greenlets


def test_who_is_linked_by_one_woken_is_served_first():
    order = []
    done = gevent.spawn(lambda: None)
    gevent.joinall([done])
    workers = [gevent.spawn(order.append, i) for i in range(2)]
    for g in gevent.iwait([*workers, done]):
        order.append(g)
    assert order == [done, 0, 1, *workers]


@pytest.mark.parametrize("others", [0, 1])
def test_one_iterator_two_readers(others):
    event = Event()
    ready = gevent.iwait([event, *(Event() for _ in range(others))])
    reader = gevent.spawn(next, ready)
    sleep(0)
    with pytest.raises(gevent.exceptions.ConcurrentObjectUseError):
        next(ready)
    event.set()
    assert reader.get(timeout=10) is event


def test_a_second_reader_while_the_first_begins():
    ready = gevent.iwait([gevent.spawn(int)], timeout=SleepingNumber())
    reader = gevent.spawn(list, ready)
    sleep(0)
    with pytest.raises(gevent.exceptions.ConcurrentObjectUseError):
        next(ready)
    assert len(reader.get(timeout=10)) == 1
    assert list(ready) == []


@pytest.mark.parametrize("timeout", [None, SleepingNumber()])
def test_a_reader_whose_with_statement_ends(timeout):
    """It may wait or be about to."""
    event = Event()
    with gevent.iwait([event], timeout) as ready:
        reader = gevent.spawn(list, ready)
        sleep(0)
    assert reader.get(timeout=10) == []
    assert event.linkcount() == 0


def test_iwait_whose_time_out_destroys_the_hub():
    class Destroyer:
        def __float__(self):
            gevent.get_hub().destroy(destroy_loop=True)
            return 10.0

    class Ready:
        def rawlink(self, callback):
            callback(self)

        def unlink(self, callback):
            pass

    ready = Ready()
    assert in_thread(list, gevent.iwait([ready], Destroyer())) == [ready]


def test_an_interrupted_wait_unlinks():
    event, g = Event(), gevent.spawn(sleep, 10)
    with pytest.raises(Timeout):
        with Timeout(0.001):
            gevent.wait([event, g])
    assert event.linkcount() == 0 and not g.has_links()
    g.kill()


def test_wait_without_objects_is_for_the_loop():
    log = []
    gevent.spawn(lambda: (sleep(0.001), log.append(1)))
    assert gevent.wait() is True
    assert log == [1]
    timer = gevent.spawn(sleep, 10)
    assert gevent.wait(timeout=0.001) is False
    assert gevent.iwait(timeout=0.001) == [False]
    timer.kill()


def test_killall():
    log = []

    def run(n):
        try:
            sleep(10)
        finally:
            log.append(n)

    greenlets = [gevent.spawn(run, n) for n in range(3)]
    sleep(0)
    new = gevent.spawn(log.append, "never")
    gevent.killall([*greenlets, new])
    assert log == [0, 1, 2]
    assert all(isinstance(g.value, GreenletExit) for g in [*greenlets, new])
    gevent.killall([])


def test_killall_waits_for_those_that_clean_up():
    def run():
        try:
            sleep(10)
        except Failure:
            cleaned_up.wait()

    cleaned_up = Event()
    g = gevent.spawn(run)
    sleep(0)
    with pytest.raises(Timeout):
        gevent.killall([g], exception=Failure, timeout=0.0001)
    assert not g.ready()
    gevent.spawn(cleaned_up.set)
    gevent.killall([g], exception=Failure, timeout=10)
    assert g.ready()


def test_killall_of_raw_greenlets():
    running = gevent.spawn_raw(sleep, 10)
    sleep(0)
    new = gevent.spawn_raw(lambda: None)
    gevent.killall({running, new})
    assert running.dead and new.dead
    with pytest.raises(TypeError):
        gevent.killall([1])


def test_without_time_what_is_ready_counts():
    assert len(gevent.wait([gevent.spawn(int), gevent.event.Event()], timeout=0)) == 1
    greenlets = [gevent.spawn(int), gevent.spawn(gevent.sleep), gevent.Greenlet(int)]
    assert gevent.joinall(greenlets, timeout=0) == greenlets[:2]


@pytest.mark.parametrize("make", [SleepingNumber, lambda: SleepingTimeout(10)])
def test_killall_whose_time_out_lets_others_run(make):
    """The throws are made while the time-out begins; what was queued is gone by then."""
    greenlets = [gevent.spawn(sleep, 10) for _ in range(3)]
    sleep(0)
    gevent.killall(greenlets, timeout=make())
    assert all(isinstance(g.value, GreenletExit) for g in greenlets)
    assert gevent.spawn(int, "42").get(timeout=10) == 42


def test_killall_whose_time_out_cannot_begin():
    g = gevent.spawn(sleep, 10)
    sleep(0)
    with pytest.raises(TypeError):
        gevent.killall([g], timeout="soon")
    g.join()
    assert isinstance(g.value, GreenletExit)


def test_killall_of_another_threads_greenlets():
    def other():
        greenlets.append(gevent.spawn(sleep, 10))
        sleep(0)
        running.set()
        greenlets[0].join()

    greenlets, running = [], threading.Event()
    thread = threading.Thread(target=other)
    thread.start()
    running.wait()
    gevent.killall(greenlets)
    assert isinstance(greenlets[0].value, GreenletExit)
    thread.join()
