#!/usr/bin/env python3
"""Run the standard library's own tests with everything patched, and compare with real gevent.

    run.py [--peer PYTHON] [--jobs N] [--time SECONDS] [--results FILE] [--lend FOLDER]... [--all] [MODULE...]

Each module of modules.txt runs in a process of its own, with the interpreter that runs this; with --peer also in an
environment that has gevent. A process that hangs or dies is started again without the test at fault. What failed is run
once more, and what then fails with greencore, unpatched: so a test that fails on this machine anyhow is seen. Tests in
left_out.txt are run with --all only. A folder given by --lend has test modules for an interpreter that came without.
--results writes it all to a file, which table.py reads. What is there and is not run now stays, so gevent's results from
there do instead of --peer.

Prints a table. The exit status is 1 if a module has fewer passes than with gevent; where that is not known, if a test
fails that passes unpatched; and 2 if the interpreter has no tests at all.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(HERE.parent))
from watched import run_watched  # noqa: E402

RESTARTS = 12  # of a module; then the rest is not run
HANGS = 3  # in a class of tests; then the rest of it is not run


def wanted_modules():
    """Return the names in modules.txt that this version of Python has."""
    names = []
    for line in (HERE / "modules.txt").read_text().splitlines():
        words = line.split()
        if words and words[0].startswith("until-"):
            last = tuple(map(int, words.pop(0).removeprefix("until-").split(".")))
            if sys.version_info[:2] > last:
                continue
        if not line.startswith("#"):
            names += words
    return names


FIND = """
import sys, test
from importlib.util import find_spec

def there(name):
    try:  # the modules of multiprocessing in lend/ are fronts
        front = name.startswith("test_multiprocessing_")
        return find_spec("test." + name) and (not front or find_spec("test._test_multiprocessing"))
    except ModuleNotFoundError:  # the package that it is in
        return None

test.__path__ += [folder for folder in sys.argv[1].split(":") if folder]
print(*filter(there, sys.argv[2:]))
"""


def find_modules(names, lend):
    """Return those of `names` that are there, and those that are not."""
    command = [sys.executable, "-c", FIND, ":".join(lend), *names]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split()
    missing = [name for name in names if name not in found]
    if missing:
        package = "libpython%d.%d-testsuite" % sys.version_info[:2]
        print("not here, so not run:", *missing)
        print(f"Debian has a whole set in {package}: --lend its folder usr/lib/python3.X/test")
    if not found:
        print("This Python has no tests of its own.", file=sys.stderr)
        sys.exit(2)
    return found


def read_events(path):
    """Return {test: (outcome, detail)}; a test that began and did not end has the outcome "started"."""
    outcomes = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        test, outcome, detail = json.loads(line)
        if outcomes.get(test, ("",))[0] != "failed":
            outcomes[test] = (outcome, detail)
    return outcomes


class Runner:
    """Runs modules on one side: "ours", "peer" or "plain"."""

    def __init__(self, side, python, options, folder):
        self.side = side
        self.python = python
        self.limit = options.time
        self.everything = ["--all"] if options.all else []
        self.folder = folder
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.env |= {
            "GREENCORE_STDLIB": side,
            "GREENCORE_STDLIB_LEND": ":".join(options.lend),
            "PYTHONFAULTHANDLER": "1",
        }
        if side == "ours":
            self.env["PYTHONPATH"] = str(ROOT)

    def once(self, module, events, choice, log):
        """Run the tests of a module that the arguments `choice` select. Return the exit status, None if it hung."""
        command = [self.python, "-W", "ignore", str(HERE / "child.py"), module, str(events), *choice]
        with tempfile.TemporaryDirectory() as cwd:
            return run_watched(command, events, self.limit, stdout=log, cwd=cwd, env=self.env)

    def all_tests(self, module, events, log):
        """Run a module's tests, past those that hang or crash. Return the outcomes."""
        skip = events.with_suffix(".skip")
        for _ in range(RESTARTS):
            before = read_events(events)
            skip.write_text("\n".join([*before, *hanging_classes(before)]))
            status = self.once(module, events, ["--skip", str(skip), *self.everything], log)
            after = read_events(events)
            open_tests = [test for test, (outcome, _) in after.items() if outcome == "started"]
            if not open_tests and (status is not None and status >= 0 or len(after) == len(before)):
                return after
            with open(events, "a") as file:
                for test in open_tests:
                    file.write(json.dumps([test, "failed", "hung" if status is None else f"died ({status})"]) + "\n")
        return read_events(events) | {f"test.{module} (the rest)": ("failed", "not run: too many hung or died")}

    def only(self, module, tests, events, log):
        """Run just these tests of a module."""
        chosen = events.with_suffix(".only")
        chosen.write_text("\n".join(tests))
        self.once(module, events, ["--only", str(chosen)], log)
        return read_events(events)

    def run(self, module):
        """Return {test: (outcome, detail)} of a module."""
        path = self.folder / f"{module}-{self.side}"
        with open(path.with_suffix(".log"), "wb") as log:
            outcomes = self.all_tests(module, path.with_suffix(".events"), log)
            failed = [
                test
                for test, (outcome, detail) in outcomes.items()
                if outcome == "failed" and detail != "hung" and not detail.startswith("not run")
            ]
            if failed:
                again = self.only(module, failed, self.folder / f"{module}-{self.side}-again.events", log)
                outcomes |= {test: found for test, found in again.items() if found[0] == "passed"}
        return outcomes


