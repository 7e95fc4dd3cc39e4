"""Sockets: what closing, a peer's reset and the like mean to those who wait; and what is left behind."""

import _socket
import errno
import gc
import os
import resource
import struct
import weakref

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


@pytest.mark.parametrize("how", ["detached", "dropped"])
def test_a_second_object_on_a_descriptor_leaves_the_waiters_of_the_first(pair, how):
    a, b = pair
    second = socket.socket(fileno=a.fileno())
    waiting = gevent.spawn(a.recv, 10)
    own = gevent.spawn(second.recvfrom, 10)
    gevent.sleep(0)
    assert second.detach() == a.fileno()
    with pytest.raises(socket.cancel_wait_ex):
        own.get(timeout=5)
    if how == "dropped":
        del second
        gc.collect()
    gevent.sleep(0)
    assert not waiting.ready()
    b.send(b"still there")
    assert waiting.get(timeout=5) == b"still ther"
    assert a.recv(10) == b"e"


def test_a_number_that_is_in_use_again_has_the_waiters_of_its_new_owner():
    a, b = socket.socketpair()
    waiting = gevent.spawn(a.recv, 10)
    gevent.sleep(0)
    waiting.kill()
    number = a.fileno()
    new, d = _socket.socketpair()
    os.dup2(new.fileno(), number)
    new.close()
    c = socket.socket(fileno=number)
    waiting = gevent.spawn(c.recv, 10)
    gevent.sleep(0)
    assert a.detach() == number
    gevent.sleep(0.001)
    assert not waiting.ready()
    d.send(b"it")
    assert waiting.get(timeout=5) == b"it"
    c.close()
    b.close()


def test_a_detached_descriptor_may_be_closed_and_used_again(pair):
    a, b = pair
    a.setblocking(True)
    b.send(b"x")
    gevent.spawn(a.recv, 1).get()
    waiting = gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    number = a.detach()
    os.close(number)
    c, d = socket.socketpair()
    assert c.fileno() == number
    d.send(b"y")
    assert gevent.spawn(c.recv, 1).get(timeout=5) == b"y"
    reading = gevent.spawn(c.recv, 1)
    gevent.sleep(0.001)
    with pytest.raises(socket.cancel_wait_ex):
        waiting.get(timeout=5)
    d.send(b"z")
    assert reading.get(timeout=5) == b"z"
    c.close()
    d.close()


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
        lambda a, b: a._sock.getsockname(),
        lambda a, b: [left._sock.close() or right._sock.close() for left, right in [socket.socketpair()]],
        lambda a, b: fails(lambda: _core.RawSocket(fileno="x"), TypeError),
        lambda a, b: fails(lambda: _core.wait_any([1], 0), TypeError),
        lambda a, b: _core.wait_any({b.fileno(): 2, a.fileno(): 2}, None),
    ],
)
def test_no_memory_is_leaked(pair, work):
    assert_no_leak(lambda: work(*pair))


# What `_sock` is: the interpreter's own socket on the same descriptor.


def test_raw_socket_never_waits(pair):
    a, b = pair
    raw = a._sock
    assert isinstance(raw, _socket.socket) and not isinstance(raw, socket.socket)
    assert a._sock is raw and raw.fileno() == a.fileno() and raw.gettimeout() == 0
    assert (raw.family, raw.type, raw.proto) == (a.family, a.type, a.proto)
    for call in (lambda: raw.recv(1), raw._accept, lambda: raw.recvmsg(1)):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno in (errno.EAGAIN, errno.EINVAL)
    raw.send(b"xy")
    assert b.recv(1) == b"x"
    b.send(b"z")
    assert raw.recv(1) == b"z"


def test_closing_the_raw_socket_closes_the_descriptor(pair):
    a, b = pair
    raw, file, reader = a._sock, a.makefile("rb"), gevent.spawn(a.recv, 1)
    gevent.sleep(0)
    number = a.fileno()
    raw.close()
    raw.close()
    with pytest.raises(OSError):
        os.fstat(number)
    assert a.fileno() == raw.fileno() == -1
    assert not a._sock and raw
    with pytest.raises(socket.cancel_wait_ex):
        reader.get(timeout=5)
    assert b.recv(1) == b""
    with pytest.raises(OSError):
        file.read()


@pytest.mark.parametrize("how", ["close", "detach"])
def test_raw_socket_of_a_closed_one(pair, how):
    a, _ = pair
    raw, number = a._sock, a.fileno()
    left = getattr(a, how)()
    assert raw.fileno() == -1 and raw.detach() == -1
    with pytest.raises(OSError):
        raw.recv(1)
    if how == "detach":
        assert left == number
        os.close(number)


def test_detaching_the_raw_socket(pair):
    a, _ = pair
    number = a.fileno()
    assert a._sock.detach() == number
    assert a.fileno() == -1 and not a._sock
    os.close(number)


def test_raw_socket_outlives_the_green_one():
    a, b = socket.socketpair()
    raw, number = a._sock, a.fileno()
    del a
    gc.collect()
    raw.send(b"x")
    assert (b.recv(1), raw.fileno()) == (b"x", number)
    raw.close()
    assert b.recv(1) == b""
    b.close()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_raw_socket_ends_with_the_green_one():
    a, b = socket.socketpair()
    dead = weakref.ref(a._sock)
    assert dead() is a._sock
    del a
    gc.collect()
    assert dead() is None and b.recv(1) == b""
    b.close()


def test_a_raw_socket_of_its_own():
    from gevent._socket3 import _wrefsocket

    raw = _wrefsocket(socket.AF_INET, socket.SOCK_DGRAM)
    assert raw.gettimeout() is None and weakref.ref(raw)() is raw
    raw.close()
    assert raw.fileno() == -1
