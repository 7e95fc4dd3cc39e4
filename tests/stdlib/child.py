"""Run one module of the `test` package patched: child.py MODULE EVENTS [DONE].

Each test's outcome becomes a line of JSON in the file EVENTS; ids in the file DONE are not run.
"""

import sys

try:
    import greencore.alias
except ImportError:  # the real gevent
    pass
else:
    greencore.alias.install()

from gevent import monkey

monkey.patch_all()

import json
import signal
import unittest
from fnmatch import fnmatchcase
from pathlib import Path
from test import support

HERE = Path(__file__).parent
RESOURCES = ["network_local", "subprocess", "curses"]


def left_out():
    lines = (HERE / "left_out.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


class Result(unittest.TextTestResult):
    """Writes what happens to the file of events, at once."""

    def __init__(self, stream, *args, **kwargs):
        super().__init__(stream, *args, **kwargs)
        self.failed_inside = None

    def note(self, test, outcome, detail=""):
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps([test.id(), outcome, detail[-4000:]]) + "\n")

    def startTest(self, test):
        self.failed_inside = None
        self.note(test, "started")
        super().startTest(test)

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


def keep(suite, patterns, done):
    """Remove from `suite` what is left out or done."""
    kept = []
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            keep(test, patterns, done)
            kept.append(test)
        elif test.id() not in done:
            name = test.id().removeprefix("test.")
            if not any(fnmatchcase(name, pattern) for pattern in patterns):
                kept.append(test)
    suite._tests = kept


def main():
    module = sys.argv[1]
    done = set(Path(sys.argv[3]).read_text().splitlines()) if len(sys.argv) > 3 else set()
    support.use_resources = RESOURCES
    support.verbose = False
    loader = unittest.TestLoader()
    try:
        suite = loader.loadTestsFromName(f"test.{module}")
    except unittest.SkipTest as error:
        print("skipped:", error)
        return
    suite = unittest.TestSuite([suite]) if not isinstance(suite, unittest.TestSuite) else suite
    keep(suite, left_out(), done)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
    sys.argv[:] = [module]
    events = sys.orig_argv[sys.orig_argv.index(module) + 1]
    sys.argv.extend([module, events])
    unittest.TextTestRunner(resultclass=Result, verbosity=1).run(suite)


if __name__ == "__main__":
    main()
