"""While one greenlet waits, others run: three waits take as long as the longest."""

import time

import gevent
from gevent import select

start = time.monotonic()


def say(*words):
    print(f"{time.monotonic() - start:.1f} s:", *words)


def poll(name, seconds):
    say(name, "polls")
    select.select([], [], [], seconds)
    say(name, "is done")


def busy():
    say("something else runs meanwhile")


gevent.joinall([gevent.spawn(poll, "one", 0.3), gevent.spawn(poll, "two", 0.2), gevent.spawn(busy)])
