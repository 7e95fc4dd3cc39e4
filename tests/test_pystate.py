"""What the interpreter keeps per thread stays with its greenlet: frames, exceptions, contexts, recursion counts,
tracing, hooks."""

import asyncio
import contextvars
import gc
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import threading
import weakref

import pytest

from greenlet import getcurrent, greenlet
from greenlets import names

VERSION = sys.version_info[:2]


def nested(depth):
    return 0 if depth == 0 else 1 + nested(depth - 1)


def park(value=None):
    return getcurrent().parent.switch(value)


def run(*code):
    """Run lines in another interpreter, and return what they print."""
    script = "\n".join(["import sys", "from greenlet import greenlet, getcurrent", *code])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Frames


def test_frames_of_a_greenlet_end_with_its_function():
    def outer():
        return inner()

    def inner():
        return names(sys._getframe())

    assert greenlet(outer).switch() == ["inner", "outer"]


def test_frames_of_a_parked_greenlet_can_be_walked():
    def outer():
        return list(inner())

    def inner():
        yield 1
        yield park()

    g = greenlet(outer)
    assert g.gr_frame is None
    g.switch()
    assert names(g.gr_frame) == ["park", "inner", "outer"]
    assert g.gr_frame is g.gr_frame
    g.switch()
    assert g.gr_frame is None


def test_frames_through_c_calls_can_be_walked():
    """A C call between two Python frames leaves an entry frame on the stack."""

    class Odd:
        def __lt__(self, other):
            park()
            return True

        def __init__(self, deep=False):
            if deep:
                max([1], key=lambda x: sorted([Odd(), Odd()]) and 1)

    g = greenlet(lambda: Odd(True))
    g.switch()
    assert names(g.gr_frame) == ["park", "__lt__", "<lambda>", "__init__", "<lambda>"]
    while g:
        g.switch()


def test_a_frame_outlives_its_greenlet():
    def outer():
        local = "kept"
        inner()
        return local

    def inner():
        park()

    g = greenlet(outer)
    g.switch()
    frame = g.gr_frame
    assert names(frame) == ["park", "inner", "outer"]
    g.switch()
    del g
    greenlet(nested).switch(100)
    assert names(frame) == ["park", "inner", "outer"]
    assert frame.f_back.f_back.f_locals["local"] == "kept"


def test_frames_are_walked_while_others_run_and_end():
    parked = [greenlet(lambda n=n: nested(n) + len(names(sys._getframe())) and park()) for n in range(50)]
    for g in parked:
        g.switch()
    for i, g in enumerate(parked):
        assert names(g.gr_frame) == ["park", "<lambda>"]
        if i % 3 == 0:
            g.switch()
            greenlet(nested).switch(200)
    assert [names(g.gr_frame) for g in parked if g] == [["park", "<lambda>"]] * 33


def test_traceback_holds_the_greenlets_frames_only():
    def fail():
        raise KeyError

    with pytest.raises(KeyError) as caught:
        greenlet(fail).switch()
    assert [entry.name for entry in caught.traceback][-1] == "fail"


def test_deep_frames_outgrow_the_first_chunk_and_return():
    def work():
        first = nested(700)
        park(first)
        return nested(800)

    all_of_them = [greenlet(work) for _ in range(20)]
    assert [g.switch() for g in all_of_them] == [700] * 20
    assert [g.switch() for g in all_of_them] == [800] * 20


def test_a_parked_deep_greenlet_keeps_its_frames():
    def deep(depth):
        local = [depth]
        if depth:
            result = deep(depth - 1)
        else:
            result = park()
        return result + local[0] - depth

    all_of_them = [greenlet(deep) for _ in range(10)]
    for g in all_of_them:
        g.switch(600)
    greenlet(nested).switch(900)
    assert [g.switch(7) for g in all_of_them] == [7] * 10


def test_current_frames_shows_the_running_greenlet():
    def look():
        return names(sys._current_frames()[threading.get_ident()])

    assert greenlet(look).switch() == ["look"]


# Exceptions


def test_a_handled_exception_stays_with_its_greenlet():
    def work():
        assert sys.exc_info() == (None, None, None)
        try:
            raise KeyError
        except KeyError:
            park()
            assert sys.exc_info()[0] is KeyError
        assert sys.exc_info() == (None, None, None)

    g = greenlet(work)
    try:
        raise ValueError
    except ValueError:
        g.switch()
        assert sys.exc_info()[0] is ValueError
    assert sys.exc_info() == (None, None, None)
    g.switch()
    assert g.dead


