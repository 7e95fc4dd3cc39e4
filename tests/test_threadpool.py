"""Functions that run in native threads."""

import sys
import threading

import pytest
from greencore import _core
from isolated.run import check_code

import gevent
from gevent import core
from gevent.exceptions import InvalidThreadUseError, LoopExit
from gevent.hub import get_hub
from gevent.threadpool import ThreadPool, ThreadPoolExecutor


@pytest.fixture
def pool():
    pool = ThreadPool(3)
    yield pool
    pool.kill()
    assert pool.size == 0


def test_apply_runs_elsewhere_and_lets_others_run(pool):
    import time

    ticks = []
    ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(5)])
    native = threading.get_ident()
    there = pool.apply(lambda *args, **kwargs: (time.sleep(0.02), threading.get_ident(), args, kwargs), (1,), {"a": 2})
    assert there[1] != native and there[2:] == ((1,), {"a": 2})
    ticker.join()
    assert len(ticks) == 5


def test_apply_raises_what_the_function_raises(pool):
    class Trouble(Exception):
        pass

    def fail():
        raise Trouble("here")

    with pytest.raises(Trouble, match="here") as caught:
        pool.apply(fail)
    assert caught.traceback[-1].name == "fail"


def test_apply_within_a_task_runs_at_once(pool):
    assert pool.apply(lambda: pool.apply(len, ("abc",))) == 3


def test_spawn_map_and_imap(pool):
    assert [result.get() for result in [pool.spawn(pow, n, 2) for n in range(10)]] == [n * n for n in range(10)]
    assert pool.map(abs, range(-5, 0)) == [5, 4, 3, 2, 1]
    assert list(pool.imap(abs, range(-5, 0))) == [5, 4, 3, 2, 1]
    assert sorted(pool.imap_unordered(abs, range(-5, 0))) == [1, 2, 3, 4, 5]
    assert 1 <= pool.size <= 3 and len(pool) == 0


def test_what_a_hub_of_a_task_raises_is_the_tasks(pool):
    def waits_for_ever():
        with pytest.raises(LoopExit):
            gevent.get_hub().switch()
        return "went on"

    def left_by_a_greenlet():
        gevent.spawn(sys.exit, 3)
        gevent.sleep(5)

    def destroys_its_hub():
        gevent.sleep(0)
        gevent.get_hub().destroy()
        return "came back"

    with gevent.Timeout(10):
        assert pool.apply(waits_for_ever) == "went on"
        with pytest.raises(SystemExit, match="3"):
            pool.apply(left_by_a_greenlet)
        assert pool.apply(destroys_its_hub) == "came back"
        assert pool.apply(waits_for_ever) == "went on"


def test_errors_of_spawned_tasks_reach_the_hub(pool, monkeypatch):
    seen = []
    monkeypatch.setattr(get_hub(), "handle_error", lambda *args: seen.append(args[1]))
    result = pool.spawn(int, "no number")
    with pytest.raises(ValueError):
        result.get()
    assert seen == [ValueError]


def test_spawn_waits_for_a_slot():
    pool = ThreadPool(1)
    locks = [threading.Lock() for _ in range(3)]
    for lock in locks:
        lock.acquire()
    try:
        spawner = gevent.spawn(lambda: [pool.spawn(lock.acquire) for lock in locks])
        gevent.sleep(0.01)
        assert not spawner.ready() and len(pool) == 2
        for lock in locks:
            lock.release()
        assert [result.get() for result in spawner.get()] == [True] * 3
    finally:
        pool.kill()


def test_sizes():
    with pytest.raises(ValueError):
        ThreadPool(-1)
    with pytest.raises(TypeError):
        ThreadPool("1")
    pool = ThreadPool(2)
    pool.size = 2
    assert pool.size == 2
    with pytest.raises(ValueError):
        pool.size = 3
    with pytest.raises(ValueError):
        pool.size = -1
    pool.maxsize = 4
    pool.size = 4
    pool.maxsize = 1
    while pool.size > 1:
        gevent.sleep(0.001)
    pool.kill()
    assert pool.size == 0


def test_no_room_at_all_until_there_is():
    pool = ThreadPool(0)
    waiting = gevent.spawn(pool.spawn, len, "ab")
    gevent.sleep(0.01)
    pool.maxsize = 1
    assert waiting.get(timeout=10).get(timeout=10) == 2
    pool.kill()


