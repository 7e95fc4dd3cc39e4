"""Events, results, locks, queues, channels, time-outs and locals."""

import copy

import gevent
from gevent.event import AsyncResult, Event
from gevent.hub import Waiter
from gevent.local import all_local_dicts_for_greenlet, local
from gevent.lock import BoundedSemaphore, RLock, Semaphore
from gevent.queue import Channel, Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue

from greencore._core import MultipleWaiter
from scenarios import SOON, scenario


@scenario
def events():
    event, result = Event(), AsyncResult()
    gs = [gevent.spawn(event.wait, SOON), gevent.spawn(result.get, True, SOON)]
    gevent.sleep(0)
    event.rawlink(int)
    event.unlink(int)
    event.set()
    result.set(5)
    assert gs[1].get(timeout=SOON) == 5
    failed = AsyncResult()
    failed.set_exception(ValueError("text"))
    assert isinstance(failed.exception, ValueError)
    repr(event), repr(result)


@scenario
def locks():
    for lock in Semaphore(1), BoundedSemaphore(1), RLock():
        lock.acquire()
        g = gevent.spawn(lock.acquire, timeout=0.001)
        g.join(SOON)
        lock.release()
        with lock:
            repr(lock)


@scenario
def queues():
    for make in Queue, LifoQueue, PriorityQueue, JoinableQueue, SimpleQueue:
        queue = make()
        g = gevent.spawn(queue.get, timeout=SOON)
        gevent.sleep(0)
        queue.put(1)
        assert g.get(timeout=SOON) == 1
        for item in range(3):
            queue.put(item)
        queue.get_nowait()
        repr(queue)
    queue = Queue(1)
    queue.put(1)
    try:
        queue.put(2, timeout=0.001)
    except Full:
        pass
    queue.get()
    try:
        queue.get_nowait()
    except Empty:
        pass


@scenario
def channels():
    channel = Channel()
    g = gevent.spawn(channel.get, timeout=SOON)
    channel.put(5, timeout=SOON)
    assert g.get(timeout=SOON) == 5


@scenario
def channel_threads():
    """Waiting in more than one thread's loop."""
    event = Event()
    pool = gevent.get_hub().threadpool
    waiting = pool.spawn(event.wait, SOON)
    gevent.sleep(0.001)
    event.set()
    waiting.get(timeout=SOON)


@scenario
def timeouts():
    try:
        with gevent.Timeout(0.001):
            gevent.sleep(10)
    except gevent.Timeout as timeout:
        repr(timeout), str(timeout)
    with gevent.Timeout(0.001, False):
        gevent.sleep(10)
    gevent.with_timeout(0.001, gevent.sleep, 10, timeout_value=5)
    timeout = gevent.Timeout.start_new(10, KeyError("text"))
    assert timeout.pending
    timeout.close()
    waiter = Waiter()
    gevent.get_hub().loop.run_callback(waiter.switch, 5)
    assert waiter.get() == 5


class Mine(local):
    def __init__(self, value):
        self.value = value


@scenario
def locals_():
    one = Mine(5)
    g = gevent.spawn(setattr, one, "value", 6)
    g.join(SOON)
    assert one.value == 5
    one.other = 1
    del one.other
    vars(one), repr(one)
    all_local_dicts_for_greenlet(gevent.getcurrent())


@scenario
def results():
    """AsyncResult beyond set and get."""
    seen = []
    result = AsyncResult()
    result.rawlink(seen.append)
    try:
        result.get(timeout=0.001)
    except gevent.Timeout:
        pass
    result(gevent.joinall([gevent.spawn(int, "5")])[0])
    result.set_result(5)
    assert result.result(SOON) == 5 and result.get_nowait() == 5 and result.wait(SOON) == 5
    result.exc_info, result.successful(), result.done(), result.cancelled()
    failed = AsyncResult()
    try:
        int("text")
    except ValueError as error:
        failed.set_exception(error, (type(error), error, error.__traceback__))
    failed.exc_info, failed.exception, repr(failed)
    try:
        failed.get()
    except ValueError:
        pass
    AsyncResult().cancel()
    for make in Event, AsyncResult, Semaphore:
        thing = make()
        repr(thing), thing.linkcount(), thing.hub, thing.ready()


