"""Requests for memory that fail, one after another: a clear MemoryError each, and nothing broken."""

import subprocess
import sys
from pathlib import Path

import pytest

ISOLATED = Path(__file__).parent / "isolated"


def run(script):
    done = subprocess.run([sys.executable, str(ISOLATED / script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


def test_each_allocation():
    pytest.importorskip("_testcapi", reason="the interpreter's test module makes allocations fail")
    assert run("no_memory.py") == "some failed"


def test_no_room_for_stacks():
    assert run("no_address_space.py") == "some parked"
