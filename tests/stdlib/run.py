#!/usr/bin/env python3
"""Run the standard library's own tests with everything patched, and compare with real gevent.

    run.py [--peer PYTHON] [--jobs N] [--time SECONDS] [--json FILE] [MODULE...]

Each module runs in a process of its own, with the interpreter that runs this; with --peer in an environment that has
gevent, too. A process that hangs or dies is started again without the test at fault. Tests in left_out.txt are not run.
Prints a table; the exit status is 1 if a module has fewer passes than with the peer, or (without --peer) if anything fails.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESTARTS = 12


def module_names(python):
    """Return the modules of modules.txt that this interpreter has."""
    lines = (HERE / "modules.txt").read_text().splitlines()
    names = [name for line in lines if not line.startswith("#") for name in line.split()]
    code = "import sys\nfrom importlib.util import find_spec\nprint(*[n for n in sys.argv[1:] if find_spec('test.' + n)])"
    return subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True).stdout.split()


def read_events(path):
    """Return {test: (outcome, detail)}; a test that began and did not end has the outcome "started"."""
    outcomes = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        test, outcome, detail = json.loads(line)
        before = outcomes.get(test, ("", ""))[0]
        if before != "failed":
            outcomes[test] = (outcome, detail)
    return outcomes


def run_once(python, module, events, done, limit, log):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    env["PYTHONPATH"] = "" if is_peer(python) else str(ROOT)
    env["PYTHONFAULTHANDLER"] = "1"
    with tempfile.TemporaryDirectory() as cwd:
        process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "child.py"), module, str(events), str(done)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=cwd, env=env, start_new_session=True,
        )  # fmt: skip
        try:
            last, since = None, time.monotonic()
            while time.monotonic() - since < limit:
                try:
                    return process.wait(1)
                except subprocess.TimeoutExpired:
                    now = events.stat().st_size if events.exists() else 0
                    if now != last:
                        last, since = now, time.monotonic()
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


_peers = set()


def is_peer(python):
    return python in _peers


def run_module(python, module, limit, folder):
    """Return {test: (outcome, detail)} of a module."""
    name = f"{module}-{'peer' if is_peer(python) else 'ours'}"
    events, done = folder / f"{name}.events", folder / f"{name}.done"
    with open(folder / f"{name}.log", "wb") as log:
        for _ in range(RESTARTS):
            outcomes = read_events(events)
            done.write_text("\n".join(outcomes))
            status = run_once(python, module, events, done, limit, log)
            after = read_events(events)
            open_tests = [test for test, (outcome, _) in after.items() if outcome == "started"]
            if not open_tests and (status is not None and status >= 0 or len(after) == len(outcomes)):
                break
            with open(events, "a") as file:
                for test in open_tests:
                    what = "hung" if status is None else f"died ({status})"
                    file.write(json.dumps([test, "failed", what]) + "\n")
    return read_events(events)


def count(outcomes, wanted):
    return sum(outcome == wanted for outcome, _ in outcomes.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--time", type=float, default=90, help="seconds that one test may take")
    parser.add_argument("--json", type=Path)
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    modules = options.modules or module_names(sys.executable)
    pythons = [sys.executable]
    if options.peer:
        _peers.add(options.peer)
        pythons.append(options.peer)
    folder = Path(tempfile.mkdtemp(prefix="greencore-stdlib-"))
    print("logs in", folder)
    results = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = {
            (module, python): pool.submit(run_module, python, module, options.time, folder)
            for module in modules
            for python in pythons
        }
        bad = report(modules, pythons, jobs, results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    return bad


def report(modules, pythons, jobs, results):
    """Print the table while results come. Return whether it is bad."""
    head = "passed failed skipped"
    print(f"{'module':34}{head}" + ("   peer: " + head + "   lost" if len(pythons) > 1 else ""))
    bad = False
    totals = [0] * 7
    for module in modules:
        ours, *peers = [jobs[module, python].result() for python in pythons]
        row = [count(ours, outcome) for outcome in ("passed", "failed", "skipped")]
        lost = []
        results[module] = {"ours": ours}
        if peers:
            results[module]["peer"] = peers[0]
            row += [count(peers[0], outcome) for outcome in ("passed", "failed", "skipped")]
            lost = [
                test
                for test, (outcome, _) in peers[0].items()
                if outcome == "passed" and ours.get(test, ("",))[0] != "passed"
            ]
            row.append(len(lost))
            bad |= row[0] < row[3]
        else:
            bad |= row[1] > 0
        totals = [a + b for a, b in zip(totals, row + [0] * 4)]
        print(f"{module:34}" + " ".join(f"{number:6}" for number in row), flush=True)
        for test in lost if peers else [t for t, (o, _) in ours.items() if o == "failed"]:
            print("    ", test, ours.get(test, ("not run",))[0])
    print(f"{'all':34}" + " ".join(f"{number:6}" for number in totals))
    return bad


if __name__ == "__main__":
    sys.exit(main())
