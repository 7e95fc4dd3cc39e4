"""Queue, SimpleQueue, LifoQueue, PriorityQueue: items, order, bounds, who waits."""

import heapq
import queue as stdlib_queue
import random
import threading
import warnings
from collections import deque

import greencore
import pytest
from greencore.exceptions import LoopExit
from greencore.queue import (
    Channel,
    Empty,
    Full,
    JoinableQueue,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
)
from hubs import in_hub
from leaks import assert_no_leak

KINDS = [SimpleQueue, Queue, LifoQueue, PriorityQueue]
FIFOS = [SimpleQueue, Queue]


class Failed(Exception):
    pass


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(params=FIFOS)
def fifo(request):
    return request.param


class TestItems:
    def test_fifo(self, fifo):
        q = fifo()
        for i in range(100):
            q.put(i)
        assert q.peek() == 0 and len(q) == q.qsize() == 100
        assert [q.get() for _ in range(100)] == list(range(100))
        assert q.empty() and len(q) == 0 and q

    def test_lifo(self):
        q = LifoQueue(items=[1, 2])
        q.put(3)
        assert q.peek() == 3
        assert [q.get() for _ in range(3)] == [3, 2, 1]

    def test_priority(self):
        q = PriorityQueue(items=[3, 1, 2])
        q.put(0)
        assert q.peek() == 0
        assert [q.get() for _ in range(4)] == [0, 1, 2, 3]

    def test_ring_wraps_and_grows(self, fifo):
        q, expected, rng = fifo(), deque(), random.Random(1)
        for i in range(5000):
            if expected and rng.random() < 0.48:
                assert q.get() == expected.popleft()
            else:
                q.put(i)
                expected.append(i)
            assert len(q) == len(expected)
        assert q.queue == expected
        assert [q.get() for _ in range(len(expected))] == list(expected)

    def test_large_one_is_emptied_and_used_again(self, fifo):
        q = fifo(items=range(10000))
        assert sum(q.get() for _ in range(10000)) == sum(range(10000))
        q.put(1)
        assert q.get() == 1

    @pytest.mark.parametrize("kind, container", [(SimpleQueue, deque), (Queue, deque), (LifoQueue, list), (PriorityQueue, list)])
    def test_container(self, kind, container):
        q = kind(items=[1, 2])
        assert type(q.queue) is container and q.queue == container([1, 2])
        assert q.queue is q.queue
        q.put(3)
        assert q.queue == container([1, 2, 3])
        q.queue.clear()
        assert q.empty()
        q.put(4)
        assert q.get() == 4

    def test_container_may_be_replaced(self):
        q = Queue()
        q.put(1)
        q.queue = deque([5, 6])
        assert [q.get(), q.get()] == [5, 6]
        q.queue = 5
        with pytest.raises(TypeError):
            q.qsize()
        with pytest.raises(AttributeError):
            del q.queue

    def test_priority_needs_a_list(self):
        q = PriorityQueue()
        q.queue = deque([1])
        with pytest.raises(TypeError):
            q.put(1)
        with pytest.raises(TypeError):
            q.get()

    def test_copy(self, kind):
        q = kind(5, [1, 2])
        copy = q.copy()
        assert type(copy) is kind and copy.maxsize == 5
        assert [copy.get(), copy.get()] == [q.get(), q.get()]

    def test_iteration_ends_at_stop_iteration(self, fifo):
        q = fifo(items=[1, 2, StopIteration, 3])
        assert list(q) == [1, 2]
        assert q.get() == 3

    def test_items_that_fail(self, kind):
        def items():
            yield 1
            raise Failed

        with pytest.raises(Failed):
            kind(None, items())
        with pytest.raises(TypeError):
            kind(None, 5)

    def test_dropped_items_that_use_the_queue(self):
        class Noisy:
            def __del__(self):
                q.put(1)

        q = Queue()
        q.put(Noisy())
        q.queue.clear()
        assert q.get() == 1


