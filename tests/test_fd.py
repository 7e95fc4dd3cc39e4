"""Readiness of descriptors: what is registered with the kernel, and what becomes of waits."""

import contextlib
import os
import re
import shutil
import subprocess
import threading

import pytest

import gevent
from greencore import _core
from greencore.exceptions import ConcurrentObjectUseError, LoopExit
from greencore.socket import cancel_wait_ex, socket, socketpair, wait_read, wait_readwrite, wait_write
from isolated.run import run_script


def fill(w):
    """Write to the pipe until nothing more fits."""
    os.set_blocking(w, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(w, b"x" * 65536)


def test_wait_read(pipe):
    r, w = pipe
    reader = gevent.spawn(wait_read, r)
    gevent.sleep(0)
    assert not reader.ready()
    os.write(w, b"x")
    assert reader.get(timeout=5) is None


def test_wait_write_on_a_full_pipe(pipe):
    r, w = pipe
    fill(w)
    writer = gevent.spawn(wait_write, w)
    gevent.sleep(0.001)
    assert not writer.ready()
    os.read(r, 1 << 20)
    writer.get(timeout=5)


def test_wait_readwrite(pipe):
    _, w = pipe
    wait_readwrite(w)


def test_both_ends_of_one_socket():
    a, b = socketpair()
    with a, b:
        fired = []
        reader = gevent.spawn(lambda: (wait_read(a.fileno()), fired.append("read")))
        writer = gevent.spawn(lambda: (wait_write(a.fileno()), fired.append("write")))
        writer.get(timeout=5)
        assert fired == ["write"]
        b.send(b"x")
        reader.get(timeout=5)
        assert fired == ["write", "read"]


def test_several_readers_are_woken_in_the_order_they_came(pipe):
    r, w = pipe
    order = []
    readers = [gevent.spawn(lambda i=i: (wait_read(r), order.append(i))) for i in range(5)]
    gevent.sleep(0)
    os.write(w, b"x")
    gevent.joinall(readers, timeout=5)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "arguments, raised",
    [((), TimeoutError), ((KeyError,), KeyError), ((KeyError("mine"),), KeyError), ((None,), gevent.Timeout)],
)
def test_timeout_exception(pipe, arguments, raised):
    with pytest.raises(raised):
        wait_read(pipe[0], 0.001, *arguments)


def test_false_as_timeout_exception_is_silent(pipe):
    assert wait_read(pipe[0], timeout=0.001, timeout_exc=False) is None


def test_zero_timeout_lets_others_run_once(pipe):
    ran = []
    gevent.spawn(ran.append, 1)
    with pytest.raises(TimeoutError):
        wait_read(pipe[0], 0)
    assert ran == [1]


@pytest.mark.parametrize("timeout, error", [(float("nan"), ValueError), ("1", TypeError)])
def test_bad_timeouts(pipe, timeout, error):
    with pytest.raises(error):
        wait_read(pipe[0], timeout)


@pytest.mark.parametrize("fd, error", [(-1, ValueError), ("x", TypeError), (None, TypeError)])
def test_what_is_no_descriptor(fd, error):
    with pytest.raises(error):
        wait_read(fd)


def test_number_that_is_not_open(pipe):
    r, _ = pipe
    os.close(r)
    with pytest.raises(OSError, match="Bad file descriptor"):
        wait_read(r)


def test_number_beyond_all_that_is_open_makes_no_table():
    with pytest.raises(OSError, match="Bad file descriptor"):
        wait_read(2**31 - 1)


def test_regular_file_is_always_ready(tmp_path):
    with open(tmp_path / "file", "wb") as file:
        for _ in range(2):
            wait_read(file.fileno(), 5)
            wait_write(file.fileno(), 5)


