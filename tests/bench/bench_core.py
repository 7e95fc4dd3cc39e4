"""Switching, spawning, waiting: no descriptors."""

import os

import gevent
import gevent.hub
from gevent import event, local, lock, pool, queue
from greenlet import getcurrent, greenlet
from registry import benchmark


@benchmark("abs(0), for comparison: a loop and a call")
def call(n):
    function = abs
    for _ in range(n):
        function(0)


@benchmark("raw greenlet switch")
def raw_switch(n):
    main = getcurrent()

    def other():
        switch = main.switch
        while True:
            switch()

    switch = greenlet(other).switch
    for _ in range(n // 2):
        switch()


@benchmark("raw greenlet: make, run, finish")
def raw_life(n):
    def nothing():
        pass

    for _ in range(n):
        greenlet(nothing).switch()


def yield_among(n, count):
    def work(turns):
        sleep = gevent.sleep
        for _ in range(turns):
            sleep(0)

    gevent.joinall([gevent.spawn(work, n // count) for _ in range(count)])


@benchmark("sleep(0) among 10", beside="yield10")
def yield_10(n):
    yield_among(n, 10)


@benchmark("sleep(0) among 1,000", beside="yield1000")
def yield_1000(n):
    yield_among(n, 1000)


def nothing():
    pass


@benchmark("spawn_raw, run, finish", beside="spawn")
def spawn_raw(n):
    spawn, sleep = gevent.spawn_raw, gevent.sleep
    for _ in range(n // 100):
        for _ in range(100):
            spawn(nothing)
        sleep(0)


@benchmark("spawn, run, finish", beside="spawn")
def spawn(n):
    spawn, sleep = gevent.spawn, gevent.sleep
    for _ in range(n // 100):
        for _ in range(100):
            spawn(nothing)
        sleep(0)


@benchmark("spawn and join", beside="spawnjoin")
def spawn_join(n):
    spawn = gevent.spawn
    for _ in range(n):
        spawn(nothing).join()


@benchmark("spawn 100 and joinall")
def spawn_joinall(n):
    for _ in range(n // 100):
        gevent.joinall([gevent.spawn(nothing) for _ in range(100)])


@benchmark("spawn and get")
def spawn_get(n):
    spawn = gevent.spawn
    for _ in range(n):
        spawn(nothing).get()


@benchmark("spawn and kill, not begun")
def spawn_kill(n):
    spawn = gevent.spawn
    for _ in range(n):
        spawn(nothing).kill()


def hand_over(n, made):
    def consume():
        get = made.get
        for _ in range(n):
            get()

    reader = gevent.spawn(consume)
    put = made.put
    for i in range(n):
        put(i)
    reader.join()


@benchmark("Queue(1): one hand-over", beside="channel1")
def queue_bounded(n):
    hand_over(n, queue.Queue(1))


@benchmark("Queue: put and get, one greenlet")
def queue_alone(n):
    q = queue.Queue()
    put, get = q.put, q.get
    for i in range(n):
        put(i)
        get()


@benchmark("SimpleQueue: ping-pong", beside="pingpong")
def queue_ping_pong(n):
    there, back = queue.SimpleQueue(), queue.SimpleQueue()

    def echo():
        get, put = there.get, back.put
        for _ in range(n):
            put(get())

    gevent.spawn(echo)
    put, get = there.put, back.get
    for i in range(n):
        put(i)
        get()


@benchmark("Channel: one hand-over", beside="channel0")
def channel(n):
    hand_over(n, queue.Channel())


@benchmark("Event: set one waiter, wait, clear")
def event_turn(n):
    go, done = event.Event(), event.Event()

    def other():
        for _ in range(n):
            go.wait()
            go.clear()
            done.set()

    gevent.spawn(other)
    for _ in range(n):
        go.set()
        done.wait()
        done.clear()


@benchmark("Event: wake one of 1,000 waiters")
def event_broadcast(n):
    for _ in range(n // 1000):
        made = event.Event()
        waiters = [gevent.spawn(made.wait) for _ in range(1000)]
        gevent.sleep(0)
        made.set()
        gevent.joinall(waiters)


@benchmark("AsyncResult: make, set, get by a waiter")
def async_result(n):
    spawn_raw, AsyncResult = gevent.spawn_raw, event.AsyncResult
    for i in range(n):
        result = AsyncResult()
        spawn_raw(result.set, i)
        result.get()


@benchmark("Semaphore: acquire and release, free", beside="mutex")
def semaphore_free(n):
    made = lock.Semaphore(1)
    for _ in range(n):
        made.acquire()
        made.release()


@benchmark("RLock: with, free")
def rlock_free(n):
    made = lock.RLock()
    for _ in range(n):
        with made:
            pass


@benchmark("Semaphore: contended by 10", beside="mutex10")
def semaphore_contended(n):
    made = lock.Semaphore(1)

    def work():
        for _ in range(n // 10):
            with made:
                gevent.sleep(0)

    gevent.joinall([gevent.spawn(work) for _ in range(10)])


@benchmark("with Timeout(10): pass")
def timeout_unused(n):
    Timeout = gevent.Timeout
    for _ in range(n):
        with Timeout(10):
            pass


@benchmark("with Timeout(10): sleep(0)")
def timeout_switch(n):
    Timeout, sleep = gevent.Timeout, gevent.sleep
    for _ in range(n):
        with Timeout(10):
            sleep(0)


@benchmark("1,000 timers: start and cancel")
def timers(n):
    for _ in range(n // 1000):
        made = [gevent.Timeout.start_new(10 + i % 7) for i in range(1000)]
        for one in made:
            one.close()


@benchmark("sleep(1 us)")
def sleep_short(n):
    sleep = gevent.sleep
    for _ in range(n):
        sleep(0.000001)


@benchmark("local: set and get")
def local_attribute(n):
    made = local.local()
    for i in range(n):
        made.value = i
        made.value


@benchmark("Pool(10).map, per item")
def pool_map(n):
    made = pool.Pool(10)
    for _ in range(n // 100):
        made.map(abs, range(100))


@benchmark("Pool(10).imap_unordered, per item")
def pool_imap(n):
    made = pool.Pool(10)
    for _ in range(n // 100):
        for _ in made.imap_unordered(abs, range(100)):
            pass


@benchmark("Pool(10).spawn, per item")
def pool_spawn(n):
    made = pool.Pool(10)
    for _ in range(n):
        made.spawn(nothing)
    made.join()


@benchmark("link: a callback at the end")
def link(n):
    seen = []
    for _ in range(n):
        one = gevent.spawn(nothing)
        one.link(seen.append)
        one.join()
    gevent.sleep(0)


@benchmark("loop.run_callback")
def run_callback(n):
    loop = gevent.get_hub().loop
    for _ in range(n // 100):
        for _ in range(100):
            loop.run_callback(nothing)
        gevent.sleep(0)


@benchmark("get_hub()")
def get_hub(n):
    get = gevent.get_hub
    for _ in range(n):
        get()


@benchmark("threadpool.apply, on one core")
def threadpool(n):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # else it is the scheduler that is measured
    apply = gevent.get_hub().threadpool.apply
    for _ in range(n):
        apply(nothing)