class TestPriorityOrder:
    class Item:
        def __init__(self, key):
            self.key = key

        def __lt__(self, other):
            return self.key < other.key

    def test_equal_items_come_as_heapq_has_them(self):
        for seed in range(100):
            rng, q, heap = random.Random(seed), PriorityQueue(), []
            for _ in range(80):
                if heap and rng.random() < 0.45:
                    assert q.get() is heapq.heappop(heap)
                else:
                    item = self.Item(rng.randrange(5))
                    q.put(item)
                    heapq.heappush(heap, item)
                assert q.queue == heap

    def test_comparison_that_raises_changes_nothing(self):
        class Bad:
            armed = False

            def __lt__(self, other):
                if Bad.armed:
                    raise Failed
                return id(self) < id(other)

        q = PriorityQueue(items=[Bad() for _ in range(20)])
        before = list(q.queue)
        Bad.armed = True
        with pytest.raises(Failed):
            q.put(Bad())
        with pytest.raises(Failed):
            q.get()
        assert q.queue == before and q.unfinished_tasks == 20
        with pytest.raises(TypeError):
            q.put(1)
        Bad.armed = False
        assert len([q.get() for _ in range(20)]) == 20

    @pytest.mark.parametrize("action", ["put", "get", "clear"])
    def test_comparison_that_changes_the_queue(self, action):
        class Meddler:
            def __init__(self, n):
                self.n = n

            def __lt__(self, other):
                if Meddler.armed:
                    Meddler.armed = False
                    {"put": lambda: q.put(Meddler(0)), "get": q.get, "clear": q.queue.clear}[action]()
                return self.n < other.n

        Meddler.armed = False
        q = PriorityQueue()
        for n in range(10):
            q.put(Meddler(n))
        for operation in (lambda: q.put(Meddler(-1)), q.get):
            Meddler.armed = len(q) > 2
            if Meddler.armed:
                with pytest.raises(RuntimeError):
                    operation()
        assert all(isinstance(item, Meddler) for item in q.queue)

    def test_failure_on_behalf_of_a_waiting_putter_is_the_putters(self, log):
        q = PriorityQueue(1)
        q.put(1)

        def put():
            try:
                q.put("x")
            except TypeError:
                log.append("refused")

        q.queue.append(2)
        greencore.spawn(put)
        greencore.sleep(0)
        q.get()
        q.maxsize = 2
        greencore.sleep(0)
        assert log == ["refused"]
        assert q.queue == [2]

    def test_failure_on_behalf_of_a_waiting_getter_is_the_getters(self, log):
        class Odd(Queue):
            def _get(self):
                super()._get()
                raise Failed

        q = Odd()

        def get():
            try:
                q.get()
            except Failed:
                log.append("failed")

        greencore.spawn(get)
        greencore.sleep(0)
        q.put(1)
        greencore.sleep(0)
        assert log == ["failed"]


class TestBounds:
    def test_maxsize(self, kind):
        q = kind(2)
        assert q.maxsize == 2
        q.put(1)
        assert not q.full()
        q.put(2)
        assert q.full()
        with pytest.raises(Full):
            q.put(3, block=False)
        with pytest.raises(Full):
            q.put_nowait(3)
        with pytest.raises(Full):
            q.put(3, timeout=0.001)
        assert len(q) == 2

    @pytest.mark.parametrize("maxsize", [None, -1, -5])
    def test_no_limit(self, kind, maxsize):
        q = kind(maxsize)
        assert q.maxsize is None and not q.full()
        q.maxsize = 3
        assert q.maxsize == 3
        q.maxsize = 0
        assert q.maxsize is None

    def test_zero_warns(self, kind):
        with pytest.warns(DeprecationWarning):
            q = kind(0)
        assert q.maxsize is None

    @pytest.mark.parametrize("bad", ["1", 1.5, object()])
    def test_bad_maxsize(self, kind, bad):
        with pytest.raises(TypeError):
            kind(bad)

    def test_empty(self, kind):
        q = kind()
        for get in (q.get_nowait, q.peek_nowait, lambda: q.get(False), lambda: q.get(timeout=0.001), lambda: q.get(timeout=0)):
            with pytest.raises(Empty):
                get()
        assert q.getters == []

    def test_stdlib_exceptions(self):
        assert Empty is stdlib_queue.Empty and Full is stdlib_queue.Full
        assert ShutDown is getattr(stdlib_queue, "ShutDown", ShutDown)

    @pytest.mark.parametrize("bad, error", [(float("nan"), ValueError), (-1, ValueError), ("1", TypeError)])
    def test_bad_timeout(self, kind, bad, error):
        q = kind(1)
        with pytest.raises(error):
            q.get(timeout=bad)
        q.put(1)
        with pytest.raises(error):
            q.put(2, timeout=bad)
        assert q.getters == [] and q.putters == [] and len(q) == 1

    def test_bad_arguments(self, kind):
        q = kind()
        with pytest.raises(TypeError):
            q.put()
        with pytest.raises(TypeError):
            q.put(1, True, None, 4)
        with pytest.raises(TypeError):
            q.get(item=1)
        with pytest.raises(TypeError):
            kind(1, 2, 3, 4)

    def test_timeout_object(self, kind):
        timeout = greencore.Timeout(0.001)
        with pytest.raises(greencore.Timeout) as caught:
            kind().get(timeout=timeout)
        assert caught.value is timeout and not timeout.pending

    def test_foreign_timeout(self, kind):
        q = kind()
        with greencore.Timeout(0.001, False):
            q.get(timeout=60)
            raise AssertionError
        assert q.getters == []


