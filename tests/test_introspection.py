"""What tracebacks, debuggers, profilers and the interpreter's own tools see of greenlets."""

import bdb
import cProfile
import faulthandler
import inspect
import io
import os
import pdb
import pstats
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import threading
import traceback
import tracemalloc

import pytest
from greenlet import getcurrent, greenlet
from greenlets import names

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def inner(value):
    getcurrent().parent.switch(value)
    return value


def outer(value):
    return inner(value) + 1


def parked(value=1):
    g = greenlet(outer)
    assert g.switch(value) == value
    return g


@pytest.fixture
def restored():
    """Put back whatever traces and profiles the suite itself."""
    trace, profile = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    yield
    sys.settrace(trace)
    sys.setprofile(profile)


# ---- frames


def test_frames_of_a_parked_greenlet():
    g = parked(5)
    assert names(g.gr_frame) == ["inner", "outer"]
    assert g.gr_frame.f_locals == {"value": 5}
    assert g.gr_frame.f_back.f_lineno == outer.__code__.co_firstlineno + 1
    assert g.gr_frame is g.gr_frame
    assert g.switch() == 6


def test_frames_of_a_running_greenlet_end_with_its_first():
    def look():
        return names(sys._getframe())

    g = greenlet(lambda: look())
    assert g.switch() == ["look", "<lambda>"]
    assert len(inspect.stack()) > 2


def test_frames_kept_after_the_greenlets_end():
    g = parked(7)
    frame = g.gr_frame
    g.switch()
    assert frame.f_locals == {"value": 7}
    assert names(frame)[0] == "inner"
    frame.clear()
    assert frame.f_locals == {}


def test_frames_of_a_parked_generator():
    def produce():
        getcurrent().parent.switch()
        yield

    g = greenlet(lambda: list(produce()))
    g.switch()
    assert names(g.gr_frame) == ["produce", "<lambda>"]
    g.switch()


def test_current_frames_show_the_running_greenlet():
    def look():
        frame = sys._current_frames()[threading.get_ident()]
        return names(frame)

    assert greenlet(lambda: look()).switch() == ["look", "<lambda>"]


def test_current_frames_of_another_thread():
    inside, done = threading.Event(), threading.Event()

    def wait():
        inside.set()
        done.wait()

    thread = threading.Thread(target=lambda: greenlet(wait).switch())
    thread.start()
    inside.wait()
    found = names(sys._current_frames()[thread.ident])
    done.set()
    thread.join()
    assert found[-1] == "wait" and "<lambda>" not in found


def test_inspect():
    g = parked()
    assert [entry.function for entry in inspect.getouterframes(g.gr_frame)] == ["inner", "outer"]
    stack = greenlet(lambda: inspect.stack()).switch()
    assert [entry.function for entry in stack] == ["<lambda>"]


# ---- tracebacks


def test_stack_of_a_parked_greenlet_is_printed():
    g = parked()
    out = io.StringIO()
    traceback.print_stack(g.gr_frame, file=out)
    text = out.getvalue()
    assert "in outer" in text and "in inner" in text and text.index("in outer") < text.index("in inner")


def test_traceback_begins_where_it_was_caught():
    def fail():
        raise KeyError("x")

    try:
        greenlet(lambda: fail()).switch()
    except KeyError as error:
        found = [entry.name for entry in traceback.extract_tb(error.__traceback__)]
    assert found == ["test_traceback_begins_where_it_was_caught", "<lambda>", "fail"]


def test_traceback_of_an_exception_thrown_in():
    g = parked()
    try:
        g.throw(KeyError("x"))
    except KeyError as error:
        found = [entry.name for entry in traceback.extract_tb(error.__traceback__)]
    assert found == ["test_traceback_of_an_exception_thrown_in", "outer", "inner"]


def test_faulthandler_shows_the_running_greenlet(tmp_path):
    target = tmp_path / "out"

    def dump():
        with target.open("w") as file:
            faulthandler.dump_traceback(file, all_threads=True)

    greenlet(lambda: dump()).switch()
    text = target.read_text()
    assert "in dump" in text and "in <lambda>" in text


# ---- sys.settrace, sys.setprofile, sys.monitoring


def work():
    first = 1
    getcurrent().parent.switch()
    second = first + 1
    return second


def test_settrace_follows_switches(restored):
    events = []

    def tracer(frame, event, arg):
        if frame.f_code is work.__code__:
            events.append((event, frame.f_lineno - work.__code__.co_firstlineno))
        return tracer

    sys.settrace(tracer)
    g = greenlet(work)
    g.switch()
    g.switch()
    sys.settrace(None)
    assert events == [("call", 0), ("line", 1), ("line", 2), ("line", 3), ("line", 4), ("return", 4)]


