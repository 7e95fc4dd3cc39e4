"""Sockets: what closing, a peer's reset and the like mean to those who wait; and what is left behind."""

import errno
import os
import resource
import struct

import pytest

import gevent
from gevent import socket
from greencore import _core
from greencore.exceptions import ConcurrentObjectUseError
from isolated.run import run_script
from leaks import assert_no_leak

MIB = 1 << 20


def reset(sock):
    """Make close() reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("how", ["close", "detach"])
@pytest.mark.parametrize("call", ["recv", "sendall", "recvfrom", "recvmsg"])
def test_closing_wakes_who_waits(pair, how, call):
    a, _ = pair
    argument = b"x" * (64 * MIB) if call == "sendall" else 10
    waiting = gevent.spawn(getattr(a, call), argument)
    gevent.sleep(0)
    number = getattr(a, how)()
    with pytest.raises(socket.cancel_wait_ex) as raised:
        waiting.get(timeout=5)
    assert raised.value.errno == errno.EBADF
    assert raised.value.strerror == "File descriptor was closed in another greenlet"
    if how == "detach":
        os.close(number)


def test_closing_wakes_a_reader_and_a_writer(pair):
    a, _ = pair
    waiting = [gevent.spawn(a.recv, 1), gevent.spawn(a.sendall, b"x" * (64 * MIB))]
    gevent.sleep(0)
    a.close()
    gevent.joinall(waiting, timeout=5)
    assert [type(greenlet.exception) for greenlet in waiting] == [socket.cancel_wait_ex] * 2


def test_closing_a_listener_wakes_accept(listener):
    waiting = gevent.spawn(listener.accept)
    gevent.sleep(0)
    listener.close()
    with pytest.raises(socket.cancel_wait_ex):
        waiting.get(timeout=5)


def test_second_reader_is_refused(pair):
    a, b = pair
    reader = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        a.recv(1)
    b.send(b"x")
    assert reader.get(timeout=5) == b"x"
    b.send(b"y")
    assert a.recv(1) == b"y"


def test_reader_and_writer_are_independent(pair):
    a, b = pair
    writer = gevent.spawn(a.sendall, b"x" * (4 * MIB))
    reader = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    b.send(b"y")
    assert reader.get(timeout=5) == b"y"
    received = 0
    while received < 4 * MIB:
        received += len(b.recv(MIB))
    writer.get(timeout=5)


def test_shutdown_wakes_who_waits(pair):
    a, _ = pair
    reader = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    a.shutdown(socket.SHUT_RD)
    with pytest.raises(socket.cancel_wait_ex):
        reader.get(timeout=5)
    assert a.recv(1) == b""


def test_cancel_wait(pair):
    a, b = pair
    reader = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    socket.cancel_wait(a._write_event)
    socket.cancel_wait(a._read_event, KeyError)
    with pytest.raises(KeyError):
        reader.get(timeout=5)
    b.send(b"x")
    assert a.recv(1) == b"x"


def test_waiting_for_an_event_of_a_socket(pair):
    a, b = pair
    with pytest.raises(TimeoutError):
        socket.wait(a._read_event, 0.001)
    with pytest.raises(KeyError):
        socket.wait(a._read_event, 0.001, KeyError)
    waiting = gevent.spawn(socket.wait, a._read_event)
    gevent.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        a.recv(1)
    gevent.get_hub().cancel_wait(a._read_event, KeyError)
    gevent.get_hub().cancel_wait(None, KeyError)
    with pytest.raises(KeyError):
        waiting.get(timeout=5)
    b.send(b"x")
    socket.wait(a._read_event)
    a._wait(a._write_event)
    socket.wait(gevent.get_hub().loop.io(a.fileno(), 1))


def test_use_after_close(pair):
    a, _ = pair
    a.close()
    a.close()
    assert a.closed and a.fileno() == -1
    assert not a._sock
    assert a._read_event is None
    for call in (
        lambda: a.recv(1),
        lambda: a.sendall(b"x"),
        lambda: a.accept(),
        lambda: a.connect("/nowhere"),
        lambda: a.getsockname(),
        lambda: a._sock.recv(1),
    ):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == errno.EBADF
    with pytest.raises(ConcurrentObjectUseError):
        a._wait(a._read_event)


def test_peer_resets_under_a_reader(tcp):
    client, server = tcp
    reader = gevent.spawn(client.recv, 1)
    gevent.sleep(0)
    reset(server)
    with pytest.raises(ConnectionResetError):
        reader.get(timeout=5)


def test_peer_resets_under_a_writer(tcp):
    client, server = tcp
    writer = gevent.spawn(client.sendall, b"x" * (64 * MIB))
    gevent.sleep(0.001)
    reset(server)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        writer.get(timeout=5)


def test_peer_resets_between_calls(tcp):
    client, server = tcp
    server.send(b"x")
    assert client.recv(10) == b"x"
    reset(server)
    gevent.sleep(0.001)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(BrokenPipeError):
        client.sendall(b"x")


def test_half_closed(tcp):
    client, server = tcp
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert server.recv(100) == b"question"
    assert server.recv(100) == b""
    server.sendall(b"answer")
    server.close()
    assert client.recv(100) == b"answer"
    assert client.recv(100) == b""
    with pytest.raises(BrokenPipeError):
        client.send(b"x")


def test_no_descriptors_left_for_accept(listener):
    clients = [socket.create_connection(listener.getsockname())]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError) as raised:
            listener.accept()
        assert raised.value.errno == errno.EMFILE
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    listener.accept()[0].close()
    clients[0].close()


def test_signal_during_recv(tmp_path):
    assert run_script("socket_signal.py").split() == ["handler", "data", "interrupted"]


def test_no_descriptor_is_leaked(listener):
    def count():
        return len(os.listdir("/proc/self/fd"))

    before = count()
    for _ in range(50):
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        reader = gevent.spawn(server.recv, 1)
        gevent.sleep(0)
        client.close()
        reader.get(timeout=5)
        server.close()
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", 1))
    assert count() == before


def fails(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.parametrize(
    "work",
    [
        lambda a, b: (b.send(b"x" * 100), a.recv(1000)),
        lambda a, b: (b.send(b"x"), a.recv(1 << 20)),
        lambda a, b: (b.send(b"x"), a.recv_into(bytearray(10))),
        lambda a, b: (b.send(b"x"), a.recvfrom(10), b.send(b"x"), a.recvmsg(10, 100)),
        lambda a, b: (a.settimeout(0), fails(lambda: a.recv(1 << 20), BlockingIOError), a.settimeout(None)),
        lambda a, b: (a.settimeout(1e-6), fails(lambda: a.recv(1), TimeoutError), a.settimeout(None)),
        lambda a, b: fails(lambda: a.recv("x"), TypeError),
        lambda a, b: fails(lambda: a.sendall(1), TypeError),
        lambda a, b: fails(lambda: socket.socket(fileno=-1), ValueError),
        lambda a, b: [left.close() or right.close() for left, right in [socket.socketpair()]],
        lambda a, b: gevent.spawn(a.recv, 1).kill(),
        lambda a, b: fails(lambda: _core.wait_any([(1,)], 0), TypeError),
        lambda a, b: _core.wait_any([(b.fileno(), 2), (a.fileno(), 2)], None),
    ],
)
def test_no_memory_is_leaked(pair, work):
    assert_no_leak(lambda: work(*pair))
