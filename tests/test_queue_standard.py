"""What queues have in common with the standard library's: tasks, shutting down, and the attributes that programs reach for."""

import gc
import types
import weakref
from collections import deque

import greencore
import pytest
from greencore.queue import (
    Channel,
    Empty,
    JoinableQueue,
    LifoQueue,
    PriorityQueue,
    Queue,
    ShutDown,
    SimpleQueue,
    UnboundQueue,
)


KINDS = [SimpleQueue, Queue, LifoQueue, PriorityQueue]


class Failed(Exception):
    pass


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


class TestTasks:
    def test_join(self, log):
        q = Queue(items=[1, 2])
        assert q.unfinished_tasks == 2
        assert q.join(timeout=0.001) is False
        waiter = greencore.spawn(lambda: log.append(q.join()))
        greencore.sleep(0)
        q.get()
        q.task_done()
        greencore.sleep(0)
        assert log == []
        q.get()
        q.task_done()
        waiter.join()
        assert log == [True] and q.join() is True
        with pytest.raises(ValueError):
            q.task_done()

    def test_nothing_to_join(self):
        assert Queue().join() is True

    def test_unfinished_tasks_may_be_given_and_set(self):
        q = Queue(None, [1], 5)
        assert q.unfinished_tasks == 5
        joiner = greencore.spawn(q.join)
        greencore.sleep(0)
        q.unfinished_tasks = 0
        assert joiner.get() is True
        with pytest.raises(TypeError):
            q.unfinished_tasks = "x"
        with pytest.raises(ValueError):
            Queue(None, [], -1)

    def test_simple_queue_has_no_tasks(self):
        assert not hasattr(SimpleQueue, "join") and not hasattr(SimpleQueue, "shutdown")
        assert JoinableQueue is Queue

    def test_put_for_a_waiting_putter_counts(self):
        q = Queue(1)
        q.put(1)
        putter = greencore.spawn(q.put, 2)
        greencore.sleep(0)
        q.get()
        putter.join()
        assert q.unfinished_tasks == 2


class TestShutDown:
    def test_rest_may_be_gotten(self):
        q = Queue(items=[1])
        q.shutdown()
        assert q.is_shutdown
        for put in (q.put, q.put_nowait):
            with pytest.raises(ShutDown):
                put(2)
        assert q.get() == 1
        for get in (q.get, q.get_nowait, lambda: q.get(timeout=1)):
            with pytest.raises(ShutDown):
                get()

    def test_immediate(self):
        q = Queue(items=[1, 2])
        joiner = greencore.spawn(q.join)
        greencore.sleep(0)
        q.shutdown(immediate=True)
        assert q.empty() and joiner.get() is True
        with pytest.raises(ShutDown):
            q.get()

    def test_the_waiting_are_refused(self, log):
        q, full = Queue(), Queue(1, [0])

        def attempt(function, *args):
            try:
                function(*args)
            except ShutDown:
                log.append(function.__name__)

        waiting = [greencore.spawn(attempt, q.get), greencore.spawn(attempt, full.put, 1)]
        greencore.sleep(0)
        q.shutdown()
        full.shutdown()
        greencore.joinall(waiting)
        assert log == ["get", "put"]

    def test_item_put_before_goes_to_who_waits(self):
        q = Queue()
        getter = greencore.spawn(q.get)
        greencore.sleep(0)
        q.put(1)
        q.shutdown()
        assert getter.get() == 1


