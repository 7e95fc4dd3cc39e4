"""What a benchmark is: a function that does `n` operations, whole thousands, in a module `bench_*.py` of this folder.

It runs in a main greenlet of its own process, written against the names `gevent` and `greenlet`, so that the same
lines measure either implementation. Its time is that of the call divided by `n`. A new file needs no entry anywhere.
"""

BENCHMARKS = {}


class Benchmark:
    def __init__(self, function, title, unit, go, kind):
        self.function = function
        self.title = title
        self.unit = unit
        self.go = go
        self.kind = kind


def benchmark(title, go=None):
    """Register a function of `n` that is timed. `go` names the benchmark of go/main.go that does the same."""

    def register(function):
        BENCHMARKS[function.__name__] = Benchmark(function, title, "ns", go, "time")
        return function

    return register


def reading(title, unit, go=None):
    """Register a function without arguments that returns a number, taken once in each process."""

    def register(function):
        BENCHMARKS[function.__name__] = Benchmark(function, title, unit, go, "reading")
        return function

    return register
