"""Semaphore, BoundedSemaphore, RLock, DummySemaphore."""

import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import greencore
import pytest
from greencore.exceptions import BlockingSwitchOutError, LoopExit
from greencore.lock import BoundedSemaphore, DummySemaphore, RLock, Semaphore
from leaks import assert_no_leak


def start(function, count=3):
    started = [greencore.spawn(function, n) for n in range(count)]
    greencore.sleep(0)
    return started


class TestSemaphore:
    def test_counts(self):
        sem = Semaphore(2)
        assert sem.counter == 2 and sem.ready() and not sem.locked()
        assert sem.acquire() is True
        assert sem.acquire(blocking=False) is True
        assert sem.locked() and not sem.ready()
        assert sem.acquire(False) is False
        assert sem.acquire(timeout=0.001) is False
        assert sem.release() == 1
        assert sem.release() == 2
        assert sem.release() == 3

    def test_with(self):
        sem = Semaphore()
        with sem as entered:
            assert entered is None and sem.counter == 0
        assert sem.counter == 1
        with pytest.raises(KeyError):
            with sem:
                raise KeyError
        assert sem.counter == 1

    @pytest.mark.parametrize("bad, error", [(-1, ValueError), ("1", TypeError), (1.5, TypeError), (2**70, OverflowError)])
    def test_bad_value(self, bad, error):
        with pytest.raises(error):
            Semaphore(bad)

    def test_waiters_are_served_in_the_order_they_came(self, log):
        sem = Semaphore(0)
        waiters = start(lambda n: (sem.acquire(), log.append(n)))
        assert sem.linkcount() == 3
        sem.release()
        sem.release()
        assert sem.counter == 2  # taken when their turn comes
        greencore.sleep(0)
        assert log == [0, 1] and sem.counter == 0
        sem.release()
        greencore.joinall(waiters)
        assert log == [0, 1, 2]

    def test_who_comes_before_the_notification_may_take_it(self, log):
        sem = Semaphore(0)
        waiters = start(lambda n: (sem.acquire(), log.append(n)), 1)
        sem.release()
        assert sem.acquire() is True
        greencore.sleep(0)
        assert log == []
        sem.release()
        greencore.joinall(waiters)
        assert log == [0]

    def test_woken_waiter_that_releases_lets_the_next_run(self, log):
        sem = Semaphore(0)

        def work(n):
            with sem:
                log.append(n)

        waiters = start(work)
        sem.release()
        greencore.joinall(waiters)
        assert log == [0, 1, 2] and sem.counter == 1

    def test_those_who_come_again_queue_behind(self, log):
        sem = Semaphore(1)

        def work(n):
            for _ in range(2):
                with sem:
                    log.append(n)
                    greencore.sleep(0)

        greencore.joinall(start(work))
        assert sorted(log) == [0, 0, 1, 1, 2, 2]

    def test_callbacks_go_on_while_there_are_permits(self, log):
        sem = Semaphore(0)

        def take(sem):
            sem.counter -= 1
            log.append("first")

        sem.rawlink(take)
        sem.rawlink(lambda sem: log.append("second"))
        sem.release()
        greencore.sleep(0)
        assert log == ["first"] and sem.linkcount() == 1
        sem.release()
        greencore.sleep(0)
        assert log == ["first", "second"]

    def test_rawlink_on_a_free_one_notifies(self, log):
        sem = Semaphore()
        sem.rawlink(log.append)
        greencore.sleep(0)
        assert log == [sem]

    def test_wait_takes_nothing(self, log):
        sem = Semaphore(0)
        waiters = start(lambda n: log.append(sem.wait()), 2)
        taker = greencore.spawn(sem.acquire)
        greencore.sleep(0)
        sem.release()
        greencore.joinall([*waiters, taker])
        assert log == [1, 1] and sem.counter == 0
        assert sem.wait(0.001) == 0
        sem.release()
        assert sem.wait() == 1

    def test_killed_waiter_takes_nothing(self):
        sem = Semaphore(0)
        waiters = start(lambda n: sem.acquire(), 2)
        waiters[0].kill()
        assert sem.linkcount() == 1
        sem.release()
        waiters[1].join()
        assert sem.counter == 0

    def test_waiter_killed_after_the_release_is_not_in_the_way(self):
        sem = Semaphore(0)
        waiters = start(lambda n: sem.acquire(), 2)
        waiters[0].kill(block=False)
        sem.release()
        waiters[1].join(5)
        assert waiters[1].ready() and sem.counter == 0

    def test_timed_out_waiter_takes_nothing(self):
        sem = Semaphore(0)
        with greencore.Timeout(0.001, False):
            sem.acquire()
        assert sem.linkcount() == 0
        assert sem.acquire(timeout=greencore.Timeout(0.001)) is False
        sem.release()
        assert sem.counter == 1

    def test_zero_timeout(self):
        sem = Semaphore(0)
        assert sem.acquire(timeout=0) is False
        greencore.spawn(sem.release)
        assert sem.acquire(timeout=0) is True

    @pytest.mark.parametrize("bad, error", [(float("nan"), ValueError), ("1", TypeError)])
    def test_bad_timeout(self, bad, error):
        sem = Semaphore(0)
        with pytest.raises(error):
            sem.acquire(timeout=bad)
        assert sem.linkcount() == 0 and sem.counter == 0

    def test_nobody_left_to_release(self):
        sem = Semaphore(0)
        with pytest.raises(LoopExit):
            sem.acquire()
        assert sem.linkcount() == 0

    def test_the_hub_cannot_wait(self, log):
        sem = Semaphore(1)

        def callback():
            log.append(sem.acquire())
            log.append(sem.acquire(blocking=False))
            try:
                sem.acquire()
            except BlockingSwitchOutError:
                log.append("refused")
            sem.release()

        greencore.get_hub().loop.run_callback(callback)
        greencore.sleep(0)
        assert log == [True, False, "refused"] and sem.counter == 1

    def test_counter_may_be_set(self):
        sem = Semaphore(1)
        sem.counter += 2
        assert [sem.acquire(False) for _ in range(4)] == [True, True, True, False]
        sem.counter = -1
        assert sem.locked() and not sem.acquire(False)

    def test_no_hub_is_made_without_need(self):
        script = """
            from greencore._core import get_hub_if_exists
            from greencore.event import AsyncResult, Event
            from greencore.lock import BoundedSemaphore, RLock, Semaphore
            for lock in Semaphore(), BoundedSemaphore(), RLock():
                with lock:
                    pass
            Event().set()
            AsyncResult().set(1)
            assert get_hub_if_exists() is None
        """
        subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)

    def test_weakref(self):
        sem = Semaphore()
        ref = weakref.ref(sem)
        assert ref() is sem
        del sem
        assert ref() is None

    def test_repr(self):
        assert "counter=1 _links[0]" in str(Semaphore())

    def test_finalizer_may_use_it(self):
        class Owner:
            def __init__(self):
                self.sem = Semaphore()
                self.itself = self

            def __del__(self):
                self.sem.acquire()

        Owner()
        gc.collect()

    @pytest.mark.parametrize("kind", [Semaphore, BoundedSemaphore, RLock])
    @pytest.mark.parametrize("with_hub", [False, True])
    def test_threads_exclude_each_other(self, kind, with_hub):
        lock, inside, most, rounds = kind(), [0], [0], 200

        def work(n):
            if with_hub:
                greencore.get_hub()
            for i in range(rounds):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    if with_hub and i % 10 == 0:
                        greencore.sleep(0.0001)
                    inside[0] -= 1
            if with_hub:
                greencore.get_hub().destroy(destroy_loop=True)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
        assert most == [1]
        assert not lock.locked()

    def test_thread_times_out(self):
        sem, results = Semaphore(0), []
        sem.acquire(blocking=False)
        sem.counter = 1
        sem.acquire()

        def work():
            results.append(sem.acquire(timeout=0.001))
            results.append(sem.linkcount())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
        assert results == [False, 0]

    def test_no_leak(self):
        def cycle():
            sem = Semaphore(0)
            waiters = start(lambda n: sem.acquire(timeout=10), 2)
            sem.acquire(timeout=0)
            sem.release()
            sem.release()
            greencore.joinall(waiters)
            with RLock(), BoundedSemaphore():
                pass

        assert_no_leak(cycle)


