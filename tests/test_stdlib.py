"""Some of the standard library's own tests, patched: those that are quick. `make test-stdlib` runs them all."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent / "stdlib" / "run.py"
MODULES = """
test_context test_contextlib test_contextlib_async test_docxmlrpc test_fork1 test_ftplib test_httplib test_imaplib test_poplib
test_popen test_pty test_queue test_sched test_select test_selectors test_signal test_smtplib test_socketserver test_thread
test_threadedtempfile test_threading_local test_threadsignals test_urllib2_localnet test_wait4 test_weakref test_xmlrpc
""".split()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What the runner wrote, and what it printed."""
    if find_spec("test") is None:
        pytest.skip("this interpreter comes without its tests")
    found = [name for name in MODULES if find_spec(f"test.{name}")]
    path = tmp_path_factory.mktemp("stdlib") / "results.json"
    command = [sys.executable, str(RUNNER), "--results", str(path), *found]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return json.loads(path.read_text())["modules"], done.stdout


@pytest.mark.parametrize("module", MODULES)
def test_patched(module, results):
    modules, printed = results
    if module not in modules:
        pytest.skip("this interpreter comes without it")
    outcomes, unpatched = modules[module]["ours"], modules[module]["plain"]
    assert any(outcome == "passed" for outcome, _ in outcomes.values()), printed
    failed = [test for test, (outcome, _) in outcomes.items() if outcome == "failed"]
    assert [test for test in failed if unpatched.get(test, ["passed"])[0] == "passed"] == [], printed
