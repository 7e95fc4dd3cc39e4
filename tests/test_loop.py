"""The loop and its watchers, without a hub: run by hand."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from greencore import core
from greencore.exceptions import HubDestroyed


@pytest.fixture
def loop():
    made = core.loop(default=False)
    yield made
    made.destroy()


@pytest.fixture
def pipe():
    r, w = os.pipe()
    yield r, w
    for fd in (r, w):
        try:
            os.close(fd)
        except OSError:
            pass


class Raised(Exception):
    pass


class Handler:
    def __init__(self):
        self.errors = []

    def handle_error(self, context, type, value, tb):
        self.errors.append((context, type, value))


def test_an_empty_loop_returns_at_once(loop):
    assert loop.run() is False


def test_callbacks_run_in_the_order_they_were_queued(loop):
    seen = []
    for i in range(5):
        loop.run_callback(seen.append, i)
    loop.run()
    assert seen == [0, 1, 2, 3, 4]


def test_a_callback_queued_by_a_callback_runs_behind_the_others(loop):
    seen = []
    loop.run_callback(lambda: loop.run_callback(seen.append, "late"))
    loop.run_callback(seen.append, "early")
    loop.run()
    assert seen == ["early", "late"]


def test_a_stopped_callback_is_not_called(loop):
    seen = []
    callback = loop.run_callback(seen.append, 1)
    assert callback.pending and callback.callback == seen.append and callback.args == (1,)
    callback.stop()
    callback.stop()
    assert not callback.pending and not callback
    loop.run()
    assert seen == []


def test_errors_in_callbacks_reach_the_handler_and_stop_nobody(loop):
    seen = []
    loop.error_handler = handler = Handler()

    def fail():
        raise Raised

    loop.run_callback(fail)
    loop.run_callback(seen.append, 1)
    loop.run()
    assert seen == [1]
    assert [e[1] for e in handler.errors] == [Raised]


def test_an_error_of_the_handler_is_printed_and_stops_nobody(loop, capsys):
    def handle(context, type, value, tb):
        raise Raised

    seen = []
    loop.error_handler = handle
    loop.run_callback(lambda: 1 / 0)
    loop.run_callback(seen.append, 1)
    loop.run()
    assert seen == [1]
    printed = capsys.readouterr().err
    assert "ZeroDivisionError" in printed and "Raised" in printed


@pytest.mark.parametrize("ending", [SystemExit, KeyboardInterrupt, HubDestroyed])
def test_what_is_no_exception_ends_the_run_from_the_handler(loop, ending):
    def handle(context, type, value, tb):
        raise ending from value

    loop.error_handler = handle
    loop.run_callback(lambda: 1 / 0)
    with pytest.raises(ending):
        loop.run()


def test_run_callback_checks_its_argument(loop):
    with pytest.raises(TypeError):
        loop.run_callback()
    with pytest.raises(TypeError):
        loop.run_callback(None)


def test_timers_fire_in_order_of_their_deadlines(loop):
    seen = []
    timers = [loop.timer(after) for after in (0.03, 0.01, 0.02, 0.01)]
    begin = time.monotonic()
    for i, timer in enumerate(timers):
        timer.start(seen.append, i)
    loop.run()
    assert time.monotonic() - begin >= 0.03
    assert seen == [1, 3, 2, 0]


def test_a_timer_never_fires_early(loop):
    for after in (0.0001, 0.0015, 0.0049):
        timer = loop.timer(after)
        ended = []
        begin = time.monotonic()
        timer.start(lambda: ended.append(time.monotonic()))
        loop.run()
        assert ended[0] - begin >= after


def test_a_repeating_timer(loop):
    seen = []

    def tick():
        seen.append(timer.active)
        if len(seen) == 3:
            timer.stop()

    timer = loop.timer(0.001, 0.001)
    timer.start(tick)
    loop.run()
    assert seen == [True, True, True]


def test_again_starts_over_with_repeat(loop):
    seen = []
    timer = loop.timer(10, 0.002)
    timer.start(seen.append, "start")

    def stop():
        seen.append("again")
        timer.stop()

    timer.again(stop)
    loop.run()
    assert seen == ["again"]


@pytest.mark.parametrize("repeat", [0, 30])
def test_again_with_what_cannot_be_called(loop, repeat):
    timer = loop.timer(60, repeat)
    timer.start(print)
    at = timer.at
    with pytest.raises(TypeError):
        timer.again(None)
    assert (timer.active, timer.at, timer.callback) == (True, at, print)


def test_a_timer_that_was_stopped_does_not_fire(loop):
    seen = []
    timer = loop.timer(0.001)
    timer.start(seen.append, 1)
    timer.stop()
    other = loop.timer(0.003)
    other.start(seen.append, 2)
    loop.run()
    assert seen == [2]


def test_many_timers_started_and_stopped(loop):
    fired = []
    timers = [loop.timer((i * 7919 % 1000) / 100000) for i in range(1000)]
    for timer in timers:
        timer.start(fired.append, timer)
    due = {timer: timer.at for timer in timers}
    loop.run(nowait=True)  # all are in the heap now
    for timer in timers[::3]:
        timer.stop()
    loop.run()
    assert fired == sorted(fired, key=due.get)
    assert set(timers) - set(timers[::3]) <= set(fired)


@pytest.mark.parametrize("bad", [-1, float("nan")])
def test_repeat_must_not_be_negative(loop, bad):
    with pytest.raises(ValueError):
        loop.timer(1, bad)
    with pytest.raises(ValueError):
        loop.timer(float("nan"))


def test_an_unreferenced_timer_does_not_keep_the_loop(loop):
    timer = loop.timer(60, ref=False)
    timer.start(lambda: None)
    assert loop.run() is False
    timer.ref = True
    assert loop.activecnt == 1
    timer.ref = False
    assert loop.activecnt == 0


def test_io(loop, pipe):
    r, w = pipe
    seen = []
    watcher = loop.io(r, 1)

    def readable(events, word):
        seen.append((events, word, os.read(r, 100)))
        watcher.stop()

    watcher.start(readable, "word", pass_events=True)
    assert watcher.active and loop.activecnt == 1
    os.write(w, b"x")
    loop.run()
    assert seen == [(1, "word", b"x")]
    assert not watcher.active and watcher.callback is None


@pytest.mark.parametrize("kind, args, takes", [
    ("io", (0, 1), "pass_events"), ("timer", (1,), "update"), ("async_", (), None), ("idle", (), None),
    ("signal", (signal.SIGUSR1,), None), ("fork", (), None), ("stat", ("/",), None),
])
def test_keyword_arguments_of_start(loop, kind, args, takes):
    for name in ["bogus", "pass_events", "update"]:
        watcher = getattr(loop, kind)(*args)
        if name == takes:
            watcher.start(callback=len, **{name: True})
            assert watcher.active and watcher.callback is len
            watcher.stop()
        else:
            with pytest.raises(TypeError, match=f"start.. got an unexpected keyword argument '{name}'"):
                watcher.start(len, **{name: True})
            assert not watcher.active and watcher.callback is None
    with pytest.raises(TypeError, match="start.. needs a callback"):
        getattr(loop, kind)(*args).start()


def test_io_is_level_triggered(loop, pipe):
    r, w = pipe
    seen = []
    watcher = loop.io(r, 1)

    def readable():
        seen.append(os.read(r, 1))
        if seen[-1] == b"c":
            watcher.stop()

    watcher.start(readable)
    os.write(w, b"abc")
    loop.run()
    assert seen == [b"a", b"b", b"c"]


def test_two_watchers_of_one_descriptor(loop):
    import socket

    a, b = socket.socketpair()
    with a, b:
        seen = []
        reader, writer = loop.io(a.fileno(), 1), loop.io(a.fileno(), 2)
        reader.start(lambda: (seen.append("read"), reader.stop()))
        writer.start(lambda: (seen.append("write"), writer.stop()))
        b.send(b"x")
        loop.run()
        assert sorted(seen) == ["read", "write"]


def test_io_checks_its_arguments(loop, pipe):
    with pytest.raises(ValueError):
        loop.io(-1, 1)
    with pytest.raises(ValueError):
        loop.io(pipe[0], 64)
    with pytest.raises(TypeError):
        loop.io("x", 1)
    watcher = loop.io(pipe[0], 1)
    with pytest.raises(TypeError):
        watcher.start(None)
    watcher.events = 3
    assert watcher.events_str == "READ|WRITE"
    watcher.start(lambda: None)
    with pytest.raises(AttributeError):
        watcher.events = 1
    with pytest.raises(AttributeError):
        watcher.fd = 0
    watcher.close()


def test_a_closed_descriptor_wakes_its_watcher(loop, pipe):
    seen = []
    watcher = loop.io(pipe[0], 1)
    watcher.start(lambda: (seen.append(1), watcher.stop()))
    assert loop.closing_fd(pipe[0]) is True
    os.close(pipe[0])
    loop.run()
    assert seen == [1]
    assert loop.closing_fd(pipe[1]) is False


def test_a_failing_watcher_is_stopped(loop, pipe):
    loop.error_handler = handler = Handler()
    os.write(pipe[1], b"x")

    def fail():
        raise Raised

    watcher = loop.io(pipe[0], 1)
    watcher.start(fail)
    loop.run()
    assert [e[:2] for e in handler.errors] == [(watcher, Raised)]
    assert not watcher.active


def test_async_from_another_thread(loop):
    seen = []
    watcher = loop.async_()
    watcher.start(lambda: (seen.append(threading.get_ident()), watcher.stop()))
    thread = threading.Thread(target=watcher.send)
    thread.start()
    loop.run()
    thread.join()
    assert seen == [threading.get_ident()]
    watcher.send()
    watcher.send_ignoring_arg(1)
    assert not watcher.pending


def test_run_callback_from_another_thread_ends_the_sleep(loop):
    seen = []
    keep = loop.timer(60)
    keep.start(lambda: None)
    thread = threading.Thread(
        target=lambda: loop.run_callback_threadsafe(lambda: (seen.append(1), keep.stop()))
    )
    loop.run_callback(thread.start)
    loop.run()
    thread.join()
    assert seen == [1]


def test_the_phases_of_an_iteration(loop):
    seen = []
    prepare, check = loop.prepare(ref=False), loop.check(ref=False)
    prepare.start(seen.append, "prepare")
    check.start(seen.append, "check")
    timer = loop.timer(0.001)
    timer.start(seen.append, "timer")
    loop.run()
    assert seen[0] == "prepare"
    assert seen.index("timer") < len(seen) - seen[::-1].index("check") - 1
    prepare.stop()
    check.stop()


def test_idle_runs_when_nothing_is_ready(loop):
    seen = []
    idle = loop.idle()
    idle.start(lambda: (seen.append("idle"), idle.stop()))
    loop.run_callback(seen.append, "callback")
    loop.run()
    assert seen == ["callback", "idle"]


def test_signal_and_the_handler_before_it(loop):
    seen = []
    python = []
    before = signal.signal(signal.SIGUSR1, lambda *args: python.append(1))
    try:
        watcher = loop.signal(signal.SIGUSR1)
        watcher.start(lambda: (seen.append(1), watcher.stop()))
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.run()
        assert (seen, python) == ([1], [])
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(100):  # a bytecode boundary, where Python calls its handlers
            pass
        assert python == [1]
    finally:
        signal.signal(signal.SIGUSR1, before)
    with pytest.raises(ValueError):
        loop.signal(0)


CHILD = """
import os, sys
from greencore import core
from greencore.exceptions import HubDestroyed
loop = core.loop(default=DEFAULT)
seen = []
def spawn(code):
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    return pid
watchers = []
for code in (0, 3):
    child = loop.child(spawn(code))
    def ended(child=child):
        seen.append(os.waitstatus_to_exitcode(child.rstatus))
        assert child.rpid == child.pid
        child.stop()
    child.start(ended)
    watchers.append(child)
