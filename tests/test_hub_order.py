"""In which order the hub lets things happen."""

import os
import time

import gevent
import gevent.core
import pytest
from gevent import get_hub
from gevent.event import Event
from threads import in_thread


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


@pytest.mark.parametrize("sender", ["its own thread", "another thread"])
def test_an_async_watcher_fires_after_all_that_is_ready_and_what_that_makes_ready(sender):
    seen = []
    loop = get_hub().loop

    def chain(n):
        seen.append(n)
        if n:
            loop.run_callback(chain, n - 1)

    def step():
        for n in range(3):
            seen.append(f"step {n}")
            gevent.sleep(0)

    with loop.async_() as watcher:
        watcher.start(seen.append, "sent")
        if sender == "its own thread":
            watcher.send()
        else:
            in_thread(watcher.send)
        assert watcher.pending
        loop.run_callback(chain, 2)
        gevent.spawn(step)
        gevent.sleep(0.001)
    assert seen == [2, "step 0", 1, "step 1", 0, "step 2", "sent"]


def test_an_async_watcher_sent_by_its_own_callback_fires_in_the_next_iteration():
    seen = []
    loop = get_hub().loop

    def again():
        seen.append(len(seen))
        if len(seen) < 5:
            watcher.send()
            loop.run_callback(seen.append, "callback")

    with loop.async_() as watcher:
        watcher.start(again)
        watcher.send()
        gevent.sleep(0.001)
    assert seen == [0, "callback", 2, "callback", 4]


def test_async_watchers_before_timers_and_descriptors():
    seen = []
    loop = get_hub().loop
    r, w = os.pipe()
    os.write(w, b"x")
    with loop.io(r, 1) as io, loop.timer(0.001) as timer, loop.async_() as watcher:
        io.start(lambda: (seen.append("descriptor"), io.stop()))
        timer.start(seen.append, "timer")
        watcher.start(seen.append, "sent")
        time.sleep(0.002)
        watcher.send()
        gevent.sleep(0.001)
    assert seen == ["sent", "timer", "descriptor"]
    os.close(r)
    os.close(w)


def test_an_async_watcher_that_is_sent_keeps_the_loop_running_and_ends_with_it():
    loop = gevent.core.loop(default=False)
    seen = []
    watcher = loop.async_(ref=False)
    watcher.start(seen.append, 1)
    watcher.send()
    loop.run()
    watcher.send()
    watcher.stop()
    loop.run()
    watcher.start(seen.append, 2)
    watcher.send()
    loop.destroy()
    assert seen == [1]