def test_idle_threads_end():
    pool = ThreadPool(2, idle_task_timeout=0.01)
    assert pool.apply(len, ("abc",)) == 3
    while pool.size:
        gevent.sleep(0.005)
    assert pool.apply(len, ("ab",)) == 2
    pool.kill()


def test_an_interrupted_apply_gives_its_slot_back():
    pool = ThreadPool(1)
    lock = threading.Lock()
    lock.acquire()
    for _ in range(3):
        with pytest.raises(gevent.Timeout), gevent.Timeout(0.005):
            pool.apply(lock.acquire, (True, 5))
        if not lock.locked():
            break
        lock.release()
        pool.join()
    assert pool.apply(len, ("ab",)) == 2
    pool.kill()


def test_wrong_arguments_take_no_slot():
    pool = ThreadPool(1)
    with pytest.raises(TypeError):
        pool.apply(int, 5)
    with pytest.raises(TypeError):
        pool.apply(int, (), 5)
    with gevent.Timeout(5):
        assert pool.apply(int, ("5",)) == 5
    pool.kill()


def test_only_its_own_thread_may_spawn(pool):
    other = ThreadPool(1)
    with pytest.raises(InvalidThreadUseError):
        other.apply(pool.spawn, (len, "ab"))
    other.kill()


def test_executor():
    import concurrent.futures

    with ThreadPoolExecutor(2) as executor:
        future = executor.submit(pow, 2, 5)
        seen = []
        future.add_done_callback(seen.append)
        assert future.result(timeout=10) == 32 and future.exception() is None and future.done()
        gevent.sleep(0)
        assert seen == [future]
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        lock = threading.Lock()
        lock.acquire()
        slow = executor.submit(lock.acquire)
        with pytest.raises(concurrent.futures.TimeoutError):
            slow.result(timeout=0.001)
        lock.release()
        assert gevent.wait([slow], timeout=10) == [slow]
    with pytest.raises(RuntimeError):
        executor.submit(len, "")


def test_after_a_fork():
    check_code(
        """
        import os, gevent
        pool = gevent.get_hub().threadpool
        assert pool.apply(len, ("abc",)) == 3
        pid = os.fork()
        if not pid:
            os._exit(pool.apply(len, ("abcd",)))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), pool.apply(len, ("ab",)))
        """,
        "4 2",
    )


def test_exit_while_threads_are_busy():
    check_code(
        """
        import gevent, time
        sleep = monkey.get_original("time", "sleep")
        pool = gevent.get_hub().threadpool
        for _ in range(pool.maxsize): pool.spawn(sleep, 30)
        gevent.sleep(0.01)
        print("done")
        """,
        "done",
    )


def test_no_thread_can_be_started(pool, monkeypatch):
    """Then nothing is left in the queue for whoever comes later; those that run are enough."""
    import greencore.threadpool

    def fail(*args):
        raise RuntimeError("can't start new thread")

    ran = []
    with monkeypatch.context() as patched:
        patched.setattr(greencore.threadpool, "start_new_thread", fail)
        for spawn in pool.spawn, lambda *args: pool.apply(args[0], args[1:]):
            with pytest.raises(RuntimeError, match="can't start"):
                spawn(ran.append, 1)
    assert pool.apply(len, ("abc",)) == 3 and ran == []
    with monkeypatch.context() as patched:
        patched.setattr(greencore.threadpool, "start_new_thread", fail)
        assert [result.get() for result in [pool.spawn(pow, n, 2) for n in range(3)]] == [0, 1, 4]


def test_profile_functions_of_threads(pool, log):
    threading.setprofile(lambda frame, event, argument: log.append(event))
    try:
        assert pool.apply(len, ("abc",)) == 3
        with pytest.raises(ValueError):
            pool.apply(int, ("text",))
    finally:
        threading.setprofile(None)
    assert {"call", "return"} <= set(log)


def test_what_has_ended_when_a_hub_is_destroyed_is_dropped(log):
    done = threading.Event()

    def run():
        hub = get_hub()
        pool = ThreadPool(1, hub)
        pool.spawn(done.set).rawlink(log.append)
        done.wait(10)
        pool.task_queue.put(None)  # its thread ends after that, and tells nobody any more
        while pool._worker_greenlets:
            threading.Event().wait(0.001)
        hub.destroy(destroy_loop=True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive() and log == []


def test_a_queue_that_has_gone_does_not_keep_the_loop_running():
    loop = core.loop(default=False)
    tasks = _core.TaskQueue(loop)
    tasks.put(_core.Task(loop, None, None, len, ()))
    tasks.put(None)
    del tasks
    loop.run()
    loop.destroy()