def test_regular_file_does_not_keep_the_loop_spinning(tmp_path, pipe):
    with open(tmp_path / "file", "wb") as file:
        wait_read(file.fileno())
        iterations = gevent.get_hub().loop.iteration
        with pytest.raises(TimeoutError):
            wait_read(pipe[0], 0.05)
        assert gevent.get_hub().loop.iteration - iterations < 20


def test_number_of_a_regular_file_becomes_a_pipes(tmp_path, pipe):
    with open(tmp_path / "file", "wb") as file:
        number = file.fileno()
        wait_read(number)
    os.dup2(pipe[0], number)
    with pytest.raises(TimeoutError):
        wait_read(number, 0.001)
    os.write(pipe[1], b"x")
    wait_read(number, 5)
    os.close(number)


def test_waiting_does_not_change_the_file(pipe):
    wait_write(pipe[1])
    assert os.get_blocking(pipe[1])


def test_hangup_wakes_a_reader(pipe):
    r, w = pipe
    reader = gevent.spawn(wait_read, r)
    gevent.sleep(0)
    os.close(w)
    reader.get(timeout=5)


def test_error_wakes_a_writer(pipe):
    r, w = pipe
    fill(w)
    writer = gevent.spawn(wait_write, w)
    gevent.sleep(0)
    os.close(r)
    writer.get(timeout=5)
    with pytest.raises(BrokenPipeError):
        os.write(w, b"x")


def test_wait_that_nobody_can_end_keeps_the_loop_running(pipe):
    woken = []
    timer = threading.Timer(0.05, os.write, (pipe[1], b"x"))
    timer.start()
    wait_read(pipe[0])  # nothing else is left in the loop: no LoopExit
    woken.append(True)
    timer.join()
    assert woken


def test_wait_of_a_socket_without_ref_does_not():
    a, b = socketpair()
    with a, b:
        a.ref = False
        with pytest.raises(LoopExit):
            a.recv(1)


def test_descriptor_closed_behind_our_back_before_the_poll():
    """libuv aborts when it is to register a closed descriptor."""
    a, b = socketpair()
    gevent.spawn(os.close, a.fileno())
    with pytest.raises(OSError, match="Bad file descriptor"):
        a.recv(1)
    a.detach()
    b.close()


def test_other_number_closed_before_the_poll(pipe):
    r, _ = pipe
    gevent.spawn(os.close, r)
    assert wait_read(r, 5) is None  # the system call that follows tells


def test_reused_number_never_meets_the_old_registration():
    a, b = socketpair()
    number = a.fileno()
    gevent.spawn(b.send, b"x")
    assert a.recv(1) == b"x"  # it stays registered
    os.close(number)
    c, d = socketpair()
    assert c.fileno() == number
    gevent.spawn_later(0.001, d.send, b"y")
    c.settimeout(5)
    assert c.recv(1) == b"y"
    a.detach()
    for sock in (b, c, d):
        sock.close()


def test_closed_number_wakes_the_old_owner_only():
    a, b = socketpair()
    number = a.fileno()
    old = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    a.close()
    c, d = socketpair()
    assert c.fileno() == number
    new = gevent.spawn(c.recv, 1)
    d.send(b"x")
    with pytest.raises(cancel_wait_ex):
        old.get(timeout=5)
    assert new.get(timeout=5) == b"x"
    for sock in (b, c, d):
        sock.close()


def test_readiness_object(pipe):
    r, w = pipe
    readiness = _core.Readiness(r)
    reader = gevent.spawn(readiness.wait_read)
    gevent.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        readiness.wait_read()
    os.write(w, b"x")
    reader.get(timeout=5)
    os.read(r, 1)
    reader = gevent.spawn(readiness.wait_read)
    gevent.sleep(0)
    readiness.close()
    with pytest.raises(cancel_wait_ex):
        reader.get(timeout=5)
    with pytest.raises(OSError, match="Bad file descriptor"):
        readiness.wait_read()


def test_killed_wait_leaves_nothing_behind(pipe):
    r, w = pipe
    reader = gevent.spawn(wait_read, r)
    gevent.sleep(0)
    reader.kill()
    os.write(w, b"x")
    wait_read(r, 5)


