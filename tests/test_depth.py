"""Calls in the 1,041st greenlet nest as deep as on the main thread, and C code has as much stack there."""

import subprocess
import sys

import pytest
from extensions import built

CROWD = 1040
LIMIT = 100  # seconds

# What to nest `n` deep.
CASES = {
    "pickling a chain": """
        import pickle
        class Link:
            def __init__(self, next):
                self.next = next
        def attempt(n):
            chain = None
            for _ in range(n):
                chain = Link(chain)
            pickle.dumps(chain)
    """,
    "repr of dataclasses": """
        import dataclasses
        @dataclasses.dataclass
        class Node:
            child: object
        def attempt(n):
            node = None
            for _ in range(n):
                node = Node(node)
            repr(node)
    """,
    "sorted(key=)": """
        def attempt(n):
            if n > 1:
                sorted([n - 1], key=attempt)
    """,
    "compiling operands": """
        def attempt(n):
            compile("+".join(["a"] * n), "", "eval")
    """,
    "compiling elifs": """
        def attempt(n):
            compile("if a: b" + "\\nelif a: b" * n, "", "exec")
    """,
    "compiling nots": """
        def attempt(n):
            compile("not " * n + "1", "", "eval")
    """,
    "compiling parentheses": """
        def attempt(n):
            compile("(" * n + ")" * n, "", "eval")
    """,
    "json.loads": """
        import json
        def attempt(n):
            json.loads("[" * n + "]" * n)
    """,
    "copy.deepcopy": """
        import copy
        def attempt(n):
            nest = []
            for _ in range(n):
                nest = [nest]
            copy.deepcopy(nest)
    """,
}

PROGRAM = """
from greenlet import getcurrent, greenlet

{case}

def works(n):
    try:
        attempt(n)
    except (RecursionError, MemoryError, SyntaxError):
        return False
    return True

def deepest():
    low, high = 0, 1
    while high <= 5900 and works(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if works(middle) else (low, middle)
    return low

def park():
    getcurrent().parent.switch()

crowd = [greenlet(park) for _ in range({crowd})]
for g in crowd:
    g.switch()
print(deepest(), greenlet(deepest).switch())
"""


def dedented(text):
    return "\n".join(line[8:] for line in text.splitlines())


def run(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("case", CASES)
def test_as_deep_as_on_the_main_thread(case):
    main, late = map(int, run(PROGRAM.format(case=dedented(CASES[case]), crowd=CROWD)))
    assert late >= main > 30


NATIVE = """
import sys
sys.path.insert(0, sys.argv[1])
import gevent, large_frames
from gevent.event import Event

done, arrived = Event(), []

def nest(depth, mark):
    if depth:
        return large_frames.half_a_mib(lambda: nest(depth - 1, mark + 1), mark)
    gevent.sleep(0)
    arrived.append(mark)
    done.wait()

def both(mark):
    large_frames.two_mib(lambda: nest(1, mark + 1), mark)

crowd = [gevent.spawn(done.wait) for _ in range(2000)]
gevent.sleep(0)
workers = [gevent.spawn(both, 20 * i) for i in range(10)]
workers.append(gevent.spawn(nest, 14, 100))
while len(arrived) < len(workers):
    gevent.sleep(0)
done.set()
for g in workers:
    g.get()
print(len(crowd), len(workers))
"""


def test_frames_of_c_code_are_as_large_as_they_like(tmp_path):
    """They keep their bytes while others run; 7 MiB of them fit, as on the main thread."""
    built("large_frames", tmp_path)
    assert run(NATIVE, tmp_path) == ["2000", "11"]
