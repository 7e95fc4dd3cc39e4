"""versions.py [VERSION...]: what switches and spawns cost on each CPython, in turns in one run, and write one page.

Each interpreter is the one that `.ci/interpreters` finds, with greencore built in place for it. A round runs every benchmark once
with each, one process a time. One table shows the best sample of all rounds, which is what a busy machine disturbs least;
another one instructions, counted by valgrind (callgrind), which it does not disturb at all. Below each number is how many
times the best version's that is.

versions.py --count BENCHMARK N: run N operations, whole thousands, for valgrind to count.
"""

import argparse
import datetime
import gc
import importlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from tables import rst_table  # noqa: E402

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
BENCHMARKS = {
    "raw_switch": "raw greenlet switch",
    "yield_10": "``sleep(0)`` among 10",
    "spawn_raw": "spawn_raw, run, finish",
    "spawn_join": "spawn and join",
}
# Operations that valgrind counts: the difference of the two is that of 10,000, without start and end.
FEW, MANY = 2000, 12000
# Seconds: short, so that on a busy machine some are not interrupted.
SAMPLE = 0.005
# The costs that no version may have at more than this many times the best one's.
LIMIT = 1.3


def interpreters(action, version):
    command = [ROOT / ".ci" / "interpreters", action, version]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def environment():
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'site'}", "PYTHONHASHSEED": "0"}


def run(command, name, samples):
    """Return the samples of one benchmark in a new process, in nanoseconds."""
    done = subprocess.run(
        [*command, HERE / "worker.py", "bench_core", name, str(samples), str(SAMPLE)],
        stdout=subprocess.PIPE, text=True, env=environment(), cwd=ROOT, check=True,
    )
    found = json.loads(done.stdout)
    if found["implementation"] != "greencore":
        sys.exit(f"{command} measured {found['implementation']}")
    return found["values"]


def measure(commands, options):
    """Return {benchmark: {version: best sample}}."""
    best = {name: {} for name in BENCHMARKS}
    for turn in range(options.rounds):
        for name in BENCHMARKS:
            for version, command in commands.items():
                taken = min(run(command, name, options.samples))
                best[name][version] = min(taken, best[name].get(version, taken))
        print(f"round {turn + 1} of {options.rounds} done", file=sys.stderr)
    return best


def count(command, name):
    """Return the instructions of one operation."""
    totals = []
    for number in (FEW, MANY):
        *before, python = command
        tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = subprocess.run(
            [*before, *tool, python, HERE / "versions.py", "--count", name, str(number)],
            stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT, check=True,
        )
        totals.append(int(re.search(r"Collected : (\d+)", done.stderr)[1]))
    return (totals[1] - totals[0]) / (MANY - FEW)


def be_counted(name, number):
    importlib.import_module("bench_core")
    gc.disable()
    function = importlib.import_module("registry").BENCHMARKS[name].function
    function(FEW)
    function(number)


def release(command):
    code = "import platform; print(platform.python_version(), platform.python_compiler(), sep=', ')"
    return subprocess.run([*command, "-c", code], stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout.strip()


def rows(best, versions, unit, digits):
    yield [unit, *versions]
    for name, title in BENCHMARKS.items():
        least = min(best[name].values())
        yield [title, *(f"{best[name][version]:.{digits}f}" for version in versions)]
        yield ["", *(f"{best[name][version] / least:.2f}" for version in versions)]


def table(lines):
    return rst_table([[cell or "\\" for cell in line] for line in lines])


def beyond(best):
    """Return lines that name what is beyond the limit."""
    found = [
        f"* {BENCHMARKS[name]} on {version}: {value / min(times.values()):.2f}"
        for name, times in best.items()
        for version, value in times.items()
        if value > LIMIT * min(times.values())
    ]
    return [f"Beyond {LIMIT} times the best:", "", *found] if found else [f"None is beyond {LIMIT} times the best."]


def page(best, counts, releases, options):
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    versions = list(releases)
    return "\n".join(
        [
            "Costs per version",
            "=================",
            "",
            "Made by ``make bench-versions``. Below each number is how many times the best version's that is. The interpreters",
            "were built by different compilers with different options, which the Python part of each operation shows.",
            "",
            f"Nanoseconds an operation, the best of {options.rounds} rounds of {options.samples} samples, the versions in turns:",
            "",
            table(rows(best, versions, "ns", 1)),
            "",
            *beyond(best),
            "",
            "Instructions an operation, counted by valgrind, which nothing else on the machine disturbs:",
            "",
            table(rows(counts, versions, "instructions", 0)),
            "",
            *beyond(counts),
            "",
            f"{datetime.date.today()}, {model.split(':')[1].strip()}, Linux {platform.release()}, "
            f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores.",
            "",
            *(f"* {version}: {text}" for version, text in releases.items()),
            "",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=60, help="of 5 ms each")
    parser.add_argument("--write", type=Path, help="the page to write, beside printing it")
    parser.add_argument("--count", nargs=2, metavar=("BENCHMARK", "N"), help="run it, for valgrind to count")
    options = parser.parse_args()
    if options.count:
        be_counted(options.count[0], int(options.count[1]))
        return
    commands = {}
    for version in options.versions or VERSIONS:
        interpreters("build", version)
        commands[version] = interpreters("path", version).split()
    releases = {version: release(command) for version, command in commands.items()}
    best = measure(commands, options)
    counts = {
        name: {version: count(command, name) for version, command in commands.items()} for name in BENCHMARKS
    }
    text = page(best, counts, releases, options)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