class TestWaiting:
    def test_getters_are_served_in_order(self, kind, log):
        q = kind()
        getters = [greencore.spawn(lambda n=n: log.append((n, q.get()))) for n in range(3)]
        greencore.sleep(0)
        assert q.getters == getters
        for i in range(3):
            q.put(i)
        greencore.joinall(getters)
        assert [n for n, _ in log] == [0, 1, 2]
        assert sorted(item for _, item in log) == [0, 1, 2]

    def test_putters_are_served_in_order(self, fifo, log):
        q = fifo(1)
        q.put("first")
        putters = [greencore.spawn(lambda n=n: (q.put(n), log.append(n))) for n in range(3)]
        greencore.sleep(0)
        assert q.putters == putters
        got = [q.get() for _ in range(4)]
        greencore.joinall(putters)
        assert got == ["first", 0, 1, 2] and log == [0, 1, 2]

    def test_putter_and_getter_take_turns(self, fifo, log):
        """Each runs until it blocks, then the other is served, before anything else that is ready."""
        q = fifo(1)

        def put():
            for i in range(3):
                q.put(i)
                log.append(("put", i))

        def get():
            for _ in range(3):
                log.append(("got", q.get()))

        greencore.joinall([greencore.spawn(put), greencore.spawn(get)])
        assert log == [("put", 0), ("got", 0), ("put", 1), ("got", 1), ("put", 2), ("got", 2)]

    def test_who_comes_first_may_take_an_item_before_the_waiting(self, fifo, log):
        q = fifo()
        getter = greencore.spawn(lambda: log.append(q.get()))
        greencore.sleep(0)
        q.put(1)
        assert q.get() == 1
        greencore.sleep(0)
        assert log == []
        q.put(2)
        getter.join()
        assert log == [2]

    def test_peekers_leave_the_item(self, fifo, log):
        q = fifo()
        peekers = [greencore.spawn(lambda: log.append(q.peek())) for _ in range(2)]
        getter = greencore.spawn(lambda: log.append(q.get()))
        greencore.sleep(0)
        q.put("x")
        greencore.joinall([*peekers, getter])
        assert log == ["x", "x", "x"] and q.empty()

    def test_killed_getter_takes_nothing(self, kind):
        q = kind()
        getters = [greencore.spawn(q.get) for _ in range(2)]
        greencore.sleep(0)
        getters[0].kill()
        assert q.getters == [getters[1]]
        q.put(1)
        assert getters[1].get() == 1

    def test_killed_putter_puts_nothing(self, kind):
        q = kind(1)
        q.put(0)
        putters = [greencore.spawn(q.put, i) for i in (1, 2)]
        greencore.sleep(0)
        putters[0].kill()
        assert q.get() == 0
        putters[1].join()
        assert q.get() == 2 and q.empty()

    def test_nobody_left(self, kind):
        with pytest.raises(LoopExit):
            kind().get()
        q = kind(1)
        q.put(1)
        with pytest.raises(LoopExit):
            q.put(2)
        assert q.putters == [] and len(q) == 1

    def test_others_run_beside_a_busy_pair(self, log):
        q = Queue(1)
        producer = greencore.spawn(lambda: [q.put(i) for i in range(100000)])
        consumer = greencore.spawn(lambda: [q.get() for _ in range(100000)])
        greencore.sleep(0)
        greencore.spawn(log.append, "ran").join()
        assert log == ["ran"] and not producer.dead
        greencore.killall([producer, consumer])

    def test_raised_maxsize_lets_putters_in(self):
        q = Queue(1)
        q.put(1)
        putter = greencore.spawn(q.put, 2)
        greencore.sleep(0)
        q.maxsize = 2
        putter.join()
        assert len(q) == 2

    def test_put_before_anybody_waits_makes_no_hub(self):
        results = []

        def run():
            q = Queue()
            q.put(1)
            results.append((q.get(), greencore._core.get_hub_if_exists()))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert results == [(1, None)]


