"""The end of the interpreter, fork, and interpreters beside the first: each in a process of its own."""

import os
import subprocess
import sys
import textwrap

import pytest

# What the interpreter says of a fork beside threads is no matter here.
FORK_WITH_THREADS = ("-W", "ignore::DeprecationWarning")


def run(script, *options):
    """Run a script; return what it printed. It must succeed and leave nothing on its standard error."""
    done = subprocess.run(
        [sys.executable, *FORK_WITH_THREADS, *options, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


PARK = """
    import atexit, gc, os, sys, threading
    from greenlet import getcurrent, greenlet

    def park(write=os.write):
        try:
            getcurrent().parent.switch()
        finally:
            write(1, b"killed\\n")
"""


def test_parked_greenlets_at_exit():
    assert run(PARK + """
    sys.parked = [greenlet(park) for _ in range(3)]
    [g.switch() for g in sys.parked]
    """) == "killed\n" * 3


def test_parked_greenlets_in_a_cycle_at_exit():
    run(PARK + """
    g = greenlet(park)
    g.switch()
    g.self = g
    """)


def test_parked_greenlets_of_threads_at_exit():
    run(PARK + """
    kept = []
    def work():
        g = greenlet(park)
        g.switch()
        kept.append(g)
    threads = [threading.Thread(target=work) for _ in range(5)]
    for t in threads: t.start()
    for t in threads: t.join()
    """)


def test_exit_within_a_greenlet():
    assert run(PARK + """
    g = greenlet(park)
    g.switch()
    def leave():
        g.parent = getcurrent()
        sys.exit()
    greenlet(leave).switch()
    os.write(1, b"not reached")
    """).replace("killed\n", "") == ""


def test_daemon_thread_within_a_greenlet_at_exit():
    run("""
    import threading, time
    from greenlet import greenlet
    ready = threading.Event()
    def spin():
        ready.set()
        while True:
            time.sleep(0.001)
    threading.Thread(target=lambda: greenlet(spin).switch(), daemon=True).start()
    ready.wait()
    """)


def test_getcurrent_in_exit_functions_and_finalizers():
    out = run(PARK + """
    from gevent import getcurrent
    main = getcurrent()
    class Last:
        def __del__(self, getcurrent=getcurrent, main=main, write=os.write):
            write(1, b"finalizer %d\\n" % (getcurrent() is main))
    last = Last()
    cycle = Last()
    cycle.self = cycle
    sys.last = Last()
    gc.disable()
    atexit.register(lambda: os.write(1, b"exit %d\\n" % (getcurrent() is main)))
    """)
    assert sorted(out.splitlines()) == ["exit 1"] + ["finalizer 1"] * 3


def test_greenlets_own_getcurrent_in_exit_functions_and_finalizers():
    """It raises in finalizers, as users of greenlet know it."""
    out = run(PARK + """
    main = getcurrent()
    class Last:
        def __del__(self, getcurrent=getcurrent, write=os.write):
            try:
                getcurrent()
            except RuntimeError as error:
                write(1, b"finalizer: %s\\n" % str(error).encode())
    last = Last()
    cycle = Last()
    cycle.self = cycle
    gc.disable()
    atexit.register(lambda: os.write(1, b"exit %d\\n" % (getcurrent() is main)))
    """)
    assert out.splitlines() == ["exit 1"] + ["finalizer: greenlet is being finalized"] * 2


def test_switches_in_exit_functions_and_finalizers():
    out = run(PARK + """
    class Last:
        def __del__(self, greenlet=greenlet, write=os.write):
            write(1, greenlet(lambda: b"finalizer\\n").switch())
    sys.last = Last()
    atexit.register(lambda: os.write(1, greenlet(lambda: b"exit\\n").switch()))
    """)
    assert out.splitlines() == ["exit", "finalizer"]


def test_fork_in_a_greenlet():
    out = run("""
    import os
    from greenlet import getcurrent, greenlet
    def work():
        pid = os.fork()
        if pid == 0:
            getcurrent().parent.switch("child")
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    g = greenlet(work)
    result = g.switch()
    if result == "child":
        assert greenlet(lambda: 5).switch() == 5
        g.switch()
    print(result)
    """)
    assert out == "7\n"


@pytest.mark.parametrize("where", ["main", "greenlet"])
def test_fork_beside_threads_that_are_within_greenlets(where):
    """In the child these threads are gone; the interpreter clears their states."""
    run(f"""
    import gc, os, threading
    from greenlet import getcurrent, greenlet
    ready = threading.Barrier(4)
    done = threading.Event()
    def deep(n):
        if n:
            return deep(n - 1)
        ready.wait()
        done.wait()
    threads = [threading.Thread(target=lambda: greenlet(deep).switch(100)) for _ in range(3)]
    for t in threads: t.start()
    ready.wait()
    def work():
        pid = os.fork()
        if pid == 0:
            gc.collect()
            for _ in range(10):
                t = threading.Thread(target=lambda: greenlet(lambda: None).switch())
                t.start(); t.join()
            os._exit(0)
        done.set()
        for t in threads: t.join()
        assert os.waitpid(pid, 0)[1] == 0
    {"work()" if where == "main" else "greenlet(work).switch()"}
    """)


def test_fork_in_a_thread():
    run("""
    import os, threading
    from greenlet import getcurrent, greenlet
    parked = greenlet(lambda: getcurrent().parent.switch())
    parked.switch()
    def work():
        pid = os.fork()
        if pid == 0:
            assert greenlet(lambda: 5).switch() == 5
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    t = threading.Thread(target=lambda: greenlet(work).switch())
    t.start(); t.join()
    """)


def test_subinterpreter_is_refused():
    out = run("""
    import greenlet
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    lines = [
        "try:",
        "    import greencore._core",
        "except ImportError as error:",
        "    print('refused:', error)",
    ]
    id = interpreters.create()
    interpreters.run_string(id, "\\n".join(lines))
    interpreters.destroy(id)
    """)
    assert out.startswith("refused: ") and "interpreter" in out


def test_core_alone_can_be_imported_and_left():
    run("import greencore._core", "-X", "dev", "-W", "error")


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux's list of mappings")
def test_stacks_of_killed_greenlets_are_used_again():
    run("""
    from greenlet import getcurrent, greenlet
    def maps():
        with open("/proc/self/maps") as file:
            return len(file.readlines())
    def rounds(n):
        for _ in range(n):
            g = greenlet(lambda: getcurrent().parent.switch())
            g.switch()
    rounds(100)
    before = maps()
    rounds(5000)
    assert maps() <= before + 5
    """)