@scenario
def more_locks():
    lock = Semaphore(0)
    lock.rawlink(str)
    gevent.spawn(lock.release)
    lock.wait(SOON)
    lock.wait(0.001)
    assert lock.acquire(timeout=SOON)
    assert not lock.acquire(blocking=False) and not lock.acquire(timeout=0.001)
    lock.unlink(str)
    again = RLock()
    with again, again:
        again._release_save()
        again._acquire_restore((2, gevent.getcurrent()))
        again._is_owned(), again._recursion_count(), again.locked()
    bounded = BoundedSemaphore(1)
    try:
        bounded.release()
    except ValueError:
        pass


class Sorted(Queue):
    """What a queue of the standard library lets a subclass override."""

    def _init(self, maxsize):
        self.items = []

    def _qsize(self):
        return len(self.items)

    def _put(self, item):
        self.items.append(item)
        self.items.sort()

    def _get(self):
        return self.items.pop(0)


@scenario
def more_queues():
    queue = Sorted()
    for item in 3, 1, 2:
        queue.put(item)
    assert [queue.get() for _ in range(3)] == [1, 2, 3]
    queue = Queue(2, items=[1, 2])
    putting = gevent.spawn(queue.put, 3, timeout=SOON)
    gevent.sleep(0)
    assert queue.peek() == 1 and queue.peek_nowait() == 1
    copy = queue.copy()
    queue.putters, queue.getters, queue.full(), queue.empty(), len(queue), bool(queue), repr(queue), repr(copy)
    assert [queue.get(timeout=SOON) for _ in range(3)] == [1, 2, 3]
    putting.join(SOON)
    for _ in range(3):
        queue.task_done()
    assert queue.join(SOON)
    getting = gevent.spawn(queue.get)
    gevent.sleep(0)
    queue.shutdown()
    getting.join(SOON)
    assert isinstance(getting.exception, Exception)
    joined = JoinableQueue(items=[1])
    joined.join(0.001)
    joined.shutdown(immediate=True)
    ended = SimpleQueue(items=[1, StopIteration])
    assert list(ended) == [1]
    with queue.mutex:
        queue.not_empty.notify_all()


@scenario
def more_channels():
    channel = Channel()
    try:
        channel.get(timeout=0.001)
    except Empty:
        pass
    try:
        channel.put(5, timeout=0.001)
    except Full:
        pass
    putting = gevent.spawn(channel.put, 5)
    gevent.sleep(0)
    repr(channel), channel.putters, channel.getters, channel.balance, channel.qsize()
    assert channel.get_nowait() == 5
    putting.join(SOON)
    gevent.spawn(channel.put, StopIteration)
    assert list(channel) == []


@scenario
def more_timeouts():
    with gevent.Timeout(10, KeyError) as timeout:
        repr(timeout), timeout < 20, timeout.seconds
        timeout.cancel()
    copy.copy(timeout)
    with gevent.Timeout(None):
        pass
    with gevent.Timeout(10, KeyError("text")) as timeout:
        timeout.cancel()
    try:
        with gevent.Timeout(0.001, KeyError):
            gevent.sleep(10)
    except KeyError:
        pass
    assert gevent.with_timeout(10, int, "5") == 5
    event = Event()
    with gevent.Timeout(10) as timeout:
        event.wait(0.001)
        gevent.spawn(event.set)
        event.wait(timeout)


@scenario
def waiters():
    waiter = Waiter()
    waiter.switch_args(1, 2)
    assert waiter.get() == (1, 2)
    waiter.clear()
    gevent.get_hub().loop.run_callback(waiter.throw, KeyError("text"))
    try:
        waiter.get()
    except KeyError:
        pass
    repr(waiter), str(waiter), waiter.exc_info, waiter.ready(), waiter.successful()
    several = MultipleWaiter()
    several.switch(1)
    several.switch(2)
    assert several.get() == 1 and several.get() == 2
    waiter = Waiter()
    waiter(gevent.joinall([gevent.spawn(int, "5")])[0])


@scenario
def more_locals():
    one = Mine(value=5)
    other = copy.copy(one)
    other.value = 7
    assert one.value == 5
    try:
        one.missing
    except AttributeError:
        pass
    g = gevent.spawn(vars, one)
    assert g.get(timeout=SOON)["value"] == 5
    dir(one)
    del g, other
