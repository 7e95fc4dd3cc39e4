"""What tools that watch calls and lines see after a wait in C."""

import bdb
import cProfile
import json
import pstats
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gevent
from greenlet import getcurrent
from isolated import traced

SCRIPT = Path(traced.__file__)
WAITING = {name for name in vars(traced) if name.startswith("after_")}


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


def test_pdb_stops_after_each_wait():
    numbered = enumerate(SCRIPT.read_text().splitlines(), 1)
    lines = [str(number) for number, line in numbered if line.strip() == "one = 1"]
    # The hook is called for both objects, so there is one stop more than there are lines.
    commands = [*(f"break {line}" for line in lines), *["continue"] * (len(lines) + 1), "quit"]
    done = subprocess.run(
        [sys.executable, "-m", "pdb", str(SCRIPT)],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        timeout=60,
    )
    stops = re.findall(r"> .*traced\.py\((\d+)\)(after_\w+|hook)\(\)", done.stdout)
    assert {line for line, _ in stops} == set(lines), done.stdout + done.stderr
    assert {name for _, name in stops} == WAITING - {"after_a_callback"} | {"hook"}


def test_yappi_counts_the_calls_of_each_greenlet():
    yappi = pytest.importorskip("yappi", reason="yappi is not installed: it has no wheel for CPython 3.15")
    yappi.set_context_backend("greenlet")
    try:
        yappi.start()
        traced.main()
        yappi.stop()
        counts = {function.name: function.ncall for function in yappi.get_func_stats()}
        contexts = len(yappi.get_greenlet_stats())
    finally:
        yappi.stop()
        yappi.clear_stats()
        yappi.set_context_backend("native_thread")
    assert {name: counts.get(name) for name in WAITING} == dict.fromkeys(WAITING, 1)
    assert counts["hook"] == 2
    assert contexts >= len(WAITING) + 1


def test_pyinstrument_samples_the_stack_of_each():
    pyinstrument = pytest.importorskip(
        "pyinstrument", reason="pyinstrument is not installed: it has no wheel for CPython 3.15"
    )
    # So short that each call is a sample: what is seen does not depend on the machine's speed.
    profiler = pyinstrument.Profiler(interval=1e-9, async_mode="disabled")
    with profiler:
        traced.main()
    seen = {frame.split("\0")[0] for stack, _ in profiler.last_session.frame_records for frame in stack}
    assert WAITING | {"main", "hook"} <= seen


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