class TestStandardSurface:
    def test_attributes(self):
        q = Queue()
        with q.mutex:
            q.queue.clear()
        for condition in (q.not_empty, q.not_full, q.all_tasks_done):
            with condition:
                condition.notify()
                condition.notify_all()
            with pytest.raises(RuntimeError):
                condition.notify()
        assert q.not_empty is q.not_empty
        q.anything = 1
        assert q.__dict__ == {"anything": 1}

    def test_conditions_are_notified(self, log):
        q = Queue(1)

        def wait(name):
            condition = getattr(q, name)
            with condition:
                assert condition.wait(10)
            log.append(name)

        for name, change in [
            ("not_empty", lambda: q.put(1)),
            ("not_full", q.get),
            ("all_tasks_done", q.task_done),
        ]:
            waiter = greencore.spawn(wait, name)
            greencore.sleep(0)
            change()
            waiter.join()
        assert log == ["not_empty", "not_full", "all_tasks_done"]

    def test_condition_wait(self):
        q = Queue()
        with q.not_empty:
            assert q.not_empty.wait(0.001) is False
            assert q.not_empty.wait_for(lambda: False, 0.001) is False
            greencore.spawn(q.put, 1)
            assert q.not_empty.wait_for(q.qsize) == 1
        with pytest.raises(RuntimeError):
            q.not_empty.wait()

    def test_subscription(self, kind):
        assert isinstance(kind[int], types.GenericAlias)
        assert isinstance(Channel[int], types.GenericAlias)

    def test_subclass_methods_are_called(self, log):
        class Mine(Queue):
            def _init(self, maxsize):
                log.append(("init", maxsize))
                super()._init(maxsize)

            def _put(self, item):
                log.append(("put", item))
                super()._put(item)

            def _get(self):
                log.append("get")
                return super()._get()

            def _qsize(self):
                return super()._qsize()

            def _peek(self):
                return ("peeked", super()._peek())

        q = Mine(3)
        q.put(1)
        assert q.peek() == ("peeked", 1) and q.get() == 1
        assert log == [("init", 3), ("put", 1), "get"]
        getter = greencore.spawn(q.get)
        greencore.sleep(0)
        q.put(2)
        assert getter.get() == 2
        assert q.unfinished_tasks == 2

    def test_subclass_with_a_container_of_its_own(self):
        class Unique(Queue):
            def _init(self, maxsize):
                self.items = {}

            def _qsize(self):
                return len(self.items)

            def _put(self, item):
                self.items[item] = True

            def _get(self):
                return self.items.popitem()[0]

        q = Unique()
        q.put(1)
        q.put(1)
        assert q.qsize() == 1 and q.get() == 1
        with pytest.raises(Empty):
            q.get_nowait()

    def test_create_queue(self):
        class Mine(Queue):
            def _create_queue(self, items=()):
                return deque(items, maxlen=1)

        q = Mine(None, [1, 2])
        assert q.get() == 2

    def test_subclass_get_is_used_by_others(self):
        class Mine(Queue):
            def get(self, block=True, timeout=None):
                return ("mine", block)

            def put(self, item, block=True, timeout=None):
                raise Failed

        q = Mine()
        assert q.get_nowait() == ("mine", False)
        assert next(iter(q)) == ("mine", True)
        with pytest.raises(Failed):
            q.put_nowait(1)

    def test_bad_qsize(self):
        class Mine(Queue):
            size = "x"

            def _qsize(self):
                return self.size

        q = Mine()
        with pytest.raises(TypeError):
            q.get()
        q.size = -1
        with pytest.raises(ValueError):
            len(q)

    def test_qsize_that_sends_away_who_was_to_be_served(self):
        class Mine(Queue):
            answer = None

            def _qsize(self):
                if self.answer is None:
                    return super()._qsize()
                answer, self.answer = self.answer, None
                self.shutdown()
                return answer

        q = Mine()
        getter = greencore.spawn(q.get)
        greencore.sleep(0)
        q.put(1)
        q.answer = 1
        assert getter.get() == 1 and q.qsize() == 0

        q = Mine(1, [1])
        putter = greencore.spawn(q.put, 2)
        greencore.sleep(0)
        assert q.get() == 1
        q.answer = 0
        with pytest.raises(ShutDown):
            putter.get()
        assert q.qsize() == 0

    def test_repr(self):
        q = Queue(3, [1])
        assert repr(q).startswith("<Queue at 0x")
        assert str(q) == "<Queue maxsize=3 queue=deque([1]) tasks=1>"
        assert str(SimpleQueue()) == "<SimpleQueue>"

    def test_weakref_and_cycles(self, kind):
        q = kind()
        q.put(q)
        q.me = q
        ref = weakref.ref(q)
        del q
        gc.collect()
        assert ref() is None

    def test_unbound(self):
        q = UnboundQueue()
        q.put(1)
        assert q.get() == 1
        with pytest.raises(ValueError):
            UnboundQueue(3)
