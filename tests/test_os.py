"""Descriptors, forks and waiting for children."""

import os
import signal

import pytest
from isolated.run import check_code, run_code

import gevent
from gevent import os as green_os


def test_nonblocking_read_and_write():
    r, w = os.pipe()
    assert green_os.make_nonblocking(r) and green_os.make_nonblocking(w)
    assert green_os.make_nonblocking(r) is None
    reader = gevent.spawn(green_os.nb_read, r, 10)
    gevent.sleep(0)
    assert not reader.ready()
    assert green_os.nb_write(w, b"abc") == 3
    assert reader.get(timeout=5) == b"abc"
    writer = gevent.spawn(lambda: sum(green_os.nb_write(w, b"x" * 65536) for _ in range(4)))
    gevent.sleep(0)
    assert not writer.ready()
    total = 0
    while not writer.ready():
        total += len(green_os.nb_read(r, 65536))
        gevent.sleep(0)
    green_os.close(w)
    while chunk := green_os.nb_read(r, 65536):
        total += len(chunk)
    assert total == writer.get()
    green_os.close(r)
    with pytest.raises(OSError):
        green_os.close(r)


@pytest.mark.parametrize("number", [-1, 1 << 20])
def test_close_of_what_is_no_descriptor(number):
    gevent.sleep(0.001)  # the loop is made
    with pytest.raises(OSError, match="Bad file descriptor"):
        green_os.close(number)


def test_threads_read_and_write():
    r, w = os.pipe()
    reader = gevent.spawn(green_os.tp_read, r, 10)
    assert green_os.tp_write(w, b"abc") == 3
    assert reader.get(timeout=5) == b"abc"
    os.close(r)
    os.close(w)


def test_close_wakes_who_waits():
    r, w = os.pipe()
    green_os.make_nonblocking(r)
    reader = gevent.spawn(green_os.nb_read, r, 10)
    gevent.sleep(0)
    green_os.close(r)
    with pytest.raises(OSError):
        reader.get(timeout=5)
    os.close(w)


def test_waitpid():
    pid = green_os.fork()
    if not pid:
        os._exit(7)
    assert green_os.waitpid(pid, 0) == (pid, 7 << 8)
    for target in (pid, -1):
        with pytest.raises(ChildProcessError):
            green_os.waitpid(target, 0)


def test_waitpid_without_waiting():
    pid = green_os.fork()
    if not pid:
        signal.pause()
    assert green_os.waitpid(pid, os.WNOHANG) == (0, 0)
    waiter = gevent.spawn(green_os.waitpid, pid, 0)
    gevent.sleep(0.001)
    assert not waiter.ready()
    os.kill(pid, signal.SIGKILL)
    assert waiter.get(timeout=10) == (pid, signal.SIGKILL)


def test_waitpid_for_any():
    pids = []
    for status in (1, 2):
        pids.append(green_os.fork())
        if not pids[-1]:
            os._exit(status)
    assert {green_os.waitpid(-1, 0)[0] for _ in pids} == set(pids)


@pytest.mark.parametrize(
    "wait",
    [
        lambda pid: green_os.wait(),
        lambda pid: green_os.wait3(0)[:2],
        lambda pid: green_os.wait4(pid, 0)[:2],
        lambda pid: (green_os.waitid(os.P_PID, pid, os.WEXITED).si_pid, signal.SIGKILL),
        lambda pid: (green_os.waitid(os.P_ALL, 0, os.WEXITED | os.WSTOPPED).si_pid, signal.SIGKILL),
        lambda pid: (
            green_os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT).si_pid,
            green_os.waitpid(pid, os.WNOHANG)[1],
        ),
    ],
    ids=["wait", "wait3", "wait4", "waitid", "waitid for any", "waitid that leaves it"],
)
def test_other_waits(wait):
    pid = green_os.fork()
    if not pid:
        signal.pause()
    waiter = gevent.spawn(wait, pid)
    gevent.sleep(0.001)
    assert not waiter.ready()
    os.kill(pid, signal.SIGKILL)
    assert waiter.get(timeout=10) == (pid, signal.SIGKILL)
    with pytest.raises(ChildProcessError):
        wait(pid)


def test_other_waits_without_waiting():
    pid = green_os.fork()
    if not pid:
        signal.pause()
    assert green_os.wait3(os.WNOHANG)[0] == green_os.wait4(pid, os.WNOHANG)[0] == 0
    assert green_os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG) is None
    os.kill(pid, signal.SIGKILL)
    assert green_os.waitpid(pid, 0)[0] == pid


