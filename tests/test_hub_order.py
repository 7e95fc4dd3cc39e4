"""In which order the hub lets things happen."""

import os
import time


import gevent
from gevent import get_hub
from gevent.event import Event


def test_greenlets_start_and_wake_in_the_order_they_were_queued():
    seen = []

    def work(name):
        for step in range(3):
            seen.append((step, name))
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(work, name) for name in range(5)])
    assert seen == [(step, name) for step in range(3) for name in range(5)]


def test_callbacks_and_greenlets_share_one_queue():
    seen = []
    loop = get_hub().loop
    gevent.spawn(seen.append, 1)
    loop.run_callback(seen.append, 2)
    gevent.spawn(seen.append, 3)
    loop.run_callback(lambda: (seen.append(4), gevent.spawn(seen.append, 6)))
    loop.run_callback(seen.append, 5)
    gevent.sleep(0)
    gevent.sleep(0)
    assert seen == [1, 2, 3, 4, 5, 6]


def test_timers_before_descriptors_before_time_outs():
    seen = []
    loop = get_hub().loop
    r, w = os.pipe()
    os.write(w, b"x")
    event = Event()

    def wait():
        event.wait(0.001)
        seen.append("time-out")

    with loop.io(r, 1), loop.timer(0.001) as timer:
        waiting = gevent.spawn(wait)
        gevent.spawn(lambda: (gevent.socket.wait_read(r), seen.append("descriptor")))
        gevent.spawn(lambda: (gevent.sleep(0.001), seen.append("sleep")))
        timer.start(seen.append, "timer")
        gevent.sleep(0)
        time.sleep(0.005)  # all are due by the next poll
        waiting.join()
    assert seen[0] == "timer" and seen[-2:] == ["descriptor", "time-out"] and "sleep" in seen[:2]
    os.close(r)
    os.close(w)


def test_timers_fire_in_the_order_of_their_deadlines():
    seen = []

    def work(seconds):
        gevent.sleep(seconds)
        seen.append(seconds)

    times = [0.005, 0.001, 0.003, 0.002, 0.004]
    gevent.joinall([gevent.spawn(work, seconds) for seconds in times])
    assert seen == sorted(times)


def test_greenlets_that_are_always_ready_starve_no_timer_and_no_descriptor():
    stop = []

    def spin():
        while not stop:
            gevent.sleep(0)

    spinning = [gevent.spawn(spin) for _ in range(3)]
    gevent.sleep(0.002)
    r, w = os.pipe()
    os.write(w, b"x")
    gevent.socket.wait_read(r)
    with gevent.Timeout(0.001, False):
        Event().wait()
    stop.append(1)
    gevent.joinall(spinning)
    os.close(r)
    os.close(w)


def test_callbacks_that_queue_themselves_starve_nobody():
    loop = get_hub().loop
    stop = []

    def again():
        if not stop:
            loop.run_callback(again)

    loop.run_callback(again)
    gevent.sleep(0.001)
    stop.append(1)
    gevent.sleep(0)


def test_sleep_0_is_fair():
    turns = {}

    def work(name):
        while not stop:
            turns[name] = turns.get(name, 0) + 1
            gevent.sleep(0)

    stop = []
    greenlets = [gevent.spawn(work, name) for name in range(7)]
    gevent.sleep(0.005)
    stop.append(1)
    gevent.joinall(greenlets)
    assert max(turns.values()) - min(turns.values()) <= 1
