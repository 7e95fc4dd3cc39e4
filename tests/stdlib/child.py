"""Run one module of the `test` package: child.py MODULE EVENTS [--only FILE | --skip FILE] [--all].

Each test's outcome becomes a line of JSON in the file EVENTS. Of the tests in left_out.txt none is run, but with --all.
--only and --skip: files with ids of tests, "CLASS.*" for a class of which too many hung.
In the environment, GREENCORE_STDLIB says what is patched: "ours", "peer" (with real gevent) or "plain" (nothing);
GREENCORE_STDLIB_LEND lists folders that have test modules which the interpreter came without.
"""

import os
import sys

side = os.environ.get("GREENCORE_STDLIB")
if side == "ours":
    import greencore.alias

    greencore.alias.install()
if side in ("ours", "peer"):
    from gevent import monkey

    monkey.patch_all()

import test

NATIVE = test.__path__[0]  # the interpreter's own tests
# Processes that multiprocessing spawns run this module, too, up to here and not `main`.
test.__path__ += [folder for folder in os.environ.get("GREENCORE_STDLIB_LEND", "").split(":") if folder]

import argparse
import importlib
import json
import pkgutil
import signal
import unittest
from fnmatch import fnmatchcase
from pathlib import Path
from test import support

HERE = Path(__file__).parent
RESOURCES = ["network_local", "subprocess", "curses"]
# They ask for the network, and stay on this machine.
LOCAL = ["test_socketserver", "test_timeout"]


def left_out():
    """Return the patterns in left_out.txt that are for this version."""
    patterns = []
    for line in (HERE / "left_out.txt").read_text().splitlines():
        pattern, *bounds = line.split("#")[0].split() or [""]
        if pattern and all(within(bound) for bound in bounds):
            patterns.append(pattern)
    return patterns


def within(bound):
    """Whether this version is as `bound` says: ">=3.12", "<3.14"."""
    version = tuple(map(int, bound.lstrip("<>=").split(".")))
    return sys.version_info[:2] < version if bound.startswith("<") else sys.version_info[:2] >= version


def note(path, test, outcome, detail):
    with open(path, "a") as file:
        file.write(json.dumps([test, outcome, detail[-4000:]]) + "\n")


class Result(unittest.TextTestResult):
    """Writes what happens to the file of events, at once."""

    path = None  # of that file

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.failed_inside = False
        self.last = None  # the id that was written last, and its outcome

    def note(self, test, outcome, detail=""):
        self.last = test.id(), outcome
        note(self.path, test.id(), outcome, detail)

    def startTest(self, test):
        self.failed_inside = False
        self.note(test, "started")
        super().startTest(test)

    def stopTest(self, test):
        if self.last == (test.id(), "started") or self.last[0] != test.id():  # some of its parts were skipped
            self.note(test, "failed" if self.failed_inside else "passed")
        super().stopTest(test)

    def addSuccess(self, test):
        self.note(test, "failed" if self.failed_inside else "passed")
        super().addSuccess(test)

    def addError(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))
        super().addError(test, err)

    def addFailure(self, test, err):
        self.note(test, "failed", self._exc_info_to_string(err, test))
        super().addFailure(test, err)

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.failed_inside = True
            self.note(test, "failed", self._exc_info_to_string(err, test))
        super().addSubTest(test, subtest, err)

    def addSkip(self, test, reason):
        self.note(test, "skipped", reason)
        super().addSkip(test, reason)

    def addExpectedFailure(self, test, err):
        self.note(test, "passed")
        super().addExpectedFailure(test, err)

    def addUnexpectedSuccess(self, test):
        self.note(test, "failed", "unexpected success")
        super().addUnexpectedSuccess(test)


def load(module):
    """Return the tests of a module, or of the modules in a package."""
    package = importlib.import_module(f"test.{module}")
    if not hasattr(package, "__path__"):
        return unittest.defaultTestLoader.loadTestsFromModule(package)
    suite = unittest.TestSuite()
    for info in pkgutil.iter_modules(package.__path__):
        if info.name.startswith("test"):
            try:
                part = importlib.import_module(f"{package.__name__}.{info.name}")
            except unittest.SkipTest as error:
                print("skipped:", info.name, error)
                continue
            except (ImportError, TypeError) as error:
                if package.__path__[0].startswith(NATIVE):
                    raise
                print("lent by another version, which it does not fit:", info.name, error)
                continue
            suite.addTest(unittest.defaultTestLoader.loadTestsFromModule(part))
    return suite


def keep(suite, wanted):
    """Remove from `suite` the tests whose id is not `wanted`."""
    kept = []
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            keep(each, wanted)
            kept.append(each)
        elif wanted(each.id()):
            kept.append(each)
    suite._tests = kept


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("events", type=Path)
    parser.add_argument("--only", type=Path)
    parser.add_argument("--skip", type=Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    only = options.only and set(options.only.read_text().splitlines())
    skip = set(options.skip.read_text().splitlines()) if options.skip else set()
    patterns = [] if options.all else left_out()

    def wanted(test):
        if only is not None:
            return test in only
        if test in skip or any(fnmatchcase(test.removeprefix("test."), pattern) for pattern in patterns):
            return False
        if test.rpartition(".")[0] + ".*" in skip:
            note(options.events, test, "failed", "not run: others of its class hang")
            return False
        return True

    support.use_resources = RESOURCES + ["network"] * (options.module in LOCAL)
    support.verbose = False
    try:
        suite = load(options.module)
    except unittest.SkipTest as error:
        print("skipped:", error)
        return
    keep(suite, wanted)
    Result.path = options.events
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
    sys.argv[:] = [options.module]
    unittest.TextTestRunner(resultclass=Result, verbosity=1).run(unittest.TestSuite([suite]))


if __name__ == "__main__":
    main()
