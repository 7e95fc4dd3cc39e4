"""worker.py MODULE BENCHMARK SAMPLES [SECONDS]: one process's samples of one benchmark, printed as JSON.

worker.py --list prints what there is: {benchmark: [module, title, unit, name in go/main.go and aio.py]}.
"""

import gc
import importlib
import json
import math
import sys
import time
from pathlib import Path

from registry import BENCHMARKS

# A sample takes at least this many seconds, where nothing else is asked for.
SAMPLE = 0.05


def calibrate(function, least):
    """Return how many operations, in thousands, fill a sample. What it runs is the warm-up too."""
    n = 1000
    while True:
        start = time.perf_counter()
        function(n)
        spent = time.perf_counter() - start
        if spent >= least:
            return n
        n = 1000 * math.ceil(n / 1000 * min(10, 1.1 * least / spent))


def measure(name, samples, least):
    benchmark = BENCHMARKS[name]
    if benchmark.kind == "reading":
        return [benchmark.function()]
    n = calibrate(benchmark.function, least)
    gc.collect()
    gc.disable()
    taken = []
    for _ in range(samples):
        start = time.perf_counter()
        benchmark.function(n)
        taken.append((time.perf_counter() - start) / n * 1e9)
        gc.collect()
    return taken


def catalogue():
    listed = {}
    for path in sorted(Path(__file__).resolve().parent.glob("bench_*.py")):
        importlib.import_module(path.stem)
        for name in BENCHMARKS.keys() - listed.keys():
            listed[name] = path.stem
    return {
        name: [listed[name], benchmark.title, benchmark.unit, benchmark.beside] for name, benchmark in BENCHMARKS.items()
    }


def main():
    if sys.argv[1] == "--list":
        print(json.dumps(catalogue()))
        return
    module, name, samples, *least = sys.argv[1:]
    importlib.import_module(module)
    import gevent

    values = measure(name, int(samples), float(least[0]) if least else SAMPLE)
    print(json.dumps({"values": values, "implementation": Path(gevent.__file__).parent.name, "version": gevent.__version__}))


if __name__ == "__main__":
    main()