class TestBoundedSemaphore:
    def test_released_too_often(self):
        sem = BoundedSemaphore(2)
        with pytest.raises(ValueError):
            sem.release()
        sem.acquire()
        sem.release()
        with pytest.raises(ValueError):
            sem.release()
        assert sem.counter == 2

    def test_error_class_may_be_replaced(self):
        class Lock(BoundedSemaphore):
            _OVER_RELEASE_ERROR = RuntimeError

        with pytest.raises(RuntimeError):
            Lock().release()

    def test_fork_reinit(self):
        sem = BoundedSemaphore(2)
        sem.acquire()
        sem._at_fork_reinit()
        assert sem.counter == 2


class TestRLock:
    def test_owner_may_acquire_again(self):
        lock = RLock()
        assert not lock.locked()
        assert lock.acquire() and lock.acquire() and lock.acquire(blocking=False)
        assert lock.locked() and lock._is_owned() and lock._recursion_count() == 3
        for _ in range(3):
            lock.release()
        assert not lock.locked() and not lock._is_owned()

    def test_others_wait_in_order(self, log):
        lock = RLock()

        def work(n):
            with lock, lock:
                log.append(n)
                greencore.sleep(0)
                log.append(n)

        with lock:
            workers = start(work)
            assert not greencore.spawn(lock.acquire, False).get()
            assert not greencore.spawn(lock.acquire, timeout=0.001).get()
        greencore.joinall(workers)
        assert log == [0, 0, 1, 1, 2, 2]

    def test_only_the_owner_releases(self):
        lock = RLock()
        with pytest.raises(RuntimeError):
            lock.release()
        lock.acquire()
        with pytest.raises(RuntimeError):
            greencore.spawn(lock.release).get()
        assert lock.locked()

    def test_dead_owner_keeps_it(self):
        lock = RLock()
        greencore.spawn(lock.acquire).join()
        assert lock.locked()
        assert not lock.acquire(False)
        assert not any(greencore.spawn(lock.acquire, False).get() for _ in range(5))

    def test_killed_waiter(self):
        lock = RLock()
        with lock:
            waiters = start(lambda n: lock.acquire(), 2)
            waiters[0].kill()
        waiters[1].join()
        assert lock._owner is waiters[1]

    def test_condition(self, log):
        lock = RLock()
        condition = threading.Condition(lock)
        lock.acquire()
        lock.acquire()
        state = lock._release_save()
        assert not lock.locked()
        lock._acquire_restore(state)
        assert lock._recursion_count() == 2
        assert condition._is_owned()

    @pytest.mark.parametrize("bad", [None, (), (1,), ("x", None), (1, None)])
    def test_bad_state(self, bad):
        lock = RLock()
        with pytest.raises(TypeError):
            lock._acquire_restore(bad)
        assert not lock.locked()

    def test_release_save_of_a_free_one(self):
        with pytest.raises(RuntimeError):
            RLock()._release_save()

    def test_fork_reinit(self):
        lock = RLock()
        greencore.spawn(lock.acquire).join()
        lock._at_fork_reinit()
        assert not lock.locked() and lock.acquire(False)

    def test_repr_and_weakref(self):
        lock = RLock()
        assert "_count=0 _owner=None" in repr(lock)
        assert weakref.ref(lock)() is lock


