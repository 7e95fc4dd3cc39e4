"""What tools that watch calls and lines see after a wait in C."""

import bdb
import cProfile
import json
import pstats
import subprocess
import sys
from pathlib import Path

import pytest

import gevent
from greenlet import getcurrent
from isolated import traced

SCRIPT = Path(traced.__file__)


@pytest.mark.parametrize("concurrency", ["gevent", "greenlet"])
def test_coverage_books_each_line(tmp_path, concurrency):
    def coverage(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr

    coverage("run", f"--concurrency={concurrency}", f"--include={SCRIPT}", str(SCRIPT))
    coverage("json", "-o", "lines.json")
    assert json.loads((tmp_path / "lines.json").read_text())["totals"]["missing_lines"] == 0


def test_a_profiler_counts_the_calls_of_each():
    profile = cProfile.Profile()
    profile.runcall(traced.main)
    counts = {place[2]: counted[1] for place, counted in pstats.Stats(profile).stats.items()}
    assert counts["after_an_event"] == counts["after_a_queue"] == counts["after_a_callback"] == 1


def test_a_debugger_stops_at_the_line_after_a_wait():
    class Debugger(bdb.Bdb):
        def user_line(self, frame):
            stops.append((frame.f_code.co_name, frame.f_lineno, frame.f_locals.get("event") is not None))
            self.set_continue()

    stops = []
    debugger = Debugger()
    line = traced.after_an_event.__code__.co_firstlineno + 2
    debugger.set_break(str(SCRIPT), line)
    debugger.runcall(traced.main)
    assert ("after_an_event", line, True) in stops


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with CPython 3.12")
def test_a_tool_of_sys_monitoring_is_called_on_arrival():
    monitoring = sys.monitoring
    events = monitoring.events
    seen = []

    def work():
        gevent.sleep(0.001)

    monitoring.use_tool_id(2, "test")
    try:
        monitoring.register_callback(2, events.PY_START, lambda code, offset: seen.append((code.co_name, getcurrent())))
        monitoring.set_events(2, events.PY_START)
        waiting = gevent.spawn(work)
        waiting.join()
    finally:
        monitoring.set_events(2, 0)
        monitoring.free_tool_id(2)
    assert ("arrival", waiting) in seen[seen.index(("work", waiting)) :]
