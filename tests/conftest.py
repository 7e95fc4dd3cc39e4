"""What every test gets: the names gevent and greenlet, here and in the interpreters that tests start,
and the rule for missing servers."""

import os
from pathlib import Path

import pytest

import greencore.alias

ROOT = Path(__file__).resolve().parent.parent
REQUIRE_SERVICES = os.environ.get("GREENCORE_REQUIRE_SERVICES", "0") not in ("", "0")

greencore.alias.install()
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), str(ROOT / "tests" / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_SERVICES and report.skipped and item.get_closest_marker("service"):
        report.outcome = "failed"
        report.longrepr = f"a needed server is missing: {call.excinfo.value}"