loop.run()
assert sorted(seen) == [0, 3], seen
any_child = loop.child(0)
pid = spawn(5)
any_child.start(lambda: (seen.append(any_child.rpid), any_child.stop()))
loop.run()
assert seen[-1] == pid
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no zombie left")
"""


@pytest.mark.parametrize("default", [True, False])
def test_children(default):
    script = CHILD.replace("DEFAULT", str(default))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "no zombie left\n", done.stderr


ENDED_CHILD = """
import os, resource
from greencore import core
loop = core.loop(default=False)
seen = []
read_end, write_end = os.pipe()
first = os.fork()
if first == 0:
    os._exit(3)
second = os.fork()
if second == 0:
    os.close(write_end)
    os.read(read_end, 1)
    os._exit(0)
if not TRACE:  # no descriptor is left for a pidfd, so SIGCHLD has to do
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
ended = loop.child(first, trace=TRACE, ref=False)
other = loop.child(second, trace=TRACE)
ended.start(lambda: (seen.append("first"), os.close(write_end)))
other.start(lambda: (seen.append("second"), other.stop()))
loop.run()
assert ended.active
print(*seen, os.waitstatus_to_exitcode(ended.rstatus))
"""


@pytest.mark.parametrize("trace", [True, False])
def test_an_ended_child_is_told_once(trace):
    script = ENDED_CHILD.replace("TRACE", str(trace))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "first second 3\n", done.stdout + done.stderr


def test_stat(loop, tmp_path):
    path = tmp_path / "file"
    path.write_text("a")
    watcher = loop.stat(str(path), 0.1)
    seen = []
    watcher.start(lambda: (seen.append((watcher.prev.st_size, watcher.attr.st_size)), watcher.stop()))
    path.write_text("abc")
    loop.run()
    assert seen == [(1, 3)]
    assert watcher.path == str(path)


def test_stat_of_what_comes_and_goes(loop, tmp_path):
    path = tmp_path / "file"
    watcher = loop.stat(str(path), 0.1)
    seen = []

    def changed():
        seen.append((watcher.prev is None, watcher.attr is None))
        if len(seen) == 2:
            watcher.stop()
        else:
            path.unlink()

    watcher.start(changed)
    path.write_text("a")
    loop.run()
    assert seen == [(True, False), (False, True)]


def test_feed(loop):
    seen = []
    watcher = loop.timer(60)
    watcher.feed(1, seen.append, "fed")
    assert watcher.pending
    loop.run()
    assert seen == ["fed"]


def test_watchers_are_context_managers(loop):
    with loop.timer(60) as timer:
        timer.start(lambda: None)
    assert not timer.active


def test_a_destroyed_loop_refuses():
    loop = core.loop(default=False)
    timer = loop.timer(1)
    loop.run_callback(lambda: None)
    assert loop.destroy()
    assert loop.destroy() is None
    for use in (loop.run, loop.fileno, loop.ref, lambda: loop.timer(1), lambda: timer.start(print)):
        with pytest.raises(ValueError):
            use()
    timer.stop()
    assert "destroyed" in repr(loop)


def test_break(loop):
    timer = loop.timer(60)
    timer.start(lambda: None)
    loop.run_callback(loop.break_)
    assert loop.run() is True


def test_once_and_nowait(loop):
    timer = loop.timer(60)
    timer.start(lambda: None)
    assert loop.run(nowait=True) is True
    short = loop.timer(0.001)
    seen = []
    short.start(seen.append, 1)
    assert loop.run(once=True) is True
    timer.stop()


def test_references_by_hand(loop):
    loop.ref()
    assert loop.run(nowait=True) is True
    loop.unref()
    assert loop.run() is False
    with pytest.raises(ValueError):
        loop.unref()


def test_the_loop_is_freed_with_its_last_reference():
    import weakref

    loop = core.loop(default=False)
    watcher = loop.timer(1)
    watcher.start(lambda: None)
    ref = weakref.ref(loop)
    watcher.stop()
    del loop, watcher
    assert ref() is None


def test_no_descriptor_is_leaked():
    def count():
        return len(os.listdir("/proc/self/fd"))

    core.loop(default=False).destroy()
    before = count()
    for _ in range(5):
        loop = core.loop(default=False)
        loop.run_callback(lambda: None)
        loop.run()
        loop.destroy()
    assert count() == before


def test_a_watcher_is_one_of_its_kinds(loop):
    base = type(loop.timer(1)).__base__
    for make in (base, lambda: object.__new__(base)):
        with pytest.raises(TypeError):
            make()

    class Timer(type(loop.timer(1))):
        pass

    assert isinstance(Timer(loop, 1), base)


def test_a_watcher_that_was_fed_only_is_dropped_with_its_loop(log):
    loop = core.loop(default=False)
    timer = loop.timer(0)
    references = sys.getrefcount(timer)
    timer.feed(1, log.append, 1)
    assert timer.pending and sys.getrefcount(timer) == references + 1
    loop.destroy()
    assert log == [] and not timer.pending and sys.getrefcount(timer) == references


def test_what_is_due_when_a_loop_is_destroyed_is_dropped(log):
    loop = core.loop(default=False)
    timer = loop.timer(0)
    timer.start(log.append, 1)
    timer.feed(1, log.append, 2)
    loop.run_callback(log.append, 3)
    loop.destroy()
    assert log == [] and not timer.pending
