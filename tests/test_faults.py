"""Calls of CPython and libc that fail, each once: MemoryError or OSError come of it, no crash, no hang, no leak."""

import subprocess
import sys
from pathlib import Path

import pytest

from extensions import built

ISOLATED = Path(__file__).parent / "isolated"
sys.path.insert(0, str(ISOLATED))

import scenarios  # noqa: E402

NAMES = [name for name, thing in vars(scenarios).items() if getattr(thing, "__module__", None) == "scenarios"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built("faults", tmp_path_factory.mktemp("extension"), "-luv", "-lcares")


@pytest.mark.parametrize("name", NAMES)
def test_each_call(library, tmp_path, name):
    record = tmp_path / "record"
    command = [sys.executable, "-X", "faulthandler", ISOLATED / "each_fault.py", library, record, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    last = record.read_text().splitlines()[-1:] if record.exists() else []
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-3000:]}\n{last}"
    assert "raised" in done.stdout
