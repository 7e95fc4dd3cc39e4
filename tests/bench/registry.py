"""What a benchmark is: a function that does `n` operations, whole thousands, in a module `bench_*.py` of this folder.

It runs in a main greenlet of its own process, written against the names `gevent` and `greenlet`, so that the same
lines measure either implementation. Its time is that of the call divided by `n`. A new file needs no entry anywhere.
"""

BENCHMARKS = {}


class Benchmark:
    def __init__(self, function, title, unit, beside, kind):
        self.function = function
        self.title = title
        self.unit = unit
        self.beside = beside
        self.kind = kind


def benchmark(title, beside=None):
    """Register a function of `n` that is timed. `beside` names what does the same in go/main.go and in aio.py, as far as they have it."""

    def register(function):
        BENCHMARKS[function.__name__] = Benchmark(function, title, "ns", beside, "time")
        return function

    return register


def reading(title, unit, beside=None):
    """Register a function without arguments that returns a number, taken once in each process."""

    def register(function):
        BENCHMARKS[function.__name__] = Benchmark(function, title, unit, beside, "reading")
        return function

    return register
