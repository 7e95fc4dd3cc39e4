#!/usr/bin/env python3
"""Run other packages' own tests with real gevent and with greencore, and compare them case by case.

    run.py [--fast] [--time SECONDS] [--turn NUMBER] [--list] [SUITE...]

suites.py lists them. Each runs in a virtual environment that has the real gevent and greencore. A process that hangs or
dies is started again without the test at fault. What failed is run once more. Results are kept in the cache folder, and
page.py makes docs/dependents.rst of them. --fast takes only the suites that take seconds; with --time no suite begins
after that many; --turn, a number that grows, has another suite begin each time.

Prints a table. The exit status is 1 if a test that passes with real gevent fails with greencore, or one of our own
programs does in any case, and suites.py gives no reason; or if a suite could not be run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import textwrap
import time
from datetime import date
from pathlib import Path

import environment
import page
from environment import CACHE, RESULTS, Failed
from suites import SUITES

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
from watched import run_watched  # noqa: E402

RESTARTS = 12  # of a suite; then its rest is not run
SHOWN = 1500  # characters of a failure's text that are printed, from its end
SIDES = ("real", "greencore")


def read_events(path):
    """Return {test: (outcome, text)}; a test that began and did not end has the outcome "started"."""
    events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {test: (outcome, text) for test, outcome, text in events if test}


def read_sides(path):
    """Return which gevent the processes of a run had."""
    events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {outcome for test, outcome, _ in events if not test}


class Run:
    """A suite on one side: "real" or "greencore"."""

    def __init__(self, suite, side, python, folder):
        self.suite = suite
        self.side = side
        self.python = python
        self.folder = folder  # of the tests
        self.log = CACHE / "logs" / f"{suite.name}-{side}.log"
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GREENCORE_"))}
        self.env |= suite.environ
        self.env |= {
            "GREENCORE_ALIAS": "0" if side == "real" else "1",
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(HERE / "plugin"),
            "PYTHONFAULTHANDLER": "1",
        }

    def once(self, events, *choice):
        """Run the tests that the options `choice` select. Return the exit status, None if it hung."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["--continue-on-collection-errors", "-p", "green_recorder"]
        command += ["-p", "green_patched"] if self.suite.patched else []
        command += [f"--green-events={events}", f"--green-limit={self.suite.limit}", *choice]
        command += [f"--green-without={part}" for part in self.suite.left_out]
        command += [str(HERE / "programs" / arg) for arg in self.suite.programs] + list(self.suite.args)
        # Tests leave files behind, which others trip over.
        with open(self.log, "ab") as log, tempfile.TemporaryDirectory() as temporary:
            env = self.env | {"TMPDIR": temporary}
            return run_watched(command, events, self.suite.limit + 30, stdout=log, cwd=self.folder, env=env)

    def all_tests(self, events):
        """Run all tests, past those that hang or crash. Return the outcomes."""
        for _ in range(RESTARTS):
            before = read_events(events)
            status = self.once(events)
            after = read_events(events)
            open_tests = [test for test, (outcome, _) in after.items() if outcome == "started"]
            if not open_tests:
                if not after:
                    raise Failed(f"{self.suite.name} ran no test: {self.log}")
                if status is None or status < 0:
                    after["(the end)"] = ("failed", "the process hung or died after its last test")
                return after
            with open(events, "a") as file:
                for test in open_tests:
                    file.write(json.dumps([test, "failed", f"hung or died (status {status})"]) + "\n")
            if len(after) == len(before):
                break
        return read_events(events) | {"(the rest)": ("failed", "not run: too many hung or died")}

    def outcomes(self):
        """Run the suite. Return {test: (outcome, text)}."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        events = self.log.with_suffix(".events")
        again = self.log.with_suffix(".again")
        only = self.log.with_suffix(".only")
        for path in (events, again):
            path.unlink(missing_ok=True)
        outcomes = self.all_tests(events)
        failed = [test for test, (outcome, text) in outcomes.items() if outcome == "failed" and "hung" not in text]
        if failed:
            only.write_text("\n".join(failed))
            self.once(again, f"--green-only={only}")
            outcomes |= {test: found for test, found in read_events(again).items() if found[0] == "passed"}
        if read_sides(events) != {self.side}:
            raise Failed(f"{self.suite.name} was to run with {self.side}, and ran with {read_sides(events)}")
        return outcomes


def versions(python, suite):
    """Return what is said of a run's environment."""
    names = ["gevent", "greenlet", "greencore", environment.package_of(suite.requires[0])]
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    found = subprocess.run([python, "-c", code, *names], capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(["gevent", "greenlet", "greencore", "package"], found)) | {"python": platform.python_version()}


def run_suite(suite, wheel):
    """Run a suite on both sides. Return what is written of it."""
    missing = [service for service in suite.services if not environment.is_there(service)]
    if missing:
        raise Failed(f"{suite.name} needs {', '.join(missing)}")
    python = environment.make_environment(suite.requires, wheel)
    folder = environment.fetch_tests(suite.requires[0], suite.sdist) if suite.sdist else HERE / "programs"
    result = {"date": date.today().isoformat(), "versions": versions(python, suite)}
    for side in SIDES:
        result[side] = Run(suite, side, python, folder).outcomes()
    return result


def show(suite, result, seconds):
    """Print a suite's line, and what is lost. Return whether each difference has a reason."""
    ours, real = page.passes(result["greencore"]), page.passes(result["real"])
    print(f"{suite.name:32} {ours:9} {real:9}  {seconds:.0f}", flush=True)
    lost = dict(page.differences(suite, result)) | dict.fromkeys(page.failures(suite, result), "")
    for test, reason in lost.items():
        print(f"    {test}: {reason or 'no reason is known'}")
        if not reason:
            print(textwrap.indent(result["greencore"].get(test, ("", "not run"))[1][-SHOWN:], " " * 8))
    return all(lost.values())


def arguments():
    """Return the options, and the suites that are to run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--time", type=float, default=float("inf"))
    parser.add_argument("--turn", type=int, default=0)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("suites", nargs="*")
    options = parser.parse_args()
    unknown = set(options.suites) - {suite.name for suite in SUITES}
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    chosen = [suite for suite in SUITES if suite.name in options.suites or not options.suites]
    if options.fast:
        chosen = [suite for suite in chosen if suite.fast]
    first = options.turn % max(len(chosen), 1)
    return options, chosen[first:] + chosen[:first]


def main():
    options, suites = arguments()
    if options.list:
        print(*(suite.name for suite in suites), sep="\n")
        return
    RESULTS.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    wheel = environment.make_wheel()
    broken = []
    print(f"{'suite':32} {'greencore':>9} {'real':>9}  seconds")
    for suite in suites:
        began = time.monotonic()
        if began - started > options.time:
            print("no time left for", suite.name)
            continue
        try:
            result = run_suite(suite, wheel)
        except Failed as error:
            print(error)
            broken.append(suite.name)
            continue
        (RESULTS / f"{suite.name}.json").write_text(json.dumps(result, indent=1))
        if not show(suite, result, time.monotonic() - began):
            broken.append(suite.name)
    if broken:
        print("failed:", *broken)
        sys.exit(1)


if __name__ == "__main__":
    main()