def test_settrace_in_one_greenlet_is_seen_in_another(restored):
    events = []

    def tracer(frame, event, arg):
        events.append((frame.f_code.co_name, event))

    def called():
        pass

    def switched_to():
        getcurrent().parent.switch()
        called()

    g = greenlet(switched_to)
    g.switch()
    sys.settrace(tracer)
    g.switch()
    sys.settrace(None)
    assert ("called", "call") in events
    events.clear()
    greenlet(called).switch()
    called()
    assert events == []


def test_settrace_set_and_removed_in_a_greenlet(restored):
    events = []

    def tracer(frame, event, arg):
        events.append(frame.f_code.co_name)

    def called():
        pass

    greenlet(lambda: sys.settrace(tracer)).switch()
    called()
    greenlet(lambda: sys.settrace(None)).switch()
    before = len(events)
    called()
    assert "called" in events and len(events) == before


TURNED_ON_MEANWHILE = """
import sys
from greenlet import getcurrent, greenlet

def park():
    getcurrent().parent.switch()

def deep(n):
    if n:
        return deep(n - 1)
    park()
    raise ValueError

def work():
    for n in (0, 1, 100):
        try:
            deep(n)
        except ValueError:
            park()
    return "done"

def generate():
    try:
        yield park()
        raise ValueError
    except ValueError:
        yield "done"

def tracer(frame, event, arg):
    lines.append(frame.f_lineno)
    return tracer

lines = []
greenlets = [greenlet(work) for _ in range(3)] + [greenlet(lambda: list(generate())[-1]) for _ in range(3)]
for turn in range(3):
    for g in greenlets:
        g.switch()
    turn_on(turn)
results = [g.switch() for _ in range(4) for g in greenlets if not g.dead]
turn_off()
assert [g for g in greenlets if not g.dead] == [] and results.count("done") >= 3, results
assert greenlet(deep).switch(3) == ()
"""

TURN_ON = {
    "settrace": "def turn_on(turn): sys.settrace(tracer)\ndef turn_off(): sys.settrace(None)",
    "settrace on and off": "def turn_on(turn): sys.settrace(None if turn % 2 else tracer)\ndef turn_off(): sys.settrace(None)",
    "setprofile": "def turn_on(turn): sys.setprofile(tracer)\ndef turn_off(): sys.setprofile(None)",
    "monitoring": """
def turn_on(turn):
    if turn == 0:
        sys.monitoring.use_tool_id(4, "test")
    events = sys.monitoring.events
    sys.monitoring.set_events(4, (events.RAISE, events.LINE, events.PY_UNWIND | events.PY_RETURN)[turn])
def turn_off():
    sys.monitoring.set_events(4, 0)
    sys.monitoring.free_tool_id(4)
""",
}


@pytest.mark.parametrize("way", TURN_ON)
def test_turned_on_while_greenlets_are_parked(way):
    if way == "monitoring" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring is new in 3.12")
    subprocess.run([sys.executable, "-c", TURN_ON[way] + "\n" + TURNED_ON_MEANWHILE], check=True, timeout=60)


def test_switch_from_within_a_trace_function(restored):
    seen = []

    def tracer(frame, event, arg):
        if frame.f_code is target.__code__ and event == "call":
            seen.append(other.switch("from the tracer"))

    def target():
        return "target"

    def echo(value):
        while True:
            value = main.switch(value)

    main = getcurrent()
    other = greenlet(echo)
    other.switch(None)
    sys.settrace(tracer)
    result = target()
    sys.settrace(None)
    assert (result, seen) == ("target", ["from the tracer"])
    assert other.switch(1) == 1


def test_setprofile_follows_switches(restored):
    events = []

    def profiler(frame, event, arg):
        if frame.f_code is work.__code__ and not event.startswith("c_"):
            events.append(event)

    sys.setprofile(profiler)
    g = greenlet(work)
    g.switch()
    g.switch()
    sys.setprofile(None)
    assert events == ["call", "return"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in 3.12")
def test_monitoring_follows_switches():
    monitoring = sys.monitoring
    tool = monitoring.PROFILER_ID
    events = []
    monitoring.use_tool_id(tool, "test")
    try:
        for name in ("PY_START", "PY_RETURN"):
            event = getattr(monitoring.events, name)
            monitoring.register_callback(tool, event, lambda *args, name=name: events.append(name))
        monitoring.set_local_events(tool, work.__code__, monitoring.events.PY_START | monitoring.events.PY_RETURN)
        g = greenlet(work)
        g.switch()
        assert events == ["PY_START"]
        g.switch()
    finally:
        monitoring.set_local_events(tool, work.__code__, 0)
        monitoring.free_tool_id(tool)
    assert events == ["PY_START", "PY_RETURN"]


# ---- tools


def test_pdb_steps_through_a_switch(restored):
    """`next` over a switch stops on the line after it, in the same greenlet."""
    out = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("next\nnext\nnext\np first\nwhere\ncontinue\n"), stdout=out, nosigint=True)
    debugger.use_rawinput = False

    def debugged():
        debugger.set_trace()
        first = "first value"
        getcurrent().parent.switch("parked")
        second = "second"
        return first + second

    g = greenlet(debugged)
    assert g.switch() == "parked"
    assert g.switch() == "first valuesecond"
    sys.settrace(None)
    text = out.getvalue()
    assert "-> second = " in text and "'first value'" in text
    assert "debugged()" in text


