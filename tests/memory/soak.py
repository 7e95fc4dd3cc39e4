"""soak.py [MINUTES]: spawn, kill, wait, time out and talk for a while (10 minutes); memory, descriptors and stacks stay flat.

Prints a line each half minute: resident KiB, descriptors. Exits with 1 if memory at the end is more than a tenth above what it
was after the first half minute.
"""

import gc
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import greencore.alias  # noqa: E402

greencore.alias.install()
import gevent  # noqa: E402
from gevent import socket
from gevent.event import AsyncResult, Event
from gevent.pool import Pool
from gevent.queue import Queue


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def deep(n):
    return 0 if n == 0 else 1 + deep(n - 1)


def talk():
    a, b = socket.socketpair()
    with a, b:
        reader = gevent.spawn(b.recv, 4096)
        a.sendall(b"x" * 1000)
        assert len(reader.get()) == 1000


def wait_and_time_out():
    with gevent.Timeout(0.001, False):
        Event().wait()


def hand_over():
    queue, result = Queue(2), AsyncResult()
    taker = gevent.spawn(lambda: result.set(sum(queue.get() for _ in range(10))))
    for i in range(10):
        queue.put(i)
    assert result.get() == 45
    taker.join()


def kill_parked():
    parked = [gevent.spawn(gevent.sleep, 100) for _ in range(20)]
    gevent.sleep(0)
    gevent.killall(parked)


def fail():
    g = gevent.Greenlet(int, "no number")
    g.start()
    g.join()


def map_in_pool():
    assert sum(Pool(5).imap_unordered(deep, range(40))) == sum(range(40))


def round_of(rng):
    work = [talk, wait_and_time_out, hand_over, kill_parked, map_in_pool, fail]
    gevent.joinall([gevent.spawn(rng.choice(work)) for _ in range(30)], raise_error=True)


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    gevent.get_hub().exception_stream = None
    rng = random.Random(1)
    begin, lines, rounds = time.monotonic(), [], 0
    while time.monotonic() - begin < minutes * 60:
        round_of(rng)
        rounds += 1
        if time.monotonic() - begin > 30 * (len(lines) + 1):
            gc.collect()
            lines.append((resident(), len(os.listdir("/proc/self/fd"))))
            print(f"{30 * len(lines)} s, {rounds} rounds: {lines[-1][0]} KiB, {lines[-1][1]} descriptors", flush=True)
    if len(lines) > 1 and (lines[-1][0] > 1.1 * lines[0][0] or lines[-1][1] > lines[0][1]):
        sys.exit("not flat")
    print("flat")


main()