def test_a_handled_exception_inside_a_generator_stays_with_its_greenlet():
    def generate():
        try:
            raise KeyError
        except KeyError:
            yield park()
            yield sys.exc_info()[0]

    g = greenlet(lambda: list(generate()))
    try:
        raise ValueError
    except ValueError:
        g.switch()
        assert sys.exc_info()[0] is ValueError
        assert g.switch() == [(), KeyError]


def test_exception_context_does_not_cross_greenlets():
    def fail():
        raise KeyError

    try:
        raise ValueError
    except ValueError:
        with pytest.raises(KeyError) as caught:
            greenlet(fail).switch()
    # It was raised where nothing was being handled.
    assert caught.value.__context__ is None


# Contexts


def test_contexts_are_per_greenlet():
    variable = contextvars.ContextVar("variable", default=0)

    def work(value):
        assert variable.get() == 0
        variable.set(value)
        for _ in range(3):
            park()
            assert variable.get() == value

    token = variable.set(-1)
    all_of_them = [greenlet(work) for _ in range(5)]
    for value, g in enumerate(all_of_them):
        g.switch(value + 1)
        assert variable.get() == -1
    while all_of_them[0]:
        for g in all_of_them:
            g.switch()
            assert variable.get() == -1
    variable.reset(token)  # or the main greenlet's context would keep it


def test_context_is_freed_with_its_greenlet():
    class Value:
        pass

    variable = contextvars.ContextVar("variable")

    def work():
        value = Value()
        variable.set(value)
        return weakref.ref(value)

    g = greenlet(work)
    value = g.switch()
    assert g.dead
    assert g.gr_context[variable] is value()
    del g
    gc.collect()
    assert value() is None


# Recursion