def test_bdb_breaks_in_a_greenlet(restored):
    class Breaker(bdb.Bdb):
        def user_line(self, frame):
            if self.break_here(frame):
                stops.append((frame.f_code.co_name, frame.f_lineno))
            self.set_continue()

    stops = []
    line = work.__code__.co_firstlineno + 3
    breaker = Breaker()
    breaker.set_break(__file__, line)
    g = greenlet(work)
    breaker.runcall(lambda: (g.switch(), g.switch()))
    breaker.clear_all_breaks()
    assert stops == [("work", line)]


def test_cprofile(restored):
    profile = cProfile.Profile()
    profile.enable()
    g = greenlet(work)
    g.switch()
    g.switch()
    profile.disable()
    stats = pstats.Stats(profile, stream=io.StringIO()).stats
    calls = {name: numbers[:2] for (_, _, name), numbers in stats.items()}
    assert calls["work"] == (1, 1)


def test_tracemalloc():
    def allocate():
        kept = [bytes(1000) for _ in range(1000)]
        getcurrent().parent.switch()
        return len(kept)

    tracemalloc.start(10)
    try:
        g = greenlet(allocate)
        g.switch()
        snapshot = tracemalloc.take_snapshot()
        mine = snapshot.filter_traces([tracemalloc.Filter(True, __file__, allocate.__code__.co_firstlineno + 1)])
        assert sum(statistic.size for statistic in mine.statistics("filename")) > 1_000_000
        assert g.switch() == 1000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("concurrency", ["greenlet", "thread", "gevent"])
def test_coverage(tmp_path, concurrency):
    pytest.importorskip("coverage")
    if FREE_THREADED and concurrency != "thread":
        pytest.skip("coverage.py follows greenlets with its C part only, which these builds don't get")
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            from greenlet import getcurrent, greenlet

            def one():
                a = 1
                getcurrent().parent.switch()
                b = 2
                return a + b

            def two():
                c = 3
                if c == 4:
                    never = 1
                return c

            g = greenlet(one)
            g.switch()
            greenlet(two).switch()
            assert g.switch() == 3
            """
        )
    )
    run = [sys.executable, "-m", "coverage"]
    subprocess.run([*run, "run", f"--concurrency={concurrency}", str(script)], cwd=tmp_path, check=True, timeout=60)
    report = subprocess.run(
        [*run, "report", "-m", str(script)], cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True
    ).stdout
    missing = script.read_text().splitlines().index("        never = 1") + 1
    line = next(line for line in report.splitlines() if line.startswith(("program.py", str(script))))
    assert line.split()[-1] == str(missing)


@pytest.mark.skipif(FREE_THREADED, reason="py-spy does not know these builds")
def test_py_spy():
    tool = shutil.which("py-spy", path=os.pathsep.join([sys.prefix + "/bin", os.environ["PATH"]]))
    if tool is None:
        pytest.skip("py-spy is not installed")
    program = textwrap.dedent(
        """
        import sys
        from greenlet import greenlet

        def innermost():
            sys.stdout.write("ready\\n")
            sys.stdout.flush()
            sys.stdin.readline()

        def first():
            innermost()

        greenlet(first).switch()
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"ready\n"
            done = subprocess.run(
                [tool, "dump", "--pid", str(child.pid)], capture_output=True, text=True, timeout=60
            )
        finally:
            child.communicate(b"\n", timeout=60)
    if "Operation not permitted" in done.stderr or "ermission denied" in done.stderr:
        pytest.skip("this machine lets no process look into another")
    if "version" in done.stderr and done.returncode:
        pytest.skip("this py-spy does not know the interpreter")
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines()]
    stack = [line.split(" ")[0] for line in lines if "<string>" in line]
    assert stack[:2] == ["innermost", "first"]
