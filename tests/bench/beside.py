"""The same work in Go, in asyncio and on uvloop: go/main.go and aio.py. Who is not there is left out."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONNECTIONS, SIZE, MESSAGES = 100, 1024, 20_000
SAMPLES = 5
UNKNOWN = 3  # what the programs end with when they have no such benchmark


def go_command(cache):
    """Return the words that run go/main.go, or None without Go."""
    if shutil.which("go") is None:
        return None
    binary = cache.resolve() / "bench-go"
    subprocess.run(["go", "build", "-o", binary, "."], cwd=HERE / "go", check=True)
    return [binary]


def versions(found, aio_python):
    """Return {who: version} of those that were measured."""
    questions = {
        "asyncio": [aio_python, "-c", "import platform; print(platform.python_version())"],
        "uvloop": [aio_python, "-c", "import uvloop; print(uvloop.__version__)"],
        "Go": ["go", "version"],
    }
    said = {who: subprocess.check_output(questions[who], text=True) for who in found}
    return {who: re.search(r"\d[\d.]*", text)[0] for who, text in said.items()}


def echo(command):
    """Return the nanoseconds of ten echoes by a server of its own, as bench_net.py counts them."""
    cores = sorted(os.sched_getaffinity(0))
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        client = Path(folder, "client")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", client, HERE / "net" / "client.c"], check=True)
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE)
        try:
            os.sched_setaffinity(server.pid, cores[:1])
            port = server.stdout.readline().strip()
            for _ in range(SAMPLES):
                ask = ["taskset", "-c", str(cores[-1]), client, port, str(CONNECTIONS), str(SIZE), str(MESSAGES)]
                taken.append(float(subprocess.check_output(ask, text=True).split()[0]))
        finally:
            server.kill()
            server.wait()
    return min(taken) / MESSAGES * 10 * 1e9


def measure(command, names, *arguments):
    """Return {name: value} of the benchmarks that the program knows."""
    found = {}
    for name in sorted(names):
        if name == "echo":
            found[name] = echo([*command, "echo", *arguments])
            continue
        done = subprocess.run([*command, name, *arguments], capture_output=True, text=True, cwd=HERE)
        if done.returncode == 0:
            found[name] = float(done.stdout)
        elif done.returncode != UNKNOWN:
            raise SystemExit(f"{command} {name}:\n{done.stderr}")
    return found


def measure_all(cache, aio_python, names):
    """Return {"Go": {name: value}, "asyncio": ..., "uvloop": ...}; aio_python is an interpreter with uvloop."""
    aio = [aio_python, HERE / "aio.py"]
    commands = {"asyncio": aio, "uvloop": aio, "Go": go_command(cache)}
    found = {}
    for who, command in commands.items():
        if command is not None:
            found[who] = measure(command, names, *(["uvloop"] if who == "uvloop" else []))
    return found