def test_each_greenlet_has_the_whole_recursion_allowance():
    def measure():
        depth = 0

        def deeper():
            nonlocal depth
            depth += 1
            deeper()

        try:
            deeper()
        except RecursionError:
            return depth

    here = measure()
    assert greenlet(measure).switch() >= here

    def half(depth):
        return half(depth - 1) if depth else greenlet(measure).switch()

    assert half(here // 2) >= here
    assert measure() == here


def test_recursion_limit_reaches_parked_greenlets():
    output = run(
        "def nested(n): return 0 if n == 0 else 1 + nested(n - 1)",
        "def work():",
        "    getcurrent().parent.switch()",
        "    try:",
        "        return nested(3000)",
        "    except RecursionError:",
        "        return 'too deep'",
        "a, b = greenlet(work), greenlet(work)",
        "a.switch(); b.switch()",
        "sys.setrecursionlimit(4000)",
        "print(a.switch())",
        "sys.setrecursionlimit(1000)",
        "print(b.switch())",
    )
    assert output.split("\n") == ["3000", "too deep"]


# Tracing and profiling


def test_trace_function_follows_switches():
    events = []

    def tracer(frame, event, arg):
        if frame.f_code.co_name == "work":
            events.append((frame.f_locals["name"], event))
        return tracer

    def work(name):
        park()
        return name

    early, late = greenlet(work), greenlet(work)
    early.switch("early")
    sys.settrace(tracer)
    try:
        late.switch("late")
        early.switch()
        late.switch()
    finally:
        sys.settrace(None)
    of_late = [event for name, event in events if name == "late"]
    assert of_late == ["call", "line", "line", "return"]


def test_trace_function_set_and_unset_elsewhere():
    events = []

    def work():
        sys.settrace(lambda frame, event, arg: events.append(frame.f_code.co_name))
        park()
        nested(0)
        sys.settrace(None)
        park()

    g = greenlet(work)
    g.switch()
    nested(0)
    assert events.count("nested") == 1
    g.switch()
    assert events.count("nested") == 2
    nested(0)
    assert events.count("nested") == 2
    g.switch()


def test_profile_function_follows_switches():
    calls = []

    def profiler(frame, event, arg):
        if event in ("call", "return") and frame.f_code is nested.__code__:
            calls.append(event)

    def work():
        nested(1)
        park()
        nested(0)

    g = greenlet(work)
    sys.setprofile(profiler)
    try:
        g.switch()
        nested(0)
        g.switch()
    finally:
        sys.setprofile(None)
    nested(3)
    assert calls == ["call", "call", "return", "return"] + ["call", "return"] * 2


def test_a_switch_inside_a_trace_function_leaves_others_traced():
    """Its own frames are not traced, as in any trace function, but those of other greenlets are."""
    seen = []
    inside = []

    def tracer(frame, event, arg):
        if frame.f_code is victim.__code__ and event == "call":
            inside.append(True)
            other.switch()
            inside.append(False)
        elif frame.f_code is nested.__code__ and event == "call":
            seen.append(frame.f_code.co_name)

    def victim():
        pass

    def elsewhere():
        nested(2)
        park()

    other = greenlet(elsewhere)
    sys.settrace(tracer)
    try:
        victim()
        nested(0)
    finally:
        sys.settrace(None)
    assert inside == [True, False]
    assert seen == ["nested"] * 4
    other.switch()


def test_cprofile_counts_calls_in_greenlets():
    import cProfile
    import pstats

    profile = cProfile.Profile()

    def work():
        nested(3)
        park()
        nested(3)

    g = greenlet(work)
    profile.enable()
    g.switch()
    nested(1)
    g.switch()
    profile.disable()
    stats = pstats.Stats(profile).stats
    (calls,) = [entry[1] for key, entry in stats.items() if key[2] == "nested"]
    assert calls == 10


# Generators, coroutines, asyncio


def test_async_generator_hooks_are_per_greenlet():
    def work():
        sys.set_asyncgen_hooks(firstiter=print)
        park()
        return sys.get_asyncgen_hooks().firstiter

    g = greenlet(work)
    g.switch()
    assert sys.get_asyncgen_hooks().firstiter is None
    assert greenlet(sys.get_asyncgen_hooks).switch().firstiter is None
    assert g.switch() is print
    assert sys.get_asyncgen_hooks().firstiter is None


def test_a_bridge_greenlet_sees_the_loop_that_starts_it():
    """As frameworks do that await from blocking code."""

    def blocking():
        assert asyncio.get_running_loop() is not None
        assert asyncio.current_task() is task
        first = park(asyncio.sleep(0, "slept"))
        assert asyncio.current_task() is task
        return first

    async def main():
        nonlocal task
        task = asyncio.current_task()
        g = greenlet(blocking)
        awaitable = g.switch()
        while g:
            awaitable = g.switch(await awaitable)
        return awaitable

    task = None
    assert asyncio.run(main()) == "slept"


def test_whose_the_running_loop_is():
    """Its greenlet's; up to 3.12, where the interpreter offers no way to move it, all the thread's greenlets'."""

    async def main():
        park()
        return asyncio.get_running_loop()

    g = greenlet(asyncio.run)
    coroutine = main()
    g.switch(coroutine)
    try:
        seen = asyncio.get_running_loop() is not None
    except RuntimeError:
        seen = False
    assert seen == (VERSION < (3, 13))
    assert g.switch().is_closed()


# Deallocation


def test_long_chains_are_freed_inside_greenlets():
    def chain():
        top = None
        for _ in range(50_000):
            top = [top]
        tuples = ()
        for _ in range(50_000):
            tuples = (tuples,)
        return 1

    assert [greenlet(chain).switch() for _ in range(3)] == [1, 1, 1]


def test_a_switch_inside_a_deallocation():
    freed = []

    class Node:
        def __init__(self, below):
            self.below = below

        def __del__(self):
            if self.below is None:
                park()
            freed.append(1)

    def work(depth):
        top = None
        for _ in range(depth):
            top = Node(top)
        del top

    all_of_them = [greenlet(work) for _ in range(3)]
    for g in all_of_them:
        g.switch(300)
    nest = None
    for _ in range(50_000):
        nest = [nest]
    del nest
    for g in all_of_them:
        while g:
            g.switch()
    assert len(freed) == 900


# Collection


def test_collector_leaves_parked_frames_alone():
    def work():
        cycle = []
        cycle.append(cycle)
        mine = {"cycle": cycle}
        park()
        return mine["cycle"][0] is cycle

    all_of_them = [greenlet(work) for _ in range(10)]
    for g in all_of_them:
        g.switch()
    gc.collect()
    assert [g.switch() for g in all_of_them] == [True] * 10


def test_a_cycle_through_the_context_of_an_unstarted_greenlet_is_freed():
    variable = contextvars.ContextVar("variable")
    g = greenlet(park)
    context = contextvars.Context()
    context.run(variable.set, g)
    g.gr_context = context
    gone = weakref.ref(g)
    del g, context
    gc.collect()
    assert gone() is None


# Threads and fork


def test_threads_have_their_own():
    results = []

    def work():
        g = greenlet(lambda: (nested(300), park(), nested(900))[2])
        g.switch()
        results.append(g.switch())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [900] * 4


def test_fork_while_another_thread_runs_a_greenlet():
    """The child's interpreter frees that thread's state: the greenlet's chunk must survive it."""
    output = run(
        "import os, threading",
        "inside, done = threading.Event(), threading.Event()",
        "def nested(n): return 0 if n == 0 else 1 + nested(n - 1)",
        "def deep(n): return deep(n - 1) if n else (inside.set(), done.wait())",
        "greenlets = [greenlet(lambda: (nested(200), getcurrent().parent.switch())) for _ in range(20)]",
        "def work():",
        "    g = greenlet(deep)",
        "    globals()['kept'] = g",
        "    g.switch(500)",
        "thread = threading.Thread(target=work); thread.start(); inside.wait()",
        "for g in greenlets: g.switch()",
        "pid = os.fork()",
        "if pid == 0:",
        "    assert greenlet(nested).switch(900) == 900",
        "    for g in greenlets: g.switch()",
        "    os._exit(0)",
        "status = os.waitpid(pid, 0)[1]",
        "done.set(); thread.join()",
        "for g in greenlets: g.switch()",
        "print(os.waitstatus_to_exitcode(status))",
    )
    assert output == "0"


# Other builds


@pytest.mark.parametrize("version", ["0x030900F0", "None"])
def test_another_minor_version_is_refused(version):
    script = f"import sys; sys.hexversion = {version}; import greencore._core"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "ImportError: greencore was built for CPython" in done.stderr
    assert "private version" in done.stderr


def test_shadow_stacks_are_refused():
    """No machine that tests run on has them: a debugger answers in their place."""
    gdb = shutil.which("gdb")
    if gdb is None:
        pytest.skip("no debugger: apt-get install gdb")
    script = "import greencore._core"
    # The assembler gives the function no type, so gdb takes its result for void and can't return one.
    register = {"x86_64": "rax", "aarch64": "x0"}[platform.machine()]
    commands = [
        "set breakpoint pending on", "set confirm off", "set debuginfod enabled off", "break green_swap_shadow_stack_active", "run",
        "return", f"set ${register} = 1", "continue",
    ]
    done = subprocess.run(
        [gdb, "-nx", "-batch", *(word for command in commands for word in ("-ex", command)), "--args", sys.executable, "-c", script],
        capture_output=True, text=True, timeout=60,
    )
    assert "ImportError: greencore can't switch stacks under a shadow stack (CET or GCS)" in done.stderr + done.stdout
    assert "exited with code 01" in done.stdout


@pytest.mark.skipif(VERSION != (3, 14), reason="of 3.14 only the first releases lack the call")
def test_an_interpreter_that_lacks_the_call_that_sets_limits(tmp_path):
    """As 3.14.0 and 3.14.1 do. This one, with the name of the call spoilt."""
    name = b"PyUnstable_ThreadState_SetStackProtection\0"
    program = pathlib.Path(os.path.realpath(sys.executable)).read_bytes()
    assert program.count(name) == 1, "this interpreter is not in one piece"
    old = tmp_path / "python3.14"
    old.write_bytes(program.replace(name, name.replace(b"Set", b"Sit")))
    old.chmod(0o755)
    script = "\n".join(
        [
            "import ctypes, sys",
            "try:",
            "    ctypes.pythonapi.PyUnstable_ThreadState_SetStackProtection",
            "except AttributeError:",
            "    print('lacks it')",
            "import threading",
            "from greencore.greenlet import greenlet, getcurrent",
            "def nested(depth):",
            "    return sorted([depth], key=lambda n: nested(n + 1))",
            "def refused():",
            "    try:",
            "        nested(0)",
            "    except RecursionError:",
            "        return True",
            "def run():",
            "    refused() or print('main')",
            "    small = greenlet(lambda: [refused(), getcurrent().parent.switch(), refused()])",
            "    small.stack_size = 262144",
            "    small.switch()",
            "    greenlet(refused).switch() or print('other')",
            "    refused() or print('main')",
            "    print(small.switch())",
            "run()",
            "thread = threading.Thread(target=run); thread.start(); thread.join()",
        ]
    )
    environment = {**os.environ, "PYTHONHOME": sys.base_prefix, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([old, "-c", script], capture_output=True, text=True, timeout=60, env=environment)
    assert (done.stdout, done.returncode) == ("lacks it\n" + "[True, (), True]\n" * 2, 0), done.stderr


def test_hooks_set_while_the_successor_is_chosen():
    """The parent of one that is over looks its `run` up there: what that sets is not the parent's own."""

    class Parent(greenlet):
        @property
        def run(self):
            sys.set_asyncgen_hooks(firstiter=print)
            looked_up_in.append(getcurrent())
            return lambda value: (value, sys.get_asyncgen_hooks().firstiter)

    looked_up_in = []
    g = greenlet(lambda: 1, Parent())
    assert g.switch() == (1, None) and looked_up_in == [g]
    assert sys.get_asyncgen_hooks().firstiter is None
