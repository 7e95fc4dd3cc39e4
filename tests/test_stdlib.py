"""Some of the standard library's own tests, patched: those that are quick. `make test-stdlib` runs them all."""

import functools
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

RUNNER = Path(__file__).parent / "stdlib" / "run.py"
# Those of a line run together, two at a time.
LINES = """
test_selectors test_imaplib test_weakref
test_ftplib test_poplib test_ssl test_socket test_httpservers test_wsgiref
test_fork1 test_wait4 test_docxmlrpc test_threading test_thread test_threadedtempfile test_threading_local
test_queue test_os test_signal test_time test_urllib2_localnet test_select test_poll test_smtplib test_httplib test_sched
test_xmlrpc test_context test_contextlib test_contextlib_async test_popen test_pty test_socketserver test_timeout test_urllib
""".strip().splitlines()


@pytest.fixture(scope="module")
def results_of(tmp_path_factory):
    """A function: ({module: results}, what the runner printed) of a line."""
    if find_spec("test") is None:
        pytest.skip("this interpreter comes without its tests")

    @functools.cache
    def run(line):
        path = tmp_path_factory.mktemp("stdlib") / "results.json"
        found = [name for name in line.split() if find_spec(f"test.{name}")]
        command = [sys.executable, str(RUNNER), "--results", str(path), *found]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return json.loads(path.read_text())["modules"], done.stdout

    return run


@pytest.mark.parametrize("line, module", [pytest.param(line, name, id=name) for line in LINES for name in line.split()])
def test_patched(line, module, results_of):
    modules, printed = results_of(line)
    if module not in modules:
        pytest.skip("this interpreter comes without it")
    outcomes, unpatched = modules[module]["ours"], modules[module]["plain"]
    if all(outcome == "skipped" for outcome, _ in outcomes.values()):
        pytest.skip(f"skips itself: {[why for _, why in outcomes.values()]}")
    assert any(outcome == "passed" for outcome, _ in outcomes.values()), printed
    failed = [test for test, (outcome, _) in outcomes.items() if outcome == "failed"]
    assert [test for test in failed if unpatched.get(test, ["passed"])[0] == "passed"] == [], printed
