"""What an item costs among ten times as many: about the same, whatever it is."""

import os
import random
import resource
import time

import gevent
from gevent import select, socket
from gevent.event import AsyncResult, Event
from gevent.local import local
from gevent.lock import Semaphore
from gevent.pool import Group, Pool
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
    for each in shuffled(callables):
        event.unlink(each)


def links_are_called(n):
    result = AsyncResult()
    for i in range(n):
        result.rawlink(lambda result, i=i: i)
    result.set()
    gevent.sleep(0)


def greenlets_in_a_group(kind, n):
    group = kind()
    for _ in range(n):
        group.spawn(len, "")
    group.join()


def joined(n):
    gevent.joinall([gevent.spawn(len, "") for _ in range(n)])


def waited_for(n):
    events = [Event() for _ in range(n)]
    gevent.spawn(lambda: [event.set() for event in shuffled(events)])
    assert len(gevent.wait(events)) == n


def polled(n):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        numbers = [os.dup(ours.fileno()) for _ in range(n)]
        poll = select.poll()
        for number in numbers:
            poll.register(number, select.POLLIN)
        assert poll.poll(1) == []
        for number in numbers:
            os.close(number)


def files_selected(n):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        numbers = [os.dup(ours.fileno()) for _ in range(n)]
        assert select.select(numbers, [], [], 0.001) == ([], [], [])
        for number in numbers:
            os.close(number)


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


def add(name, function, *args, few=FEW):
    def measure():
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

        def seconds(n):
            begun = time.perf_counter()
            function(*args, n)
            return (time.perf_counter() - begun) / n

        one, ten = (min(seconds(n) for _ in range(3)) for n in (few, few * TIMES))
        return ten / one

    measure.__name__ = "growth_" + "_".join(name.split())
    reading(f"an item of ten times as many: {name}", "times")(measure)


add("links that come and go", links_come_and_go)
add("links called", links_are_called)
add("waiters of an event killed", waiters_are_killed, Event)
add("waiters of a result killed", waiters_are_killed, AsyncResult)
add("waiters of a semaphore killed", waiters_are_killed, Semaphore)
add("locals in one greenlet", locals_in_a_greenlet)
add("one local in many greenlets", a_local_in_greenlets)
add("items of a queue", queue_items, Queue)
add("items of a priority queue", queue_items, PriorityQueue)
add("timers stopped", timers)
add("greenlets of a Group", greenlets_in_a_group, Group)
add("greenlets of a Pool", greenlets_in_a_group, Pool)
add("greenlets joined", joined)
add("events waited for", waited_for)
add("descriptors polled", polled, few=800)
add("descriptors selected", files_selected, few=90)
