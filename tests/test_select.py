"""select, poll and epoll: what the standard ones return, while other greenlets run."""

import os
import select as standard
import time

import pytest

import gevent
from gevent import select, socket


def timed(call):
    began = time.monotonic()
    found = call()
    return found, time.monotonic() - began


def make_poll(fd, events="r"):
    poller = select.poll()
    poller.register(fd, (select.POLLIN if "r" in events else 0) | (select.POLLOUT if "w" in events else 0))
    return lambda seconds: poller.poll(None if seconds is None else seconds * 1000)


def make_epoll(fd, events="r"):
    poller = select.epoll()
    poller.register(fd, (select.EPOLLIN if "r" in events else 0) | (select.EPOLLOUT if "w" in events else 0))
    return poller.poll


def make_select(fd, events="r"):
    reads, writes = [fd] if "r" in events else [], [fd] if "w" in events else []

    def wait(seconds):
        r, w, _ = select.select(reads, writes, [], seconds)
        return r + w

    return wait


WAITS = [make_select, make_poll, make_epoll]


@pytest.mark.parametrize("make", WAITS)
class TestEach:
    def test_ready_at_once(self, make, pair):
        a, b = pair
        b.send(b"x")
        wait = make(a.fileno())
        for timeout in (0, 1, None):  # level-triggered: as often as it is asked
            assert wait(timeout)

    def test_wakes_up(self, make, pair):
        a, b = pair
        gevent.spawn_later(0.001, b.send, b"x")
        assert make(a.fileno())(5)

    def test_wakes_up_for_writing(self, make, pair):
        a, b = pair
        a.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                a.send(b"x" * 65536)
        wait = make(a.fileno(), "w")
        assert not wait(0.001)
        gevent.spawn_later(0.001, b.recv, 1 << 24)
        assert wait(5)

    def test_never_ends_before_its_time(self, make, pair):
        wait = make(pair[0].fileno())
        for timeout in (0.001, 0.0025, 0.0109):
            found, took = timed(lambda: wait(timeout))
            assert not found
            assert took >= timeout

    def test_something_else_does_not_end_it_early(self, make, pair):
        """What is ready and taken by somebody else is not ready."""
        a, b = pair

        def steal():
            b.send(b"x")
            a.recv(1)

        gevent.spawn(steal)
        found, took = timed(lambda: make(a.fileno())(0.02))
        assert not found
        assert took >= 0.02

    def test_zero_lets_others_run_once(self, make, pair):
        ran = []
        gevent.spawn(ran.append, 1)
        assert not make(pair[0].fileno())(0)
        assert ran == [1]

    def test_ready_lets_others_run_once(self, make, pair):
        ran = []
        pair[1].send(b"x")
        gevent.spawn(ran.append, 1)
        assert make(pair[0].fileno())(None)
        assert ran == [1]

    def test_hangup(self, make, pair):
        a, b = pair
        gevent.spawn(b.close)
        assert make(a.fileno())(5)

    def test_several_wait_for_the_same(self, make, pair):
        a, b = pair
        waiting = [gevent.spawn(make(a.fileno()), 5) for _ in range(3)]
        gevent.sleep(0)
        b.send(b"x")
        gevent.joinall(waiting, timeout=5)
        assert all(greenlet.value for greenlet in waiting)

    def test_beside_a_reader_of_the_socket(self, make, pair):
        a, b = pair
        waiting = gevent.spawn(make(a.fileno()), 5)
        reader = gevent.spawn(a.recv, 1)
        gevent.sleep(0)
        b.send(b"x")
        assert reader.get(timeout=5) == b"x"
        b.send(b"y")
        assert waiting.get(timeout=5)
        assert a.recv(1) == b"y"


# ---- select ----


def test_objects_come_back_as_they_were_given(pair):
    a, b = pair
    b.send(b"x")
    assert select.select([a], [b.fileno()], [], 1) == ([a], [b.fileno()], [])
    assert select.select(iter([a]), (), {b}, 1) == ([a], [], [])


def test_select_of_nothing_sleeps():
    found, took = timed(lambda: select.select([], [], [], 0.005))
    assert found == ([], [], [])
    assert took >= 0.005


def test_out_of_band_data():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        a = socket.create_connection(listener.getsockname())
        b, _ = listener.accept()
    with a, b:
        gevent.spawn_later(0.001, a.send, b"!", socket.MSG_OOB)
        assert select.select([], [], [b], 5) == ([], [], [b])


@pytest.mark.parametrize(
    "lists, timeout, error",
    [
        (([1], [], []), -1, ValueError),
        (([1], [], []), "1", TypeError),
        ((["x"], [], []), 1, TypeError),
        ((1, [], []), 1, TypeError),
        (([-1], [], []), 1, ValueError),
        (([1 << 20], [], []), 1, (ValueError, OSError)),
    ],
)
def test_select_refuses(lists, timeout, error):
    with pytest.raises(error):
        select.select(*lists, timeout)


def test_select_of_a_number_that_is_not_open():
    r, w = os.pipe()
    os.close(r)
    os.close(w)
    for timeout in (0, 1, None):
        with pytest.raises(OSError, match="Bad file descriptor"):
            select.select([r], [], [], timeout)


def test_socket_closed_meanwhile_counts_as_ready(pair):
    a, b = pair
    gevent.spawn(a.close)
    assert select.select([a, b], [], []) == ([a], [], [])


def test_list_that_changes_while_it_is_read(pair):
    class File:
        def fileno(self):
            files.pop()
            return pair[0].fileno()

    files = [File() for _ in range(10)]
    expected = files[:5]
    assert select.select([], files, [], 0) == ([], expected, [])


