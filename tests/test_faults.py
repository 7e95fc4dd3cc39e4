"""Calls of CPython and libc that fail, each once: MemoryError or OSError come of it, no crash, no hang, no leak."""

import subprocess
import sys
from pathlib import Path

import pytest

from extensions import built
from greencore import _core

ISOLATED = Path(__file__).parent / "isolated"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return built("faults", tmp_path_factory.mktemp("extension"), "-luv", "-lcares")


def run(script, library, record, *arguments):
    command = [sys.executable, "-X", "faulthandler", ISOLATED / script, library, record, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    last = record.read_text().splitlines()[-1:] if record.exists() else []
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-3000:]}\n{last}"
    assert "raised" in done.stdout


@pytest.mark.parametrize("layer", ["greenlet", "http", "loop", "net", "sync", "task"])
def test_each_call(library, tmp_path, layer):
    run("each_fault.py", library, tmp_path / "record", layer)


def test_each_call_of_the_import(library, tmp_path):
    run("fault_at_import.py", library, tmp_path / "record", _core.__file__)