@pytest.mark.parametrize("end, how", [(3, (3, os.CLD_EXITED)), (signal.SIGKILL, (signal.SIGKILL, os.CLD_KILLED))])
def test_waitid_for_a_child_that_was_watched(end, how):
    ended = gevent.event.Event()
    pid = green_os.fork(callback=lambda watcher: ended.set())
    if not pid:
        if end == 3:
            os._exit(3)
        os.kill(os.getpid(), end)
    assert ended.wait(10)
    for options in (os.WEXITED | os.WNOWAIT, os.WEXITED | os.WNOHANG):
        result = green_os.waitid(os.P_PID, pid, options)
        assert (result.si_pid, result.si_signo, result.si_status, result.si_code) == (pid, signal.SIGCHLD, *how)
    with pytest.raises(ChildProcessError):
        green_os.waitid(os.P_PID, pid, os.WEXITED)


def test_fork_and_watch():
    seen = []
    pid = green_os.fork_and_watch(lambda watcher: seen.append((watcher.pid, watcher.rstatus)))
    if not pid:
        os._exit(5)
    while not seen:
        gevent.sleep(0.001)
    assert seen == [(pid, 5 << 8)]
    assert green_os.waitpid(pid, 0) == (pid, 5 << 8)


def test_forkpty():
    pid, fd = green_os.forkpty()
    if not pid:
        os.write(1, b"hello")
        os._exit(0)
    assert os.read(fd, 5) == b"hello"
    green_os.waitpid(pid, 0)
    os.close(fd)


