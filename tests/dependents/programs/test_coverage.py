"""coverage.py finds every line that greenlets run."""

import json
import subprocess
import sys

import pytest
from processes import HERE


@pytest.mark.parametrize("concurrency", ["gevent", "greenlet"])
def test_every_line_is_seen(tmp_path, monkeypatch, concurrency):
    monkeypatch.setenv("COVERAGE_FILE", str(tmp_path / "data"))
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    command = [sys.executable, "-m", "coverage", "run", f"--concurrency={concurrency}", "traced.py"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    command = [sys.executable, "-m", "coverage", "json", "-q", "-o", str(tmp_path / "report")]
    subprocess.run(command, cwd=HERE, check=True, timeout=60)
    found = json.loads((tmp_path / "report").read_text())["files"]["traced.py"]["functions"]
    missed = {
        name: of["missing_lines"] for name, of in found.items() if name.startswith("after_") or name.endswith("_work")
    }
    assert missed == {name: [] for name in missed} and len(missed) == 6
