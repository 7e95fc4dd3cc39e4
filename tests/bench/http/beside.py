"""beside.py: the WSGI server beside gevent's, bjoern, fastwsgi, uWSGI's threads and plain sockets, in turns in one run.

Each server has the first core, the load the last one; wrk must be installed. Each has a virtual environment of its own
under --cache, made on first use; who can't be installed is named and left out. Prints three tables, of medians over
the rounds. `make bench` makes them part of docs/benchmarks.rst.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import venv
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent))
from tables import rst_table  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
KINDS = {"greencore": None, "gevent": "gevent", "bjoern": "bjoern", "fastwsgi": "fastwsgi", "uWSGI": "uWSGI"}
CASES = {  # the application, and options of wrk
    "hello, keep-alive": ("hello", ()),
    "ten header fields": ("ten", ()),
    "16 pipelined": ("hello", ("-s", HERE / "pipeline.lua")),
    "Connection: close": ("hello", ("-H", "Connection: close")),
    "an application that sleeps 5 ms": ("sleep", ()),
}
LEFT_OUT = {
    "16 pipelined": {"bjoern"},  # it drops them
    "Connection: close": {"uWSGI"},  # it keeps them
    "an application that sleeps 5 ms": {"bjoern", "fastwsgi"},  # one after the other
}
BULK = {"10 MB down": "down", "10 MB up": "up"}
PARKED = {"a kept connection": "hello", "a connection of a StreamServer": "stream"}
CONNECTIONS = 64
FEW, MANY = 100, 2100  # parked connections; what the first take is not counted
SIZE = 10_000_000  # bytes of a bulk
TICKS = os.sysconf("SC_CLK_TCK")
FIRST, LAST = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))


def environment(kind, requirement, cache):
    """Return the interpreter of a virtual environment that has the server, or None."""
    if requirement is None:
        return sys.executable
    python = cache / f"http-{kind.lower()}" / "bin" / "python"
    if not python.exists():
        venv.create(python.parent.parent, with_pip=True)
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return python
    print(f"{kind} can't be installed here", file=sys.stderr)
    return None


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def weight(pid):
    """Return the bytes of resident memory and page tables of a process."""
    sizes = re.findall(r"Vm(?:RSS|PTE):\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return sum(map(int, sizes)) * 1024


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@contextmanager
def serving(kind, python, application, options):
    """Run a server in the block; its attribute `port` says where."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "GREENCORE_ALIAS")}
    if kind == "greencore" and not options.ours:
        variables["PYTHONPATH"] = f"{ROOT}:{ROOT / 'tests' / 'site'}"
    port = free_port()
    command = [python, HERE / "serve.py", kind, str(port), application]
    if kind == "uWSGI":
        command = [Path(python).parent / "uwsgi", "--http11-socket", f"127.0.0.1:{port}", "--disable-logging"]
        command += ["--wsgi-file", HERE / "serve.py", "--callable", application, "--threads", str(CONNECTIONS)]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["taskset", "-c", str(FIRST), *command], env=variables, **quiet)
    server.port = port
    try:
        connected(port)
        yield server
    finally:
        server.kill()
        server.wait()


def connected(port):
    """Return once a server is there."""
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