def test_out_of_band_data():
    listener = socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    a = socket()
    a.connect(listener.getsockname())
    b, _ = listener.accept()
    with listener, a, b:
        assert _core.wait_any({b.fileno(): 4}, 0.001) is None
        a.send(b"!", 1)  # MSG_OOB
        assert _core.wait_any({b.fileno(): 4}, 5) == {b.fileno(): 4}


def test_wait_any_tells_what_was_seen_and_what_was_closed():
    a, b = socketpair()
    number = a.fileno()
    gevent.spawn(a.close)
    assert _core.wait_any({number: 1, b.fileno(): 1}, 5) == {number: 8}
    b.close()
    a, b = socketpair()
    with a, b:
        assert _core.wait_any({a.fileno(): 1, b.fileno(): 3}, 5) == {b.fileno(): 2}


@contextlib.contextmanager
def many_pairs(count):
    """Pairs of sockets, more than are polled one by one."""
    pairs = [socketpair() for _ in range(count)]
    try:
        yield pairs
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


def test_wait_any_of_many():
    with many_pairs(20) as pairs:
        wanted = {a.fileno(): 1 for a, _ in pairs}
        before = os.listdir("/proc/self/fd")
        assert _core.wait_any(wanted, 0.001) is None
        pairs[7][1].send(b"!")
        number = pairs[7][0].fileno()
        assert _core.wait_any(wanted, 5) == {number: 1}
        wanted[pairs[3][0].fileno()] = wanted[number] = 3
        assert _core.wait_any(wanted, 5) == {pairs[3][0].fileno(): 2, number: 3}
        assert os.listdir("/proc/self/fd") == before


def test_wait_any_of_many_is_woken_by_news_and_by_a_close():
    with many_pairs(20) as pairs:
        wanted = {a.fileno(): 1 for a, _ in pairs}
        gevent.spawn(pairs[5][1].send, b"!")
        assert _core.wait_any(wanted, 5) == {pairs[5][0].fileno(): 1}
        pairs[5][0].recv(1)
        number = pairs[6][0].fileno()
        gevent.spawn(pairs[6][0].close)
        assert _core.wait_any(wanted, 5) == {number: 8}
        assert _core.wait_any(wanted, 5) == {}  # it is not open any more


def test_wait_any_of_many_where_one_is_a_plain_file():
    with many_pairs(20) as pairs, open(__file__) as file:
        wanted = {a.fileno(): 1 for a, _ in pairs} | {file.fileno(): 1}
        assert _core.wait_any(wanted, 5) == {file.fileno(): 1}


def test_wait_any_refuses_what_are_no_descriptors():
    for wanted in ([1], {1: "a"}, {"a": 1}, {1.5: 1}):
        with pytest.raises(TypeError):
            _core.wait_any(wanted, 0)
    for wanted in ({1 << 40: 1}, {1: 1 << 40}, {1 << 80: 1}):
        with pytest.raises(OverflowError):
            _core.wait_any(wanted, 0)


def test_forked_child_registers_anew_and_leaves_the_parents_alone():
    assert run_script("fd_fork.py").split() == ["child", "parent"]


@pytest.mark.parametrize("how", ["close", "stop", "wait", "destroy"])
def test_child_that_nobody_announced_takes_nothing_from_its_parent(how):
    assert run_script("fd_raw_fork.py", how) == "parent\n"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_ping_pong_makes_no_epoll_ctl(tmp_path):
    log = tmp_path / "log"
    tried = subprocess.run(["strace", "-o", log, "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("strace may not trace here")
    run_script("fd_ping_pong.py", prefix=["strace", "-f", "-e", "trace=epoll_ctl,write", "-o", str(log)])
    between = re.search(r"BEGIN(.*)END", log.read_text(), re.DOTALL).group(1)
    assert "epoll_ctl" not in between
