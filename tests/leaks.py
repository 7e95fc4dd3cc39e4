"""Whether a function that is called again and again leaves memory behind."""

import gc
import sys

CALLS = 100


def collect():
    """Collect, and once more: a free-threaded interpreter puts off to give back what dictionaries had."""
    gc.collect()
    gc.collect()


def blocks_left(function, calls=CALLS):
    """Return how many memory blocks `calls` calls have left, of the interpreter's own allocator."""
    collect()
    before = sys.getallocatedblocks()
    for _ in range(calls):
        function()
    collect()
    return sys.getallocatedblocks() - before


def assert_no_leak(function):
    """Fail if each call leaves a block behind, every time: caches grow only at first."""
    left = []
    while not left or (left[-1] >= CALLS // 2 and len(left) < 10):
        left.append(blocks_left(function))
    assert left[-1] < CALLS // 2, left
