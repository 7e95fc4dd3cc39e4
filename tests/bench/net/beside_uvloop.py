"""beside_uvloop.py PYTHON...: rates and latencies of echo servers, in turns in one run.

Each PYTHON is an interpreter that has greencore, gevent or uvloop; one with uvloop serves by a Protocol on it, the
others by a blocking handler on StreamServer. Server and clients have a core each. 1 KiB messages on 100 connections.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS = 5
CONNECTIONS, SIZE, MESSAGES = 100, 1024, 100_000

WHICH = """
try:
    import uvloop
except ImportError:
    import pathlib
    import gevent
    print(pathlib.Path(gevent.__file__).parent.name)
else:
    print("uvloop")
"""


def serve(python, which):
    script = HERE / ("echo_uvloop.py" if which == "uvloop" else "echo_gevent.py")
    return subprocess.Popen([python, script], stdout=subprocess.PIPE, text=True)


def spent(pid):
    """Seconds of processor time that the process has used."""
    fields = re.sub(r".*\) ", "", Path(f"/proc/{pid}/stat").read_text()).split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(python, which, client, cores):
    server = serve(python, which)
    try:
        os.sched_setaffinity(server.pid, cores[:1])
        port = server.stdout.readline().strip()
        command = ["taskset", "-c", str(cores[-1]), client, port, str(CONNECTIONS), str(SIZE), str(MESSAGES)]
        before = spent(server.pid)
        seconds, middle, late = map(float, subprocess.check_output(command, text=True).split())
        return MESSAGES / seconds, middle, late, (spent(server.pid) - before) / MESSAGES * 1e6
    finally:
        server.kill()
        server.wait()


def main():
    pythons = {}
    for python in sys.argv[1:]:
        pythons[subprocess.check_output([python, "-c", WHICH], text=True).strip()] = python
    cores = sorted(os.sched_getaffinity(0))
    found = {which: [] for which in pythons}
    with tempfile.TemporaryDirectory() as folder:
        client = Path(folder, "client")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", client, HERE / "client.c"], check=True)
        for turn in range(ROUNDS):
            order = list(pythons.items())
            for which, python in order if turn % 2 else reversed(order):
                found[which].append(measure(python, which, client, cores))
    print(f"{'server':12}{'messages/s':>12}{'median us':>12}{'99% us':>12}{'cpu us/message':>16}")
    for which, rounds in found.items():
        rate, middle, late, cpu = map(statistics.median, zip(*rounds))
        print(f"{which:12}{rate:12,.0f}{middle:12,.0f}{late:12,.0f}{cpu:16.1f}")


if __name__ == "__main__":
    main()
