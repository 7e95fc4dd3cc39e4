"""Short programs, one for each part of gevent: what each_fault.py lets fail."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore, RLock, Semaphore
from gevent.pool import Group, Pool
from gevent.queue import Channel, Empty, Full, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue


SOON = 0.3  # seconds to wait for what is there at once, unless a call has failed


def greenlets():
    gs = [gevent.spawn(int, str(i)) for i in range(3)]
    gs.append(gevent.spawn_later(0.001, int, "5"))
    gevent.joinall(gs, timeout=SOON)
    assert [g.get() for g in gs] == [0, 1, 2, 5]
    g = gevent.spawn(gevent.sleep, 10)
    gevent.sleep(0)
    g.kill()
    g = gevent.spawn(gevent.sleep, 10)
    g.link(gs.append)
    gevent.killall([g], timeout=SOON)
    repr(g)


def raw():
    gevent.spawn_raw(int, "3")
    gevent.sleep(0)


def groups():
    pool = Pool(2)
    assert pool.map(str, range(3)) == ["0", "1", "2"]
    assert list(pool.imap(str, range(3))) == ["0", "1", "2"]
    assert sorted(pool.imap_unordered(str, range(3))) == ["0", "1", "2"]
    group = Group()
    group.spawn(gevent.sleep, 10)
    group.apply_async(int, ("3",))
    gevent.sleep(0)
    group.kill(timeout=SOON)
    pool.join(timeout=SOON)


def waits():
    events = [Event(), Event()]
    gs = [gevent.spawn(event.set) for event in events]
    assert len(gevent.wait(events, timeout=SOON)) == 2
    assert len(list(gevent.iwait(gs, timeout=SOON))) == 2


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


def locks():
    for lock in Semaphore(1), BoundedSemaphore(1), RLock():
        lock.acquire()
        g = gevent.spawn(lock.acquire, timeout=0.001)
        g.join(SOON)
        lock.release()
        with lock:
            repr(lock)


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


def channels():
    channel = Channel()
    g = gevent.spawn(channel.get, timeout=SOON)
    channel.put(5, timeout=SOON)
    assert g.get(timeout=SOON) == 5
