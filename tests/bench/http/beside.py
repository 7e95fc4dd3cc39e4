"""beside.py: the WSGI server beside gevent's, bjoern and fastwsgi: CPU time a request, in turns in one run.

Each server has the first core, wrk, which must be installed, the last one. Each has a virtual environment of its own
under --cache, made on first use; who can't be installed is left out. Prints the table: of each, the median over the
rounds of CPU microseconds a request, and of p99/p50. docs/benchmarks.rst has one.
"""

import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
KINDS = {"greencore": None, "gevent": "gevent", "bjoern": "bjoern", "fastwsgi": "fastwsgi"}
CASES = {
    "hello, keep-alive": ("hello", ()),
    "ten header fields": ("ten", ()),
    "16 pipelined": ("hello", ("-s", HERE / "pipeline.lua")),
    "Connection: close": ("hello", ("-H", "Connection: close")),
    "an application that sleeps 5 ms": ("sleep", ()),
}
SERIAL = {"bjoern", "fastwsgi"}  # what sleeps, stops them
NO_PIPELINE = {"bjoern"}
TICKS = os.sysconf("SC_CLK_TCK")


def environment(kind, requirement, cache):
    """Return the interpreter of a virtual environment that has the server, or None."""
    if requirement is None:
        return sys.executable
    python = cache / f"http-{kind}" / "bin" / "python"
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]
    return python if subprocess.run(command, capture_output=True).returncode == 0 else None


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def connected(port):
    """Return once a server listens."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)


def measure(kind, python, case, seconds):
    """Return (CPU us a request, p99/p50) of one run."""
    application, arguments = CASES[case]
    port = free_port()
    variables = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'site'}"} if kind == "greencore" else None
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(first), python, HERE / "serve.py", kind, str(port), application]
    server = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connected(port)
        before = cpu_seconds(server.pid)
        load = ["taskset", "-c", str(last), "wrk", "-t1", "-c64", f"-d{seconds}", "--latency", *arguments]
        out = subprocess.run([*load, f"http://127.0.0.1:{port}/"], check=True, capture_output=True, text=True).stdout
        used = cpu_seconds(server.pid) - before
    finally:
        server.kill()
        server.wait()
    requests = int(re.search(r"(\d+) requests in", out)[1])
    half, most = (milliseconds(re.search(rf"^ +{percent}% +(\S+)", out, re.MULTILINE)[1]) for percent in (50, 99))
    return used / requests * 1e6, most / half if half else float("nan")  # wrk can't time what is pipelined


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    pythons = {kind: environment(kind, what, options.cache) for kind, what in KINDS.items()}
    print("| " + " | ".join(["CPU us a request (p99/p50)", *KINDS]) + " |")
    for case, (application, _) in CASES.items():
        found = {kind: [] for kind in KINDS}
        for _ in range(options.rounds):
            for kind, python in pythons.items():
                left_out = (application == "sleep" and kind in SERIAL) or ("16" in case and kind in NO_PIPELINE)
                if python is not None and not left_out:
                    found[kind].append(measure(kind, python, case, options.seconds))
        cells = [
            f"{statistics.median(cpu for cpu, _ in runs):.1f} ({statistics.median(tail for _, tail in runs):.1f})"
            if runs
            else "-"
            for runs in found.values()
        ]
        print("| " + " | ".join([case, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
