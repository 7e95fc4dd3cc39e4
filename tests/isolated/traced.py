"""Greenlets that wait in C, and then run lines: what tools that watch lines and calls are to see of each."""

import json

import gevent
import greenlet
from gevent.event import Event
from gevent.lock import RLock, Semaphore
from gevent.queue import Queue
from gevent.socket import socketpair


def after_an_event(event):
    event.wait()
    one = 1
    return one


def after_sleep(event):
    gevent.sleep(0.001)
    one = 1
    return one


def after_a_semaphore(lock):
    lock.acquire()
    one = 1
    lock.release()
    return one


def after_a_lock(lock):
    with lock:
        one = 1
    return one


def after_a_queue(queue):
    queue.get()
    one = 1
    return one


def after_a_socket(pair):
    pair[0].recv(1)
    one = 1
    return one


def after_a_greenlet(other):
    other.join()
    one = 1
    return one


def after_a_kill(event):
    try:
        Event().wait()
    except gevent.GreenletExit:
        one = 1
    return one


def after_a_callback(event):
    def hook(value):
        event.wait()
        one = 1
        return one

    two = json.loads('{"a": {}}', object_hook=hook)
    return two


def after_a_switch(parent):
    parent.switch()
    one = 1
    return one


def main():
    event, queue, pair = Event(), Queue(), socketpair()
    semaphore, lock = Semaphore(0), RLock()
    raw = greenlet.greenlet(after_a_switch)
    raw.switch(greenlet.getcurrent())
    waiting = [
        gevent.spawn(after_an_event, event),
        gevent.spawn(after_sleep, event),
        gevent.spawn(after_a_semaphore, semaphore),
        gevent.spawn(after_a_queue, queue),
        gevent.spawn(after_a_socket, pair),
        gevent.spawn(after_a_kill, event),
        gevent.spawn(after_a_callback, event),
    ]
    waiting.append(gevent.spawn(after_a_greenlet, waiting[0]))
    with lock:
        waiting.append(gevent.spawn(after_a_lock, lock))
        gevent.sleep(0)
    waiting[5].kill(block=False)
    event.set()
    queue.put(1)
    pair[1].send(b"x")
    semaphore.release()
    gevent.joinall(waiting, raise_error=True)
    raw.switch()
    return [greenlet.value for greenlet in waiting]


if __name__ == "__main__":
    assert main() == [1] * 9