def requests_of(kind, python, case, options):
    """Return (CPU us a request, p99/p50) of one run of wrk."""
    application, arguments = CASES[case]
    with serving(kind, python, application, options) as server:
        before = cpu_seconds(server.pid)
        load = ["taskset", "-c", str(LAST), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{options.seconds}", "--latency"]
        load += [*arguments, f"http://127.0.0.1:{server.port}/"]
        out = subprocess.run(load, check=True, capture_output=True, text=True).stdout
        used = cpu_seconds(server.pid) - before
    count = int(re.search(r"(\d+) requests in", out)[1])
    half, most = (milliseconds(re.search(rf"^ +{percent}% +(\S+)", out, re.MULTILINE)[1]) for percent in (50, 99))
    return used / count * 1e6, most / half if half else float("nan")  # wrk can't time what is pipelined


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def bulk_of(kind, python, case, options):
    """Return (CPU ms, GB/s) of one run of a client that sends or gets 10 MB again and again."""
    direction = BULK[case]
    length = SIZE if direction == "up" else 0
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
    body = bytes(length)
    room = bytearray(1 << 20)
    count = 0
    with serving(kind, python, direction, options) as server:
        os.sched_setaffinity(0, [LAST])
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            exchange(client, head, body, room)
            before, began = cpu_seconds(server.pid), time.perf_counter()
            while time.perf_counter() - began < options.seconds:
                exchange(client, head, body, room)
                count += 1
            passed = time.perf_counter() - began
        used = cpu_seconds(server.pid) - before
    return used / count * 1e3, SIZE * count / passed / 1e9


def exchange(client, head, body, room):
    """Send a request and read its answer, to the end that its Content-Length says."""
    client.sendall(head)
    if body:
        client.sendall(body)
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = client.recv(65536)
        if not part:
            raise SystemExit("the server hung up")
        answer += part
    fields, _, rest = answer.partition(b"\r\n\r\n")
    left = int(re.search(rb"(?i)content-length: *(\d+)", fields)[1]) - len(rest)
    while left:
        left -= client.recv_into(room, min(left, len(room)))


def rested_weight(pid):
    """Return the weight once it has stopped falling: what a greenlet leaves unused of its stack goes back after seconds."""
    least, since = weight(pid), time.monotonic()
    while time.monotonic() - since < 3:
        time.sleep(0.2)
        now = weight(pid)
        if now < least:
            least, since = now, time.monotonic()
    return least


def parked_of(kind, python, case, options):
    """Return the bytes that a connection adds to the server, after a request where it takes one."""
    kept = []
    with serving(kind, python, PARKED[case], options) as server:
        for wanted in (FEW, MANY):
            before = rested_weight(server.pid)
            while len(kept) < wanted:
                client = socket.create_connection(("127.0.0.1", server.port))
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                client.recv(65536)
                kept.append(client)
        after = rested_weight(server.pid)
    for client in kept:
        client.close()
    return ((after - before) / (MANY - FEW),)


def compare(title, cases, pythons, measure, form, options):
    """Return the table of some cases: a column of each server, in cells what `form` makes of the medians."""
    rows = [[title, *pythons]]
    for case in cases:
        found = {kind: [] for kind in pythons}
        for _ in range(options.rounds):
            for kind, python in pythons.items():
                if python is not None and kind not in LEFT_OUT.get(case, ()):
                    found[kind].append(measure(kind, python, case, options))
        medians = [[statistics.median(column) for column in zip(*runs)] for runs in found.values()]
        rows.append([case, *(form.format(*numbers) if numbers else "" for numbers in medians)])
        print(f"{case} done", file=sys.stderr)
    return rst_table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench")
    parser.add_argument("--ours", help="an interpreter that has greencore; without it this one, and the work tree's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed")
    pythons = {kind: environment(kind, what, options.cache) for kind, what in KINDS.items()}
    pythons["greencore"] = options.ours or pythons["greencore"]
    there = {kind: python for kind, python in pythons.items() if python}
    single = {kind: python for kind, python in there.items() if kind != "uWSGI"}
    green = {kind: python for kind, python in there.items() if kind in ("greencore", "gevent")}
    missing = [kind for kind in pythons if kind not in there]
    if missing:
        print(f"Could not be installed: {', '.join(missing)}.\n")
    tables = [
        ("CPU us a request (p99/p50)", CASES, there, requests_of, "{:.1f} ({:.1f})"),
        ("CPU ms (GB/s)", BULK, single | {"socket": sys.executable}, bulk_of, "{:.2f} ({:.1f})"),
        ("bytes", PARKED, green, parked_of, "{:,.0f}"),
    ]
    print("\n\n".join(compare(*table, options) for table in tables))


if __name__ == "__main__":
    main()