class TestInTheHub:
    def test_put(self, kind):
        q = kind(1)
        assert in_hub(q.put, 1) is None
        assert isinstance(in_hub(q.put, 2), Full)
        assert len(q) == 1

    def test_get(self, kind):
        q = kind(items=[1])
        assert in_hub(q.get) == 1
        assert isinstance(in_hub(q.get), Empty)

    def test_put_serves_a_getter(self, kind):
        q = kind()
        getter = greencore.spawn(q.get)
        greencore.sleep(0)
        in_hub(q.put, 1)
        assert getter.get() == 1

    def test_get_serves_a_putter(self, fifo):
        q = fifo(1)
        q.put(1)
        putter = greencore.spawn(q.put, 2)
        greencore.sleep(0)
        assert in_hub(q.get) == 1
        putter.join()
        assert q.get() == 2

    def test_full_with_a_getter_that_has_not_run(self, fifo):
        q = fifo(1)
        getter = greencore.spawn(q.get)
        greencore.sleep(0)

        def twice():
            q.put(1)
            q.put(2)

        assert in_hub(twice) is None
        assert getter.get() == 1 and q.get() == 2


class TestThreads:
    @pytest.mark.parametrize("with_hub", [False, True])
    @pytest.mark.parametrize("maxsize", [None, 1])
    def test_items_cross(self, with_hub, maxsize):
        q, back = Queue(maxsize), Queue(maxsize)
        back.put("ready")  # used by this thread first
        back.get()

        def run():
            if with_hub:
                greencore.get_hub()
            for item in q:
                back.put(item + 1)
            if with_hub:
                greencore.get_hub().destroy(destroy_loop=True)

        thread = threading.Thread(target=run)
        thread.start()
        feeder = greencore.spawn(lambda: [q.put(i) for i in range(300)] + [q.put(StopIteration)])
        with greencore.Timeout(30):
            got = [back.get() for _ in range(300)]
            feeder.join()
        thread.join(30)
        assert got == list(range(1, 301)) and not thread.is_alive()

    def test_channel(self):
        channel, results = Channel(), []

        def run():
            greencore.get_hub()
            results.extend(channel)
            greencore.get_hub().destroy(destroy_loop=True)

        thread = threading.Thread(target=run)
        thread.start()
        with greencore.Timeout(30):
            for item in [1, 2, 3, StopIteration]:
                channel.put(item, timeout=30)
        thread.join(30)
        assert results == [1, 2, 3]


def test_no_leak():
    def cycle():
        q = Queue(1)
        getter = greencore.spawn(q.get)
        greencore.sleep(0)
        q.put(object())
        getter.join()
        q.put(object())
        putter = greencore.spawn(q.put, object())
        greencore.sleep(0)
        q.get()
        putter.join()
        for failing in (lambda: q.put(1, timeout=0), q.shutdown, q.put_nowait):
            try:
                failing()
            except (Full, ShutDown, TypeError):
                pass
        p = PriorityQueue(items=[2, 1])
        p.put(0)
        p.get()
        channel = Channel()
        greencore.spawn(channel.put, object())
        channel.get()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            LifoQueue(0, [1]).queue

    assert_no_leak(cycle)


def test_an_item_whose_getter_went_meanwhile_is_put_back():
    class Odd(Queue):
        def _get(self):
            item = super()._get()
            getter.throw(greencore.GreenletExit)
            return item

    q = Odd()
    getter = greencore.spawn(q.get)
    greencore.sleep(0)
    q.put(1)
    q.put(2)
    greencore.sleep(0)
    assert getter.dead and list(q.queue) == [1, 2]


def test_who_joins_again_while_the_others_are_told_waits_again(log):
    q = JoinableQueue()
    q.put(0)

    def join(again):
        q.join()
        log.append("joined")
        if again:
            q.put(1)
            q.join()
            log.append("joined again")

    greenlets = [greencore.spawn(join, again) for again in (True, False)]
    greencore.sleep(0)
    q.get()
    q.task_done()
    greencore.sleep(0)
    greencore.sleep(0)
    assert log == ["joined"] * 2
    q.task_done()
    greencore.joinall(greenlets, timeout=10)
    assert log[2:] == ["joined again"]
