"""Some of the standard library's own tests, patched: those that are quick. `make test-stdlib` runs them all."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent / "stdlib" / "run.py"


@pytest.mark.parametrize("module", ["test_context", "test_contextlib", "test_sched", "test_smtplib", "test_threading_local"])
def test_patched(module):
    if find_spec("test") is None or find_spec(f"test.{module}") is None:
        pytest.skip("this interpreter comes without its tests")
    done = subprocess.run([sys.executable, str(RUNNER), module], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = int(done.stdout.splitlines()[-1].split()[1])
    assert passed > 5, done.stdout