def run_ours(ours, plain, module):
    """Return the outcomes of a module patched, and those unpatched of the tests that failed."""
    outcomes = ours.run(module)
    failed = [test for test, (outcome, _) in outcomes.items() if outcome == "failed"]
    if not failed:
        return outcomes, {}
    with open(plain.folder / f"{module}-plain.log", "wb") as log:
        return outcomes, plain.only(module, failed, plain.folder / f"{module}-plain.events", log)


def count(outcomes):
    counter = Counter(outcome for outcome, _ in outcomes.values())
    return [counter["passed"], counter["failed"], counter["skipped"]]


def hanging_classes(outcomes):
    """Return a pattern for each class of which too many tests hang."""
    counter = Counter(test.rpartition(".")[0] for test, (_, detail) in outcomes.items() if detail == "hung")
    return [f"{name}.*" for name, hangs in counter.items() if hangs >= HANGS]


def gave_up(outcomes):
    """Whether so many tests hung or died that others were not run."""
    return any(detail.startswith("not run: ") for _, detail in outcomes.values())


def lost_to_peer(ours, peer):
    return [t for t, (outcome, _) in peer.items() if outcome == "passed" and ours.get(t, ("",))[0] != "passed"]


def lost_to_plain(ours, plain):
    return [t for t, (outcome, _) in ours.items() if outcome == "failed" and plain.get(t, ("passed",))[0] == "passed"]


def report(modules, jobs, known):
    """Print the table while results come. Return the results and whether they are bad.

    `known` are earlier results of gevent, {module: outcomes}.
    """
    print(f"{'module':34}passed failed skipped   gevent: passed failed skipped   lost")
    bad = False
    results = {}
    totals = [0] * 7
    for module in modules:
        (ours, plain), peer = jobs[module][0].result(), jobs[module][1] and jobs[module][1].result()
        results[module] = {"ours": ours, "plain": plain} | ({"peer": peer} if peer is not None else {})
        peer = known.get(module) if peer is None else peer
        row = count(ours)
        if peer is None:
            bad |= bool(lost_to_plain(ours, plain))
        else:
            bad |= row[0] < count(peer)[0]
            row += [*count(peer), len(lost_to_peer(ours, peer))]
        totals = [a + b for a, b in zip(totals, row + [0] * 4)]
        print(f"{module:34}" + " ".join(f"{number:6}" for number in row))
        names = dict.fromkeys([t for t, (outcome, _) in ours.items() if outcome == "failed"])
        names |= dict.fromkeys(lost_to_peer(ours, peer or {}))
        for test in names:
            outcome, detail = ours.get(test, ("not run", ""))
            others = f"unpatched: {plain.get(test, ('not run',))[0]}"
            if peer is not None:
                others += f", gevent: {peer.get(test, ('not run',))[0]}"
            print(f"    {test} {outcome} ({others})  {''.join(detail.strip().splitlines()[-1:])}")
        sys.stdout.flush()
    print(f"{'all':34}" + " ".join(f"{number:6}" for number in totals))
    return results, bad


def versions(peer):
    """Return the versions that take part."""
    sys.path.insert(0, str(ROOT))
    import greencore

    names = {"python": platform.python_version(), "greencore": greencore.__version__, "date": time.strftime("%Y-%m-%d")}
    if peer:
        code = "import gevent, greenlet; print(gevent.__version__, greenlet.__version__)"
        found = subprocess.run([peer, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        names |= {"gevent": found[0], "greenlet": found[1]}
    return names


def read_results(path):
    return json.loads(path.read_text()) if path and path.exists() else {"modules": {}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="an interpreter that has real gevent")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--time", type=float, default=90, help="seconds that one test may take")
    parser.add_argument("--results", type=Path, help="a file of JSON to write to")
    parser.add_argument("--lend", action="append", default=[], help="a folder with test modules for those that miss")
    parser.add_argument("--logs", type=Path, help="the folder where the tests' output goes")
    parser.add_argument("--all", action="store_true", help="run what left_out.txt leaves out, too")
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    options.lend.insert(0, str(HERE / "lend"))
    modules = find_modules(options.modules or wanted_modules(), options.lend)
    folder = Path(tempfile.mkdtemp(prefix="greencore-stdlib-", dir=options.logs))
    print("logs in", folder, flush=True)
    before = read_results(options.results)

    ours, plain = (Runner(side, sys.executable, options, folder) for side in ("ours", "plain"))
    peer = options.peer and Runner("peer", options.peer, options, folder)
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = {
            module: (pool.submit(run_ours, ours, plain, module), peer and pool.submit(peer.run, module))
            for module in modules
        }
        known = {module: sides["peer"] for module, sides in before["modules"].items() if "peer" in sides}
        results, bad = report(modules, jobs, known)
    if options.results:
        before = read_results(options.results)  # another run may have written meanwhile
        for module, sides in results.items():
            before["modules"][module] = before["modules"].get(module, {}) | sides
        options.results.write_text(json.dumps(before | versions(options.peer), indent=0))
    return bad


if __name__ == "__main__":
    sys.exit(main())
