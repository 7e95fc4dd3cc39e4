"""A program that profilers and tracers look at: greenlets that wait in C, and each of which does work of its own."""

import sys

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore
from gevent.queue import Queue

event = Event()
queue = Queue()
lock = BoundedSemaphore(1)
kept = []


def small_work():
    kept.append(bytearray(3_000_000))


def large_work():
    kept.append(bytearray(5_000_000))


def after_event():
    event.wait()
    small_work()
    large_work()


def after_sleep():
    gevent.sleep(0.01)
    small_work()
    large_work()


def after_queue():
    queue.get()
    small_work()
    large_work()


def after_lock():
    lock.acquire()
    small_work()
    large_work()
    lock.release()


def main():
    waiters = [
        gevent.spawn(function) for function in (after_event, after_sleep, after_queue, after_lock) for _ in range(3)
    ]
    gevent.sleep(0.05)
    event.set()
    for _ in range(3):
        queue.put(1)
    gevent.joinall(waiters, raise_error=True)
    if sys.argv[1:] == ["stay"]:
        print("staying", flush=True)
        gevent.sleep(1000)


if __name__ == "__main__":
    main()
