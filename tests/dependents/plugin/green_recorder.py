"""A pytest plugin: each test's outcome becomes a line of JSON in a file, at once; one that hangs ends the process.

Tests that the file has already are not run, so that a run which ended early can go on.
"""

import faulthandler
import json
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

RANK = ["passed", "skipped", "failed"]  # of the outcomes of a test's parts, the last of these counts
LONGEST = 4000  # characters of a failure's text that are kept, from its end


def pytest_addoption(parser):
    group = parser.getgroup("green_recorder")
    group.addoption("--green-events", type=Path, required=True, help="the file of outcomes")
    group.addoption("--green-limit", type=float, required=True, help="seconds until a test has hung")
    group.addoption("--green-only", type=Path, help="a file with the ids of the tests to run")
    group.addoption("--green-without", action="append", default=[], help="part of the ids of tests that are not run")


def pytest_configure(config):
    config.pluginmanager.register(Recorder(config.option))


class Recorder:
    def __init__(self, option):
        self.path = option.green_events
        self.limit = option.green_limit
        self.without = option.green_without
        self.only = option.green_only and set(option.green_only.read_text().splitlines())
        self.known = set()
        if self.path.exists():
            self.known = {test for test, _, _ in map(json.loads, self.path.read_text().splitlines())}
        self.stderr = os.dup(2)  # output is not captured yet
        self.outcomes = {}  # of the test that runs
        self.write("", "greencore" if "greencore" in find_spec("greenlet").origin else "real")

    def write(self, test, outcome, text=""):
        with open(self.path, "a") as file:
            file.write(json.dumps([test, outcome, text[-LONGEST:]]) + "\n")

    def is_wanted(self, test):
        if self.only is not None:
            return test in self.only
        return test not in self.known and not any(part in test for part in self.without)

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if self.is_wanted(item.nodeid)]

    def pytest_collectreport(self, report):
        if report.failed:
            self.write(report.nodeid, "failed", str(report.longrepr))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item):
        self.outcomes = {"failed": "no part of it was reported"}
        self.write(item.nodeid, "started")
        faulthandler.dump_traceback_later(self.limit, exit=True, file=self.stderr)
        yield
        faulthandler.cancel_dump_traceback_later()
        outcome = max(self.outcomes, key=RANK.index)
        self.write(item.nodeid, outcome, self.outcomes[outcome])

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self):
        report = (yield).get_result()
        as_expected = hasattr(report, "wasxfail") and report.skipped
        if report.when == "setup":
            self.outcomes.clear()
        self.outcomes["passed" if as_expected else report.outcome] = str(report.longrepr or "")
