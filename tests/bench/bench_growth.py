"""What an item costs among ten times as many: about the same, whatever it is."""

import random
import time

import gevent
from gevent.event import AsyncResult, Event
from gevent.local import local
from gevent.lock import Semaphore
from gevent.queue import PriorityQueue, Queue
from registry import reading

FEW, TIMES = 2_000, 10


def shuffled(items):
    random.Random(1).shuffle(items)
    return items


def links_come_and_go(n):
    event = Event()
    callables = [lambda event, i=i: i for i in range(n)]
    for each in callables:
        event.rawlink(each)
    for each in callables:
        event.unlink(each)


def waiters_are_killed(kind, n):
    made = kind(0) if kind is Semaphore else kind()
    wait = made.acquire if kind is Semaphore else made.wait
    waiting = [gevent.spawn(wait) for _ in range(n)]
    gevent.sleep(0)
    gevent.killall(shuffled(waiting))


def locals_in_a_greenlet(n):
    many = [local() for _ in range(n)]
    for each in many:
        each.value = 1
    for each in shuffled(many):
        assert each.value == 1


def a_local_in_greenlets(n):
    one = local()

    def use():
        one.value = 1
        gevent.sleep(0)
        assert one.value == 1

    gevent.joinall([gevent.spawn(use) for _ in range(n)])


def queue_items(kind, n):
    queue = kind()
    for i in shuffled(list(range(n))):
        queue.put(i)
    for _ in range(n):
        queue.get()


def timers(n):
    sleeping = [gevent.spawn(gevent.sleep, 1 + i % 7) for i in range(n)]
    gevent.sleep(0)
    gevent.killall(shuffled(sleeping))


def add(name, function, *args):
    def measure():
        def seconds(n):
            begun = time.perf_counter()
            function(*args, n)
            return (time.perf_counter() - begun) / n

        few, many = (min(seconds(n) for _ in range(3)) for n in (FEW, FEW * TIMES))
        return many / few

    measure.__name__ = "growth_" + "_".join(name.split())
    reading(f"an item of ten times as many: {name}", "times")(measure)


add("links that come and go", links_come_and_go)
add("waiters of an event killed", waiters_are_killed, Event)
add("waiters of a result killed", waiters_are_killed, AsyncResult)
add("waiters of a semaphore killed", waiters_are_killed, Semaphore)
add("locals in one greenlet", locals_in_a_greenlet)
add("one local in many greenlets", a_local_in_greenlets)
add("items of a queue", queue_items, Queue)
add("items of a priority queue", queue_items, PriorityQueue)
add("timers stopped", timers)
