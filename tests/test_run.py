"""run.py, which runs the suite as two processes: who runs what, and what it says at the end."""

import subprocess
import sys
from pathlib import Path

import run

TESTS = Path(__file__).resolve().parent


def test_each_file_is_in_one_share():
    first, second = run.shares()
    assert sorted([*first, *second]) == sorted(
        str(path.relative_to(TESTS.parent)) for path in [*TESTS.glob("test_*.py"), *TESTS.glob("isolated/test_*.py")]
    )


def test_no_time_is_given_for_a_file_that_is_not_there():
    assert [name for name in run.SECONDS if not (TESTS / name).exists()] == []


def test_the_last_line_has_the_sums():
    outputs = [
        "...\nFAILED tests/test_a.py::test_x - OSError\n1 failed, 20 passed, 3 warnings in 4.10s",
        "..\n\x1b[32m\x1b[1m5 passed\x1b[0m, 1 skipped, 1 warning in 70.00s (0:01:10)\n",
    ]
    assert run.last_lines(outputs, [1, 0], 71) == [
        "FAILED tests/test_a.py::test_x - OSError",
        "===== 1 failed, 25 passed, 1 skipped, 4 warnings in 71.00s =====",
    ]


def test_a_process_that_dies_is_an_error():
    told = run.last_lines(["5 passed in 1.00s", "... [ 3%]\nFatal Python error: Segmentation fault\n"], [0, -11], 2)
    assert told == [
        "ERROR a process of the tests ended with status -11, before its last test",
        "===== 5 passed, 1 errors in 2.00s =====",
    ]


def test_one_process_runs_what_is_named():
    command = [sys.executable, TESTS / "run.py", "-q", "tests/test_run.py::test_each_file_is_in_one_share"]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "1 passed" in done.stdout.splitlines()[-1]
