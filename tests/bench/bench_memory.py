"""What a parked greenlet weighs: resident memory and page tables."""

import gc

import gevent
from gevent import event
from registry import reading
from weight import PARKED, weigh

def park(spawn):
    """Return the bytes that one of PARKED greenlets adds while it waits."""
    gate = event.Event()
    spawn(gate.wait)
    gevent.sleep(0)
    gc.collect()
    before = sum(weigh())
    kept = [spawn(gate.wait) for _ in range(PARKED)]
    gevent.sleep(0)
    after = sum(weigh())
    gate.set()
    gevent.sleep(0)
    del kept
    return (after - before) / PARKED


@reading("a parked greenlet, spawn", "bytes", beside="parked")
def parked(spawn=gevent.spawn):
    return park(spawn)


@reading("a parked greenlet, spawn_raw", "bytes", beside="parked")
def parked_raw():
    return park(gevent.spawn_raw)


@reading("a finished greenlet, kept", "bytes")
def finished():
    def nothing():
        pass

    gevent.spawn(nothing).join()
    gc.collect()
    before = sum(weigh())
    kept = [gevent.spawn(nothing) for _ in range(PARKED)]
    gevent.joinall(kept)
    return (sum(weigh()) - before) / PARKED
