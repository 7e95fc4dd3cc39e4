"""websocket.py: WebSockets that echo 16 bytes, beside gevent-websocket, and beside a floor in C: in turns in one run.

Each server has the first core, the load the last one; both in C are compiled by cc. gevent-websocket has a virtual
environment of its own under --cache, made on first use. Prints the table: of each, the median over the rounds of CPU
microseconds a message, and of messages a second. docs/benchmarks.rst has one.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from beside import HERE, ROOT, connected, cpu_seconds, environment, free_port

from tables import rst_table

CONNECTIONS = 64
IN_FLIGHT = {"one message in flight": 1, "eight in flight": 8}
KINDS = ["floor in C", "greencore", "gevent-websocket"]


def compiled(name, cache):
    program = cache / name
    cache.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O2", "-o", program, HERE / f"{name}.c"], check=True)
    return program


def measure(server, variables, load, in_flight, seconds):
    """Return (CPU us a message, messages a second) of one run."""
    port = free_port()
    first, last = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(first), *server, str(port)]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        connected(port)
        before = cpu_seconds(process.pid)
        command = ["taskset", "-c", str(last), load, str(port), str(CONNECTIONS), str(in_flight), str(seconds)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        used = cpu_seconds(process.pid) - before
    finally:
        process.kill()
        process.wait()
    messages, took = int(out[0]), float(out[1])
    return used / messages * 1e6, messages / took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    load, floor = (compiled(name, options.cache) for name in ("websocket_load", "websocket_floor"))
    ours = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'site'}"}
    peer = environment("gevent-websocket", "gevent-websocket", options.cache)
    if peer is None:
        sys.exit("gevent-websocket can't be installed")
    serve = HERE / "serve_websocket.py"
    servers = [([floor], None), ([sys.executable, serve, "greencore"], ours), ([peer, serve, "gevent-websocket"], None)]
    rows = [["CPU us a message (messages/s)", *KINDS]]
    for case, in_flight in IN_FLIGHT.items():
        found = [[] for _ in KINDS]
        for _ in range(options.rounds):
            for runs, (server, variables) in zip(found, servers):
                runs.append(measure(server, variables, load, in_flight, options.seconds))
        cells = [
            f"{statistics.median(cpu for cpu, _ in runs):.2f} ({statistics.median(rate for _, rate in runs):,.0f})"
            for runs in found
        ]
        rows.append([case, *cells])
    print(rst_table(rows))


if __name__ == "__main__":
    main()
