"""What importing costs, in an interpreter that has imported nothing else."""

import subprocess
import sys

from registry import reading

CODE = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def import_time(name, runs=15):
    """Return the least milliseconds that `import name` took in `runs` new interpreters."""
    times = []
    for _ in range(runs):
        done = subprocess.run([sys.executable, "-c", CODE.format(name)], capture_output=True, text=True, check=True)
        times.append(float(done.stdout))
    return min(times) * 1e3


@reading("import gevent", "ms")
def import_gevent():
    return import_time("gevent")


@reading("import gevent, greenlets and hub in use", "ms")
def import_used():
    return import_time("gevent; gevent.spawn(len, ()).join()")


@reading("import gevent.monkey; patch_all()", "ms")
def import_patched():
    return import_time("gevent.monkey; gevent.monkey.patch_all()")
