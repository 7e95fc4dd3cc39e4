"""What every test gets: the names gevent and greenlet, and the rule for missing servers."""

import os

import pytest

import greencore.alias

greencore.alias.install()

REQUIRE_SERVICES = os.environ.get("GREENCORE_REQUIRE_SERVICES", "0") not in ("", "0")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_SERVICES and report.skipped and item.get_closest_marker("service"):
        report.outcome = "failed"
        report.longrepr = f"a needed server is missing: {call.excinfo.value}"