def test_only_the_greenlet_that_forks_goes_on():
    status, output = run_code(
        """
        import gevent, os, threading
        def other(): gevent.sleep(0.005); os.write(1, b"other\\n")
        gevent.spawn(other)
        gevent.spawn_later(0.005, os.write, 1, b"later\\n")
        threading.Thread(target=other, daemon=True).start()
        pid = os.fork()
        if not pid:
            gevent.sleep(0.05)
            new = gevent.spawn(lambda: "new").get()
            os.write(1, f"child {new} {threading.active_count()}\\n".encode())
            os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert (status, sorted(output.splitlines())) == (0, ["child new 1", "later", "other", "other"])


def test_greenlets_can_be_kept():
    status, output = run_code(
        """
        import gevent, os
        gevent.config.fork_keeps_greenlets = True
        def other(): gevent.sleep(0.005); os.write(1, b"other\\n")
        greenlet = gevent.spawn(other)
        gevent.sleep(0)
        pid = os.fork()
        greenlet.join()
        if not pid: os._exit(0)
        os.waitpid(pid, 0)
        """
    )
    assert (status, output) == (0, "other\nother\n")


def test_fork_from_a_greenlet():
    check_code(
        """
        import gevent, os, sys, threading
        def body():
            pid = os.fork()
            if not pid:
                assert threading.current_thread() is threading.main_thread()
                gevent.sleep(0.001)
                return 1
            return os.waitpid(pid, 0)[1]
        print(gevent.spawn(body).get())
        """,
        "0",
    )


def test_nothing_switches_inside_fork_hooks():
    status, output = run_code(
        """
        import gevent, logging, os
        from gevent.exceptions import BlockingSwitchOutError
        def hook():
            try: gevent.sleep(0)
            except BlockingSwitchOutError: os.write(1, b"refused\\n")
        os.register_at_fork(before=hook)
        def logs():
            with logging._lock: gevent.sleep(0.01)
        gevent.spawn(logs)
        gevent.sleep(0)
        pid = os.fork()
        if not pid: os._exit(0)
        print(os.waitpid(pid, 0)[1])
        """
    )
    assert (status, output) == (0, "refused\n0\n")


def test_a_hook_starts_a_thread_in_the_child():
    """As libraries do whose writer threads a fork leaves behind. The parent's greenlets run no more there."""
    check_code(
        """
        import gevent, os, queue, threading
        from gevent.event import Event
        lines, written = queue.Queue(), threading.Event()
        def write():
            for line in iter(lines.get, None): os.write(1, line)
            written.set()
        def hook():
            global writer
            writer = threading.Thread(target=write)
            writer.start()
        os.register_at_fork(after_in_child=hook)
        go, parents = Event(), []
        left = gevent.spawn(lambda: (go.wait(), os.write(1, b"here\\n")))
        r, w = os.pipe()
        ready = gevent.spawn(lambda: (os.write(1, b"parent\\n"), os.write(w, b"x")))
        pid = os.fork()
        if not pid:
            os.read(r, 1)
            go.set()
            assert writer.is_alive()
            lines.put(b"child\\n")
            lines.put(None)
            assert written.wait(10)
            writer.join()
            os._exit(0)
        print(os.waitpid(pid, 0)[1], flush=True)
        go.set()
        left.join()
        """,
        "parent\nchild\n0\nhere",
    )


def test_closerange_wakes_who_waits_and_spares_the_loop():
    check_code(
        """
        import gevent, os
        from gevent import socket
        gevent.get_hub().exception_stream = None
        a, b = socket.socketpair()
        waits = gevent.spawn(a.recv, 1)
        gevent.sleep(0.001)
        kept = os.open("/dev/null", os.O_RDONLY)
        os.closerange(3, kept)
        os.fstat(kept)
        try: waits.get()
        except OSError as error: print(error.errno)
        gevent.sleep(0.001)
        for end in (a, b): end.detach()
        print(gevent.get_hub().threadpool.apply(len, ("ab",)))
        """,
        "9\n2",
    )


def test_closerange_after_the_end_of_the_loop():
    check_code(
        """
        import gevent, os
        number = os.open("/dev/null", os.O_RDONLY)
        gevent.get_hub().loop.destroy()
        os.closerange(number, number + 1)
        try: os.fstat(number)
        except OSError as error: print(error.errno)
        """,
        "9",
    )


LOST = """
import gevent, os, sys
from gevent import get_hub, socket
pair = socket.socketpair()
gevent.spawn(pair[0].recv, 1)
gevent.sleep(0.001)
get_hub().exception_stream = None
def tell(wait):
    try: wait()
    except RuntimeError as error: print(error, flush=True)
"""
TOLD = "the event loop cannot go on: its own descriptors have been closed, by something like os.closerange()\n"


@pytest.mark.parametrize("seconds", [1e-9, 0.001])
@pytest.mark.parametrize("after", ["pass", "files = [open(os.devnull) for _ in range(20)]"])
def test_a_loop_whose_descriptors_were_closed_says_so(after, seconds):
    status, output = run_code(
        LOST
        + f"""
os.closerange(3, 100)
for end in pair: end.detach()  # its number may be another's
{after}
tell(lambda: gevent.sleep({seconds}))
tell(lambda: gevent.sleep({seconds}))
print(gevent.spawn(len, "ab").get(), flush=True)
get_hub().destroy(destroy_loop=True)
if {len(after)} > 4: assert [file.read() for file in files] == [""] * 20
gevent.sleep(0.001)
""",
        patched=False,
    )
    assert (status, output) == (0, TOLD * 2 + "2\n")


def test_a_daemons_loop_whose_descriptors_were_closed_says_so():
    status, output = run_code(
        LOST
        + """
pid = os.fork()
if pid: os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.closerange(3, 100)
log = open(os.devnull)
tell(lambda: gevent.spawn(gevent.sleep, 0.001).join())
os._exit(0)
""",
        patched=False,
    )
    assert (status, output) == (0, TOLD)


@pytest.mark.parametrize("wait", ["pair[0].recv(1)", "select.select([pair[0]], [], [])", "gevent.get_hub().wait(io)"])
def test_a_wait_outlives_a_loop_whose_descriptors_were_closed(wait):
    status, output = run_code(
        f"""
import gevent, os
from gevent import select, socket
gevent.get_hub().exception_stream = None
pair = socket.socketpair()
io = gevent.get_hub().loop.io(pair[1].fileno(), 1)
waits = gevent.spawn(lambda: {wait})
gevent.sleep(0.001)
os.closerange(3, 100)
try: gevent.sleep(0.001)
except RuntimeError: pass
gevent.get_hub().destroy(destroy_loop=True)
try: waits.throw()
except gevent.exceptions.LoopExit: pass  # nobody switches back
print(repr(waits.value), flush=True)
os._exit(0)
""",
        patched=False,
    )
    assert (status, output) == (0, "GreenletExit()\n")


def test_sockets_that_native_threads_close_at_any_time():
    check_code(
        """
        import gevent, os, threading
        from gevent import monkey, socket
        start, close = monkey.get_original("_thread", "start_new_thread"), monkey.get_original("os", "close")
        gevent.get_hub().exception_stream = None
        seen = set()
        for _ in range(300):
            a, b = socket.socketpair()
            fd = a.fileno()
            waits = gevent.spawn(a.recv, 1)
            start(close, (fd,))
            gevent.sleep(0)
            b.close()  # ends the wait, unless the descriptor was closed during it: nobody hears of that
            gevent.sleep(0)
            waits.kill()
            if waits.exception: seen.add(waits.exception.errno)
            a.detach()
        print(seen <= {9})
        """,
        "True",
    )