def test_number_closed_meanwhile():
    r, w = os.pipe()
    gevent.spawn(os.close, r)
    with pytest.raises(OSError, match="Bad file descriptor"):
        select.select([r], [], [], 5)
    os.close(w)


def test_regular_files_are_ready(tmp_path):
    with open(tmp_path / "file", "w+") as file:
        assert select.select([file], [file], [], None) == ([file], [file], [])


def test_the_modules_names():
    assert [name for name in vars(standard) if not hasattr(select, name)] == []
    assert select.error is OSError


# ---- poll ----


def test_poll_registration(pair):
    a, b = pair
    poller = select.poll()
    poller.register(a)
    assert poller.poll(0) == [(a.fileno(), select.POLLOUT)]
    poller.modify(a, select.POLLIN)
    assert poller.poll(0) == []
    b.send(b"x")
    assert poller.poll() == [(a.fileno(), select.POLLIN)]
    poller.unregister(a)
    assert poller.poll(1) == []
    with pytest.raises(KeyError):
        poller.unregister(a)
    with pytest.raises(OSError):
        poller.modify(a, select.POLLIN)
    for fd, error in ((-1, ValueError), ("x", TypeError), (None, TypeError)):
        with pytest.raises(error):
            poller.register(fd)
    with pytest.raises(OverflowError):
        poller.poll(1 << 31)


def test_poll_negative_timeout_is_for_ever(pair):
    a, b = pair
    poller = select.poll()
    poller.register(a, select.POLLIN)
    gevent.spawn_later(0.01, b.send, b"x")
    assert poller.poll(-1) == [(a.fileno(), select.POLLIN)]


def test_poll_of_a_number_that_is_not_open():
    r, w = os.pipe()
    poller = select.poll()
    poller.register(r, select.POLLIN)
    gevent.spawn(os.close, r)
    assert poller.poll(5000) == [(r, select.POLLNVAL)]
    assert poller.poll(0) == [(r, select.POLLNVAL)]
    os.close(w)


def test_poll_hangup():
    r, w = os.pipe()
    poller = select.poll()
    poller.register(r, select.POLLIN)
    gevent.spawn(os.close, w)
    assert poller.poll(5000) == [(r, select.POLLHUP)]
    os.close(r)


# ---- epoll ----


def test_epoll_edges_are_not_lost(pair):
    a, b = pair
    with select.epoll() as poller:
        poller.register(a, select.EPOLLIN | select.EPOLLET)
        b.send(b"x")
        assert poller.poll(5) == [(a.fileno(), select.EPOLLIN)]
        assert poller.poll(0.001) == []
        b.send(b"y")
        assert poller.poll(5) == [(a.fileno(), select.EPOLLIN)]


def test_epoll_life(pair):
    poller = select.epoll()
    number = poller.fileno()
    assert not poller.closed
    copy = select.epoll.fromfd(os.dup(number))
    copy.register(pair[0], select.EPOLLOUT)
    assert poller.poll(0, 1) == [(pair[0].fileno(), select.EPOLLOUT)]
    poller.unregister(pair[0])
    copy.close()
    poller.close()
    assert poller.closed
    with pytest.raises(ValueError):
        poller.poll(0)


@pytest.mark.parametrize(
    "wait, ready",
    [
        (lambda r: select.select([r], [], [], 10), lambda r: ([r], [], [])),
        (lambda r: polled(r).poll(10_000), lambda r: [(r, select.POLLIN)]),
    ],
    ids=["select", "poll"],
)
def test_what_another_takes_away_meanwhile_was_ready(pipe, wait, ready):
    """As ZeroMQ's sockets need it: who looks first empties the descriptor, and all have something to look for."""
    r, w = pipe
    watcher = gevent.get_hub().loop.io(r, 1)
    watcher.start(lambda: os.read(r, 10))
    waits = gevent.spawn(wait, r)
    gevent.sleep(0.001)
    os.write(w, b"x")
    assert waits.get(timeout=10) == ready(r)
    watcher.stop()


def polled(number):
    poller = select.poll()
    poller.register(number, select.POLLIN | select.POLLOUT)
    return poller


def test_select_of_both_ways_tells_what_was_seen(pipe):
    r, w = pipe
    watcher = gevent.get_hub().loop.io(r, 1)
    watcher.start(lambda: os.read(r, 10))
    waits = gevent.spawn(select.select, [r], [r], [r], 10)
    gevent.sleep(0.001)
    os.write(w, b"x")
    assert waits.get(timeout=10) == ([r], [], [])
    watcher.stop()


@pytest.mark.parametrize("make", [make_poll, make_select])
def test_a_time_out_is_one_wait(make, monkeypatch):
    waits = []

    def counted(pairs, timeout, *kept):
        waits.append(timeout)
        return wait_any(pairs, timeout, *kept)

    wait_any = select.wait_any
    monkeypatch.setattr(select, "wait_any", counted)
    reader, writer = os.pipe()
    try:
        assert make(reader)(0.01) == []
        assert len(waits) == 1
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("numbers", [1, 20])
def test_a_time_out_ends_what_is_never_found(monkeypatch, numbers):
    """A descriptor that isn't open, of which the system says nothing."""
    monkeypatch.setattr(select, "_original_select", lambda *args: ([], [], []))
    pairs = [socket.socketpair() for _ in range(numbers)]
    ends = [end for pair in pairs for end in pair]
    gone = ends[0].detach()
    os.close(gone)
    with gevent.Timeout(10):
        assert select.select([gone, *ends[2:]], [], [], 0.01) == ([], [], [])
    for end in ends:
        end.close()
