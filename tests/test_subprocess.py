"""Children and their pipes."""

import subprocess as standard
import sys
import time

import pytest
from isolated.run import LIMIT, check_code

import gevent
from gevent import subprocess
from gevent.subprocess import PIPE, Popen

PYTHON = sys.executable


def python(code, **kwargs):
    return Popen([PYTHON, "-c", code], **kwargs)


def test_waiting_lets_others_run():
    ticks = []
    ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(5)])
    with python("import time; time.sleep(0.1)") as child:
        assert child.poll() is None
        assert child.wait() == 0
    assert ticker.ready() and len(ticks) == 5


def test_many_may_wait():
    child = python("import sys; sys.exit(3)")
    waiters = [gevent.spawn(child.wait) for _ in range(5)]
    linked = []
    child.rawlink(linked.append)
    assert [waiter.get(timeout=30) for waiter in waiters] == [3] * 5
    gevent.sleep(0)
    assert linked == [child] and child.ready() and child.result.get() == 3
    assert gevent.wait([child.result], timeout=5)


def test_wait_with_a_time_limit():
    child = python("import time; time.sleep(60)")
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.01)
    assert child.poll() is None
    child.kill()
    assert child.wait() == -9


def test_communicate_more_than_pipes_hold():
    data = b"x" * 1_000_000
    child = python(
        "import sys; data = sys.stdin.buffer.read(); sys.stderr.write('e' * 300000); sys.stdout.buffer.write(data)",
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    out, err = child.communicate(data)
    assert out == data and err == b"e" * 300_000 and child.returncode == 0


def test_communicate_after_closing_stdin():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.close()
        assert child.communicate() == (b"", None)


def test_communicate_again_after_a_time_out():
    child = python(
        "import sys, time; print('one', flush=True); sys.stdin.readline(); print('two')",
        stdin=PIPE, stdout=PIPE, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "one\n"
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.01)
    out, err = child.communicate("go\n", timeout=30)
    assert (out, err) == ("two\n", None)


def test_functions():
    assert subprocess.run([PYTHON, "-c", "print(1)"], capture_output=True, text=True).stdout == "1\n"
    assert subprocess.call([PYTHON, "-c", "raise SystemExit(2)"]) == 2
    assert subprocess.check_output([PYTHON, "-c", "print(input())"], input=b"in\n") == b"in\n"
    with pytest.raises(standard.CalledProcessError):
        subprocess.check_call([PYTHON, "-c", "raise SystemExit(2)"])
    with pytest.raises(FileNotFoundError):
        Popen(["/no/such/program"])
    assert subprocess.getoutput("echo a") == "a"


def test_functions_use_our_popen():
    assert subprocess.run.__globals__["Popen"] is Popen
    assert issubclass(Popen, standard.Popen)


def test_inherited_descriptors_block():
    first = python("import time; time.sleep(0.05); print('late')", stdout=PIPE)
    second = python("print(input())", stdin=first.stdout, stdout=PIPE)
    assert second.communicate()[0] == b"late\n"
    first.wait()
    first.stdout.close()


def test_no_zombie_is_left():
    children = [python("pass") for _ in range(3)]
    for child in children:
        child.wait()
    for child in children:
        with open("/proc/self/task/%d/children" % __import__("os").getpid()) as file:
            assert str(child.pid) not in file.read().split()


def test_dropped_while_it_runs():
    with pytest.warns(ResourceWarning):
        child = python("import time; time.sleep(0.01)")
        pid = child.pid
        del child
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        gevent.sleep(0.01)
        try:
            with open(f"/proc/{pid}/stat") as file:
                assert file.read().split()[2] != "Z" or time.monotonic() < deadline - 1
        except FileNotFoundError:
            break


def test_sigchld_of_the_program():
    check_code(
        """
        import signal, subprocess, sys, gevent
        seen = []
        def handler(signum, frame):
            gevent.sleep(0)
            seen.append(signum == signal.SIGCHLD)
        signal.signal(signal.SIGCHLD, handler)
        assert signal.getsignal(signal.SIGCHLD) is handler
        print(subprocess.call([sys.executable, "-c", "pass"]))
        while not seen: gevent.sleep(0.001)
        print(seen)
        """,
        """
        0
        [True]
        """,
    )


def test_only_on_the_main_loop():
    from gevent.threadpool import ThreadPool

    pool = ThreadPool(1)
    with pytest.raises(TypeError, match="child watchers are only available on the default loop"):
        pool.apply(Popen, (["true"],))
    pool.kill()


IMPORTED_IN_A_THREAD = """
import threading, warnings

def work():
    import greencore.alias
    greencore.alias.install()
    from gevent import monkey
    warnings.simplefilter("ignore")
    monkey.patch_all()
    import gevent, os, subprocess

    print(gevent.get_hub().loop.default)
    print(subprocess.check_output(["echo", "one"]))
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(child.communicate(b"two"), child.wait())
    print(os.system("exit 3") >> 8, flush=True)
    if not (pid := os.fork()):
        os._exit(4)
    print(os.waitpid(pid, 0)[1] >> 8)

thread = threading.Thread(target=work)
thread.start()
thread.join()
import subprocess

print(subprocess.check_output(["echo", "three"]))
"""


def test_in_the_thread_that_imported_gevent():
    done = subprocess.run([sys.executable, "-c", IMPORTED_IN_A_THREAD], capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.splitlines() == ["True", "b'one\\n'", "(b'two', None) 0", "3", "4", "b'three\\n'"], done.stderr
