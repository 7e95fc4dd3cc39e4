"""memray books what greenlets allocate on the functions that allocated."""

import subprocess
import sys
from collections import Counter

import pytest
from processes import HERE


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("memray") / "record"
    command = [sys.executable, "-m", "memray", "run", "-q", "-o", str(path), "traced.py"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


def stacks(path):
    """Return {(functions of traced.py, innermost first): bytes} of what was alive at the peak."""
    from memray import FileReader

    found = Counter()
    with FileReader(path) as reader:
        for record in reader.get_high_watermark_allocation_records(merge_threads=True):
            names = tuple(name for name, file, _ in record.stack_trace() if file.endswith("traced.py"))
            found[names] += record.size
    return found


@pytest.mark.parametrize("waiter", ["after_event", "after_sleep", "after_queue", "after_lock"])
def test_each_allocation_has_its_stack(recorded, waiter):
    found = stacks(recorded)
    assert found["small_work", waiter] // 3_000_000 == 3
    assert found["large_work", waiter] // 5_000_000 == 3


def test_all_is_booked(recorded):
    """What is kept is the most of what is booked: stacks of greenlets are not memory."""
    booked = sum(stacks(recorded).values())
    assert 96_000_000 <= booked < 130_000_000


@pytest.mark.parametrize("report", ["summary", "stats", "flamegraph"])
def test_reports(recorded, report, tmp_path):
    words = ["-o", str(tmp_path / "page.html")] if report == "flamegraph" else []
    command = [sys.executable, "-m", "memray", report, *words, str(recorded)]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
