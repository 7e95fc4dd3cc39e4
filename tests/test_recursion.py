"""Runaway recursion in a greenlet works or raises RecursionError or MemoryError, as on the main thread. It never ends the
process: not in the first greenlets, nor where more than a thousand are alive."""

import subprocess
import sys

import pytest

CROWD = 1100

CASES = {
    "a Python function": """
        def attempt():
            attempt()
    """,
    "sorted(key=)": """
        def attempt(item=None):
            sorted([1, 2], key=attempt)
    """,
    "sort with __lt__": """
        class Odd:
            def __lt__(self, other):
                [Odd(), Odd()].sort()
        def attempt():
            Odd() < Odd()
    """,
    "max(key=)": """
        def attempt(item=None):
            max([1, 2], key=attempt)
    """,
    "functools.reduce": """
        import functools
        def attempt(a=None, b=None):
            functools.reduce(attempt, [1, 2])
    """,
    "__init__": """
        class Nested:
            def __init__(self):
                self.inner = Nested()
        attempt = Nested
    """,
    "__new__": """
        class Nested:
            def __new__(cls, *args, **kwargs):
                return Nested(1, 2, a=3)
        attempt = Nested
    """,
    "__getattr__": """
        class Endless:
            def __getattr__(self, name):
                return self.more
        def attempt():
            Endless().first
    """,
    "__setattr__": """
        class Endless:
            def __setattr__(self, name, value):
                setattr(self, name, value)
        def attempt():
            Endless().first = 1
    """,
    "__eq__": """
        class Endless:
            def __eq__(self, other):
                return [Endless()] == [Endless()]
        def attempt():
            Endless() == Endless()
    """,
    "repr of nested lists": """
        def attempt():
            repr(nested_list())
    """,
    "__repr__": """
        class Endless:
            def __repr__(self):
                return repr([{1: (Endless(),)}])
        def attempt():
            repr(Endless())
    """,
    "comparison of nested lists": """
        def attempt():
            nested_list() == nested_list()
    """,
    "deallocation of nested lists": """
        def attempt():
            nested_list()
    """,
    "copy.deepcopy": """
        import copy
        def attempt():
            copy.deepcopy(nested_list())
    """,
    "pickle": """
        import pickle
        def attempt():
            pickle.dumps(nested_list())
    """,
    "json.dumps": """
        import json
        def attempt():
            json.dumps(nested_list())
    """,
    "json.dumps(default=)": """
        import json
        def attempt(value=None):
            json.dumps(object(), default=attempt)
    """,
    "json.loads": """
        import json
        def attempt():
            json.loads("[" * 100_000)
    """,
    "re.match": """
        import re
        def attempt():
            re.match("(a|b|(c?d)*)*e", "ab" * 50_000)
    """,
    "re.compile": """
        import re
        def attempt():
            re.compile("(" * 90 + "a" + ")" * 90)
    """,
    "re.sub": """
        import re
        def attempt(match=None):
            re.sub("a", attempt, "a")
    """,
    "a callback through ctypes": """
        import ctypes
        @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
        def callback(value):
            try:
                return callback(value)
            except RecursionError:
                return 0
        def attempt():
            callback(1)
    """,
    "a callback through C and ctypes": """
        import ctypes
        libc = ctypes.CDLL(None)
        pointer = ctypes.POINTER(ctypes.c_int)
        @ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)
        def compare(a, b):
            try:
                attempt()
            except RecursionError:
                pass
            return 0
        def attempt():
            libc.qsort((ctypes.c_int * 2)(1, 2), 2, 4, compare)
    """,
    "a parser's callback": """
        import pyexpat
        def attempt(name=None, attributes=None):
            parser = pyexpat.ParserCreate()
            parser.StartElementHandler = attempt
            parser.Parse("<a>")
    """,
    "eval": """
        def attempt():
            eval("attempt()")
    """,
    "a class statement": """
        def attempt():
            class Nested:
                inner = attempt()
    """,
    "compiling parentheses": """
        def attempt():
            compile("(" * 199 + "1" + ")" * 199, "", "eval")
    """,
    "compiling open parentheses": """
        def attempt():
            compile("(" * 199, "", "eval")
    """,
    "compiling signs": """
        def attempt():
            compile("-" * 5900 + "1", "", "eval")
    """,
    "compiling signs alone": """
        def attempt():
            compile("-" * 5900, "", "eval")
    """,
    "compiling nots": """
        def attempt():
            compile("not " * 5900 + "1", "", "eval")
    """,
    "compiling lambdas": """
        def attempt():
            compile("lambda:" * 5900 + "1", "", "eval")
    """,
    "compiling a long sum": """
        def attempt():
            compile("1" + "+1" * 100_000, "", "eval")
    """,
}

PROGRAM = """
import sys
from greenlet import getcurrent, greenlet

def nested_list():
    nest = []
    for _ in range(100_000):
        nest = [nest]
    return nest

{case}

def tried():
    try:
        attempt()
    except (RecursionError, MemoryError, SyntaxError, ValueError) as e:
        return type(e).__name__
    return "worked"

def park():
    getcurrent().parent.switch()

crowd = [greenlet(park) for _ in range({crowd})]
for g in crowd:
    g.switch()
print(greenlet(tried).switch())
# The interpreter has lost neither its allowance nor its balance.
print(greenlet(tried).switch())
for g in crowd:
    g.switch()
"""

# ValueError: what pickle or json say of something that they would not look at more closely.
OUTCOMES = {"worked", "RecursionError", "MemoryError", "SyntaxError", "ValueError"}


def dedented(text):
    return "\n".join(line[8:] for line in text.splitlines())


@pytest.mark.parametrize("crowd", [0, CROWD], ids=["first", "beyond"])
@pytest.mark.parametrize("case", CASES)
def test_runaway_recursion_is_survived(case, crowd):
    program = PROGRAM.format(case=dedented(CASES[case]), crowd=crowd)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.split()
    assert first in OUTCOMES
    assert second == first


@pytest.mark.parametrize("crowd", [0, CROWD], ids=["first", "beyond"])
def test_python_calls_nest_as_deep_as_on_the_main_thread(crowd):
    """Also with a limit far above the default one, where Python calls do not use the C stack."""
    limit = 1000 if sys.version_info < (3, 11) else 50_000
    program = f"""
import sys
from greenlet import getcurrent, greenlet

def depth():
    reached = 0
    def deeper():
        nonlocal reached
        reached += 1
        deeper()
    try:
        deeper()
    except RecursionError:
        return reached

crowd = [greenlet(lambda: getcurrent().parent.switch()) for _ in range({crowd})]
for g in crowd:
    g.switch()
for limit in 1000, {limit}:
    sys.setrecursionlimit(limit)
    print(depth() <= greenlet(depth).switch())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "True"]