@pytest.mark.parametrize("base", [Semaphore, BoundedSemaphore, RLock])
def test_with_statement_calls_what_a_subclass_overrides(base, log):
    class Lock(base):
        def acquire(self, *args, **kwargs):
            log.append("acquire")
            return super().acquire(*args, **kwargs)

        def release(self):
            log.append("release")
            return super().release()

    lock = Lock()
    with lock:
        assert lock.locked()
    assert log == ["acquire", "release"] and not lock.locked()


def test_dummy_semaphore():
    sem = DummySemaphore(1)
    assert sem.acquire() and sem.acquire(False) and sem.wait() == 1 and sem.ready() and not sem.locked()
    sem.release()
    with sem:
        pass


def test_thread_that_ended_while_one_of_its_greenlets_waited():
    """Nobody is there to use what it would get."""
    sem, greenlets = Semaphore(0), []

    def run():
        greenlets.append(greencore.spawn(sem.acquire))
        greencore.sleep(0)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    waiter = greencore.spawn(sem.acquire)
    greencore.sleep(0)
    sem.release()
    waiter.join(10)
    assert waiter.ready() and sem.counter == 0


def test_thread_that_was_not_forked_along():
    script = """
        import os, threading
        import greencore
        from greencore.lock import Semaphore
        from greencore.queue import Queue
        sem, q = Semaphore(1), Queue()
        q.put(1)
        q.get()
        sem.acquire()
        threads = [threading.Thread(target=sem.acquire, daemon=True), threading.Thread(target=q.get, daemon=True)]
        for thread in threads:
            thread.start()
        while not (sem.linkcount() and q.getters):
            pass
        pid = os.fork()
        if pid == 0:
            sem.release()
            q.put(2)
            os._exit(0 if sem.acquire(timeout=0) and q.get(timeout=0) == 2 else 1)
        assert os.waitpid(pid, 0)[1] == 0
        sem.release()
        q.put(3)
        for thread in threads:
            thread.join(30)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=60)


def test_what_another_thread_gave_is_given_back_by_who_is_thrown_into():
    lock = Semaphore(0)
    parked, released = threading.Event(), threading.Event()

    def run():
        acquiring = greencore._core.greenlet(lock.acquire)
        hub = greencore.get_hub()
        hub.loop.run_callback(greencore.getcurrent().switch)
        acquiring.switch()
        parked.set()
        released.wait(10)
        acquiring.throw(greencore.GreenletExit)
        hub.destroy(destroy_loop=True)

    thread = threading.Thread(target=run)
    thread.start()
    assert parked.wait(10)
    lock.release()
    assert lock.counter == 0
    released.set()
    thread.join(10)
    assert lock.counter == 1
