"""Sockets: the standard interface, and that only the greenlet waits."""

import array
import errno
import gc
import io
import os
import pickle
import resource
import socket as standard
import struct
import sys
import time
import warnings
import weakref
from pathlib import Path

import pytest

import gevent
from gevent import socket
from greencore import _core
from greencore.exceptions import ConcurrentObjectUseError
from test_fd import isolated

MIB = 1 << 20


@pytest.fixture
def pair():
    a, b = socket.socketpair()
    with a, b:
        yield a, b


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def tcp(listener):
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    with client, server:
        yield client, server


def reset(sock):
    """Make close() reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# ---- the class ----


def test_every_method_of_the_standard_class():
    missing = [name for name in dir(standard.socket) if not hasattr(socket.socket, name)]
    assert missing == []


def test_every_name_of_the_standard_module():
    assert [name for name in standard.__all__ if not hasattr(socket, name)] == []
    assert set(standard.__all__) <= set(socket.__all__)


def test_constants_are_the_standard_ones():
    assert socket.AF_INET is standard.AF_INET
    assert socket.timeout is TimeoutError
    assert socket.error is OSError
    assert socket.gaierror is standard.gaierror


def test_it_is_a_socket_of_the_interpreters_kind():
    with socket.socket() as sock:
        assert isinstance(sock, standard.SocketType)
        assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_STREAM, 0)
        assert isinstance(sock.family, socket.AddressFamily)
        assert isinstance(sock.type, socket.SocketKind)
        assert not os.get_blocking(sock.fileno())
        assert not sock.get_inheritable()
        assert sock.gettimeout() is None


def test_properties_found_out_from_a_descriptor():
    with standard.socket(standard.AF_INET6, standard.SOCK_DGRAM) as given:
        with socket.socket(fileno=os.dup(given.fileno())) as sock:
            assert (sock.family, sock.type) == (given.family, given.type)
            assert not os.get_blocking(sock.fileno())


@pytest.mark.parametrize(
    "kwargs, error",
    [
        ({"fileno": -1}, ValueError),
        ({"fileno": 1.5}, TypeError),
        ({"family": "x"}, TypeError),
        ({"family": 9999}, OSError),
        ({"nothing": 1}, TypeError),
    ],
)
def test_bad_arguments(kwargs, error):
    with pytest.raises(error):
        socket.socket(**kwargs)


def test_descriptor_that_is_no_socket(tmp_path):
    with open(tmp_path / "file", "w") as file, pytest.raises(OSError, match="not a socket|Socket operation"):
        socket.socket(fileno=file.fileno())


def test_object_without_init_is_a_closed_socket():
    sock = socket.socket.__new__(socket.socket)
    assert sock.fileno() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        sock.recv(1)


def test_subclass_with_attributes_of_its_own(listener):
    class Named(socket.socket):
        def __init__(self, name):
            super().__init__()
            self.name = name

    with Named("n") as sock:
        sock.connect(listener.getsockname())
        assert sock.name == "n"
        assert type(sock.dup) is not None


def test_weak_references():
    sock = socket.socket()
    reference = weakref.ref(sock)
    sock.close()
    del sock
    gc.collect()
    assert reference() is None


def test_pickling_is_refused(pair):
    with pytest.raises(TypeError):
        pickle.dumps(pair[0])


def test_repr():
    sock = socket.socket()
    assert f"fd={sock.fileno()}" in repr(sock)
    sock.close()
    assert "[closed]" in repr(sock)


def test_unclosed_socket_warns_and_closes():
    sock = socket.socket()
    number = sock.fileno()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del sock
        gc.collect()
    assert [w.category for w in caught] == [ResourceWarning]
    with pytest.raises(OSError):
        os.fstat(number)


# ---- sending and receiving ----


def test_recv_waits(pair):
    a, b = pair
    reader = gevent.spawn(a.recv, 10)
    gevent.sleep(0)
    assert not reader.ready()
    b.sendall(b"hello")
    assert reader.get(timeout=5) == b"hello"


def test_end_of_stream(pair):
    a, b = pair
    b.sendall(b"last")
    b.close()
    assert a.recv(100) == b"last"
    assert a.recv(100) == b""
    assert a.recv(100) == b""


def test_what_comes_after_a_short_read(pair):
    a, b = pair
    b.send(b"1")
    assert a.recv(10) == b"1"
    b.send(b"2")
    assert a.recv(10) == b"2"
    a.settimeout(0.001)
    with pytest.raises(TimeoutError):
        a.recv(10)
    a.settimeout(0)
    b.send(b"3")
    assert a.recv(10) == b"3"
    b.send(b"4")
    assert a.recv(10) == b"4"
    with pytest.raises(BlockingIOError):
        a.recv(10)


def test_timeout_of_a_timeout_object_after_a_short_read(pair):
    a, b = pair
    b.send(b"1")
    a.recv(10)
    with pytest.raises(gevent.Timeout):
        with gevent.Timeout(0.001):
            a.recv(10)
    b.send(b"2")
    assert a.recv(10) == b"2"


@pytest.mark.parametrize("size", [0, 1, 5, 65536, 65537, MIB])
def test_recv_sizes(pair, size):
    a, b = pair
    b.send(b"hello")
    assert a.recv(size) == b"hello"[:size]


def test_recv_of_nothing_does_not_wait(pair):
    assert pair[0].recv(0) == b""


def test_waiting_holds_no_buffer(pair):
    import tracemalloc

    a, b = pair
    tracemalloc.start()
    try:
        readers = []
        others = [socket.socketpair() for _ in range(20)]
        before = tracemalloc.get_traced_memory()[0]
        readers = [gevent.spawn(left.recv, 8 * MIB) for left, _ in others]
        gevent.sleep(0)
        assert tracemalloc.get_traced_memory()[0] - before < MIB
    finally:
        tracemalloc.stop()
    for _, right in others:
        right.close()
    assert [reader.get(timeout=5) for reader in readers] == [b""] * 20
    for left, _ in others:
        left.close()


def test_recv_into(pair):
    a, b = pair
    buffer = bytearray(8)
    b.send(b"hello")
    assert a.recv_into(buffer) == 5
    assert buffer == b"hello\0\0\0"
    b.send(b"again")
    assert a.recv_into(memoryview(buffer), 2) == 2
    assert a.recv_into(buffer, nbytes=0, flags=0) == 3
    assert a.recv_into(bytearray()) == 0


def test_recv_into_waits(pair):
    a, b = pair
    numbers = array.array("i", [0, 0])
    reader = gevent.spawn(a.recv_into, numbers)
    gevent.sleep(0)
    b.send(array.array("i", [7, 8]).tobytes())
    assert reader.get(timeout=5) == 2 * numbers.itemsize
    assert numbers.tolist() == [7, 8]


def test_peek(pair):
    a, b = pair
    b.send(b"hello")
    assert a.recv(100, socket.MSG_PEEK) == b"hello"
    assert a.recv(100) == b"hello"


def test_waitall(pair):
    a, b = pair
    reader = gevent.spawn(a.recv, 6, socket.MSG_WAITALL)
    for part in (b"ab", b"cd", b"ef"):
        gevent.sleep(0)
        b.send(part)
    assert reader.get(timeout=5) == b"abcdef"


def test_dontwait(pair):
    a, b = pair
    for call in (
        lambda: a.recv(1, socket.MSG_DONTWAIT),
        lambda: a.recv_into(bytearray(1), 0, socket.MSG_DONTWAIT),
        lambda: a.recvfrom(1, socket.MSG_DONTWAIT),
        lambda: a.recvfrom_into(bytearray(1), 1, socket.MSG_DONTWAIT),
        lambda: a.recvmsg(1, 0, socket.MSG_DONTWAIT),
        lambda: a.recvmsg_into([bytearray(1)], 0, socket.MSG_DONTWAIT),
        lambda: [a.send(b"x" * MIB, socket.MSG_DONTWAIT) for _ in range(64)],
        lambda: a.sendmsg([b"x"], [], socket.MSG_DONTWAIT),
    ):
        with pytest.raises(BlockingIOError):
            call()


@pytest.mark.parametrize(
    "call, error",
    [
        (lambda s: s.recv(-1), ValueError),
        (lambda s: s.recv("1"), TypeError),
        (lambda s: s.recv(), TypeError),
        (lambda s: s.recv(1, 2, 3), TypeError),
        (lambda s: s.recv(1 << 70), OverflowError),
        (lambda s: s.recv_into(b"constant"), TypeError),
        (lambda s: s.recv_into(bytearray(1), -1), ValueError),
        (lambda s: s.recv_into(bytearray(1), 2), ValueError),
        (lambda s: s.send("text"), TypeError),
        (lambda s: s.sendall("text"), TypeError),
        (lambda s: s.sendall(None), TypeError),
        (lambda s: s.sendall(b"", "flags"), TypeError),
        (lambda s: s.sendto(b""), TypeError),
        (lambda s: s.connect("text and no path", 1), TypeError),
        (lambda s: s.shutdown("x"), (TypeError, ValueError)),
        (lambda s: s.settimeout("1"), TypeError),
        (lambda s: s.settimeout(-1), ValueError),
        (lambda s: s.settimeout(float("nan")), ValueError),
        (lambda s: s.settimeout(1e30), OverflowError),
    ],
)
def test_bad_calls(pair, call, error):
    with pytest.raises(error):
        call(pair[0])


def test_sendall_of_more_than_fits(tcp):
    client, server = tcp
    data = os.urandom(MIB) * 8
    sender = gevent.spawn(client.sendall, data)
    received = bytearray()
    while len(received) < len(data):
        received += server.recv(MIB)
    assert received == data
    assert sender.get(timeout=5) is None


def test_slow_reader_does_not_spin(tcp):
    client, server = tcp
    sender = gevent.spawn(client.sendall, b"x" * (16 * MIB))
    gevent.sleep(0.01)
    before = gevent.get_hub().loop.iteration
    gevent.sleep(0.05)
    assert gevent.get_hub().loop.iteration - before < 20
    sender.kill()


def test_send_returns_what_fitted(pair):
    a, b = pair
    sent = a.send(b"x" * (16 * MIB))
    assert 0 < sent < 16 * MIB
    writer = gevent.spawn(a.send, b"y")
    gevent.sleep(0)
    assert not writer.ready()
    while not writer.ready():
        b.recv(MIB)
    assert writer.get() == 1


def test_send_with_a_timeout_of_its_own(pair):
    a, _ = pair
    with pytest.raises(TimeoutError):
        while True:
            a.send(b"x" * MIB, timeout=0.001)
    assert a.gettimeout() is None


def test_sendall_takes_any_buffer(pair):
    a, b = pair
    a.sendall(memoryview(array.array("H", [1, 2, 3])))
    assert len(b.recv(100)) == 6
    assert a.sendall(b"") is None


def test_datagrams():
    with socket.socket(type=socket.SOCK_DGRAM) as a, socket.socket(type=socket.SOCK_DGRAM) as b:
        for sock in (a, b):
            sock.bind(("127.0.0.1", 0))
        reader = gevent.spawn(a.recvfrom, 100)
        gevent.sleep(0)
        assert b.sendto(b"one", a.getsockname()) == 3
        assert reader.get(timeout=5) == (b"one", b.getsockname())
        assert b.sendto(b"two", 0, a.getsockname()) == 3
        buffer = bytearray(10)
        assert a.recvfrom_into(buffer) == (3, b.getsockname())
        b.sendmsg([b"th", b"ree"], [], 0, a.getsockname())
        assert a.recvmsg(100) == (b"three", [], 0, b.getsockname())
        b.connect(a.getsockname())
        b.send(b"12345")
        assert a.recvfrom(2) == (b"12", b.getsockname())  # the rest is lost, and is no short read
        b.send(b"")
        assert a.recv(10) == b""
        with pytest.raises(OSError) as raised:
            b.send(b"x" * 70000)
        assert raised.value.errno == errno.EMSGSIZE


def test_datagrams_of_a_unix_socket_wait_for_room(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as a, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as b:
        a.bind(str(tmp_path / "a"))
        b.connect(str(tmp_path / "a"))
        count = 2000

        def send():
            for i in range(count):
                b.send(b"%d" % i)

        sender = gevent.spawn(send)
        assert [a.recv(10) for _ in range(count)] == [b"%d" % i for i in range(count)]
        sender.get(timeout=5)


def test_ipv6():
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.socket(socket.AF_INET6) as server:
        try:
            server.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on the loopback")
        server.listen()
        with socket.create_connection(server.getsockname()[:2]) as client:
            connection, address = server.accept()
            with connection:
                assert address == client.getsockname()
                assert len(address) == 4


def test_unix_sockets(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
        connection, address = server.accept()
        with connection:
            assert address == ""
            assert client.getpeername() == path
            client.sendall(b"x")
            assert connection.recvfrom(10) == (b"x", None)


def test_abstract_names():
    name = b"\0greencore-test-%d" % os.getpid()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(name)
        server.listen()
        client.bind(name + b"-client")
        client.connect(name)
        connection, address = server.accept()
        connection.close()
        assert address == name + b"-client"


def test_full_queue_of_a_unix_listener(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen(0)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        connecting = [gevent.spawn(client.connect, path) for client in clients]
        for _ in clients:
            server.accept()[0].close()
        gevent.joinall(connecting, timeout=5, raise_error=True)
        for client in clients:
            client.close()


def test_passing_descriptors(pair):
    a, b = pair
    reader = gevent.spawn(socket.recv_fds, b, 10, 1)
    gevent.sleep(0)
    r, w = os.pipe()
    socket.send_fds(a, [b"x"], [w])
    data, fds, _, _ = reader.get(timeout=5)
    assert data == b"x"
    os.write(fds[0], b"y")
    assert os.read(r, 1) == b"y"
    for fd in (r, w, *fds):
        os.close(fd)


def test_recvmsg_into(pair):
    a, b = pair
    first, second = bytearray(2), bytearray(10)
    reader = gevent.spawn(a.recvmsg_into, [first, second])
    gevent.sleep(0)
    b.sendmsg([b"hel", b"lo"])
    assert reader.get(timeout=5)[0] == 5
    assert (first, second[:3]) == (b"he", b"llo")


# ---- time-outs ----


def test_timeout_attribute(pair):
    sock = pair[0]
    for value, blocking in ((None, True), (0.0, False), (1.5, True), (2, True)):
        sock.settimeout(value)
        assert sock.gettimeout() == sock.timeout == value
        assert sock.getblocking() is blocking
    sock.setblocking(False)
    assert sock.timeout == 0.0
    sock.setblocking(True)
    assert sock.timeout is None
    sock.timeout = 3
    assert sock.gettimeout() == 3.0
    assert not os.get_blocking(sock.fileno())


def test_timeout_of_a_closed_socket(pair):
    pair[0].close()
    for change in (lambda: pair[0].settimeout(1), lambda: pair[0].setblocking(False)):
        with pytest.raises(OSError, match="Bad file descriptor"):
            change()


def test_nonblocking_from_the_start():
    with socket.socket(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        assert sock.gettimeout() == 0
        assert sock.type == socket.SOCK_STREAM


def test_default_timeout():
    socket.setdefaulttimeout(4)
    try:
        with socket.socket() as sock:
            assert sock.gettimeout() == 4
    finally:
        socket.setdefaulttimeout(None)


@pytest.mark.parametrize(
    "call",
    [
        lambda s: s.recv(1),
        lambda s: s.recv(MIB),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.recvfrom(1),
        lambda s: s.recvfrom_into(bytearray(1)),
        lambda s: s.recvmsg(1),
        lambda s: s.recvmsg_into([bytearray(1)]),
        lambda s: s.sendall(b"x" * (64 * MIB)),
        lambda s: [s.send(b"x" * MIB) for _ in range(64)],
        lambda s: [s.sendmsg([b"x" * MIB]) for _ in range(64)],
    ],
)
def test_every_call_times_out(pair, call):
    sock = pair[0]
    sock.settimeout(0.005)
    began = time.monotonic()
    with pytest.raises(TimeoutError, match="^timed out$") as raised:
        call(sock)
    assert raised.type is socket.timeout
    assert time.monotonic() - began >= 0.005


def test_accept_times_out(listener):
    listener.settimeout(0.001)
    with pytest.raises(TimeoutError, match="^timed out$"):
        listener.accept()
    listener.settimeout(0)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_timeout_of_sendall_is_for_the_whole(tcp):
    client, server = tcp
    client.settimeout(0.05)

    def drip():
        while True:
            server.recv(4096)
            gevent.sleep(0.002)

    reader = gevent.spawn(drip)
    with pytest.raises(TimeoutError):
        client.sendall(b"x" * (64 * MIB))
    reader.kill()


def test_accepted_socket_has_the_default_timeout(listener):
    listener.settimeout(5)
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    with client, server:
        assert server.gettimeout() is None
        assert server.proto == listener.proto


# ---- connecting ----


def test_connect_refused():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with socket.socket() as sock, pytest.raises(ConnectionRefusedError):
        sock.connect(address)
    with socket.socket() as sock:
        assert sock.connect_ex(address) == errno.ECONNREFUSED
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_connect_twice(tcp):
    client, _ = tcp
    with pytest.raises(OSError) as raised:
        client.connect(client.getpeername())
    assert raised.value.errno == errno.EISCONN


def test_nonblocking_connect(listener):
    with socket.socket() as sock:
        sock.setblocking(False)
        assert sock.connect_ex(listener.getsockname()) == errno.EINPROGRESS
        socket.wait_write(sock.fileno(), 5)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def test_connect_times_out():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = []
        try:
            with pytest.raises(TimeoutError):
                for _ in range(8):
                    fillers.append(socket.create_connection(full.getsockname(), timeout=0.02))
            with socket.socket() as sock:
                sock.settimeout(0.02)
                assert sock.connect_ex(full.getsockname()) == errno.EAGAIN
        finally:
            for sock in fillers:
                sock.close()


def test_connect_to_nonsense():
    with socket.socket() as sock:
        for address in ("127.0.0.1", ("127.0.0.1",), ("127.0.0.1", "http"), (1, 2), None):
            with pytest.raises((TypeError, OSError)):
                sock.connect(address)
        with pytest.raises(OverflowError):
            sock.connect(("127.0.0.1", 70000))


def test_connect_looks_names_up_in_the_hub(listener, monkeypatch):
    asked = []

    class Resolver:
        def getaddrinfo(self, host, port, *args):
            asked.append((host, port))
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(type(gevent.get_hub()), "resolver", Resolver(), raising=False)
    with socket.socket() as sock:
        sock.connect(("some.name", listener.getsockname()[1]))
        assert sock.getpeername() == listener.getsockname()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("other.name", 9))
    assert asked == [("some.name", None), ("other.name", None)]


def test_create_connection_tries_all_addresses(listener, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = free.getsockname()

    def addresses(*peers):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", peer) for peer in peers]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args: found)

    addresses(dead, listener.getsockname())
    socket.create_connection(("name", 1)).close()
    addresses(dead, dead)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("name", 1))
    if sys.version_info >= (3, 11):
        with pytest.raises(ExceptionGroup) as raised:  # noqa: F821
            socket.create_connection(("name", 1), all_errors=True)
        assert len(raised.value.exceptions) == 2
    addresses()
    with pytest.raises(OSError, match="returns an empty list"):
        socket.create_connection(("name", 1))


def test_killed_create_connection_closes_its_socket():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for sock in fillers:
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            connecting = gevent.spawn(socket.create_connection, full.getsockname())
            gevent.sleep(0.01)
            connecting.kill()
            del connecting
            gc.collect()
        for sock in fillers:
            sock.close()


def test_create_server_and_source_address(listener):
    with socket.create_connection(listener.getsockname(), source_address=("127.0.0.2", 0)) as client:
        connection, address = listener.accept()
        connection.close()
        assert address[0] == client.getsockname()[0] == "127.0.0.2"


# ---- closing ----


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
    assert isolated("socket_signal.py").split() == ["handler", "data", "interrupted"]


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
    counts = []
    for _ in range(5):
        for _ in range(100):
            work(*pair)
        gc.collect()
        counts.append(sys.getallocatedblocks())
    assert min(later - earlier for earlier, later in zip(counts, counts[1:])) < 50


# ---- files, copies, and the rest ----


def test_makefile(pair):
    a, b = pair
    with a.makefile("rwb") as left, b.makefile("rw", encoding="utf-8", newline="\n") as right:
        left.write(b"one\ntwo\n")
        left.flush()
        assert right.readline() == "one\n"
        assert right.readline() == "two\n"
        right.write("drei\u00df\n")
        right.flush()
        assert left.readline() == "drei\u00df\n".encode()


def test_makefile_keeps_the_descriptor_open(pair):
    a, b = pair
    file = a.makefile("rb")
    number = a.fileno()
    a.close()
    assert a.closed
    os.fstat(number)
    b.sendall(b"x\n")
    assert file.readline() == b"x\n"
    file.close()
    with pytest.raises(OSError):
        os.fstat(number)


def test_makefile_times_out(pair):
    a, b = pair
    a.settimeout(0.001)
    with a.makefile("rb") as file:
        b.send(b"no end of line")
        with pytest.raises(TimeoutError):
            file.readline()
        with pytest.raises(OSError, match="timed out object"):
            file.readline()


def test_unbuffered_makefile_of_a_nonblocking_socket(pair):
    a, _ = pair
    a.setblocking(False)
    with a.makefile("rb", buffering=0) as file:
        assert file.read(1) is None


def test_dup_shares_the_connection(pair):
    a, b = pair
    a.settimeout(3)
    with a.dup() as copy:
        assert type(copy) is socket.socket
        assert copy.gettimeout() == 3
        a.close()
        b.send(b"x")
        assert copy.recv(1) == b"x"


def test_fromfd(pair):
    a, b = pair
    with socket.fromfd(a.fileno(), a.family, a.type) as copy:
        assert isinstance(copy, socket.socket)
        assert copy.fileno() != a.fileno()
        b.send(b"x")
        assert copy.recv(1) == b"x"


def test_detach(pair):
    a, b = pair
    number = a.detach()
    assert a.fileno() == -1
    b.send(b"x")
    with socket.socket(fileno=number) as other:
        assert other.recv(1) == b"x"


def test_sendfile(tcp, tmp_path):
    client, server = tcp
    data = os.urandom(MIB) * 4
    (tmp_path / "file").write_bytes(data)

    def receive():
        received = bytearray()
        while chunk := server.recv(65536):
            received += chunk
        return received

    reader = gevent.spawn(receive)
    with open(tmp_path / "file", "rb") as file:
        assert client._sendfile_use_sendfile(file, 10, 100) == 100
        assert file.tell() == 110
        assert client.sendfile(file) == len(data)
        assert file.tell() == len(data)
    assert client.sendfile(io.BytesIO(b"from memory"), 5) == 6
    client.close()
    assert reader.get(timeout=30) == data[10:110] + data + b"memory"


def test_sendfile_refuses(tcp, tmp_path):
    client, _ = tcp
    (tmp_path / "file").write_bytes(b"x")
    with open(tmp_path / "file") as text, pytest.raises(ValueError):
        client.sendfile(text)
    with open(tmp_path / "file", "rb") as file:
        for count in (0, -1):
            with pytest.raises(ValueError):
                client.sendfile(file, 0, count)
        with pytest.raises(TypeError):
            client.sendfile(file, 0, 1.5)
        client.setblocking(False)
        with pytest.raises(ValueError):
            client.sendfile(file)


def test_sendfile_times_out(tcp, tmp_path):
    client, _ = tcp
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.truncate(64 * MIB)
    client.settimeout(0.01)
    with open(path, "rb") as file:
        with pytest.raises(TimeoutError):
            client.sendfile(file)
        assert 0 < file.tell() < 64 * MIB


def test_numeric_addresses_need_no_resolver(monkeypatch):
    monkeypatch.setattr(type(gevent.get_hub()), "resolver", None, raising=False)
    found = socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert found == standard.getaddrinfo("127.0.0.1", 80, type=standard.SOCK_STREAM)
    assert isinstance(found[0][0], socket.AddressFamily)
    assert socket.getaddrinfo("::1", "80", 0, socket.SOCK_STREAM)[0][4][0] == "::1"


def test_old_import_names():
    from gevent import _socket3, _socketcommon

    assert _socket3.socket is _socketcommon.socket is socket.socket
    assert _socketcommon.SocketMixin in socket.socket.__mro__
    assert socket.SocketType is socket.socket
    assert Path(socket.__file__).name == "socket.py"


def test_closing_wakes_a_reader_in_another_thread():
    from threading import Thread

    a, b = socket.socketpair()
    raised, readers = [], []

    def read():
        readers.append(gevent.getcurrent())
        try:
            a.recv(1)
        except OSError as error:
            raised.append(error)
        gevent.get_hub().destroy()

    thread = Thread(target=read)
    thread.start()
    while not readers or _core.waiting(readers[0]) is None:
        time.sleep(0.001)
    a.close()
    thread.join(10)
    b.close()
    assert [type(error) for error in raised] == [socket.cancel_wait_ex]


def test_two_threads_with_hubs_of_their_own(listener):
    from threading import Thread

    address = listener.getsockname()
    received = []

    def client():
        with socket.create_connection(address) as sock:
            sock.sendall(b"ping")
            received.append(sock.recv(10))
        gevent.get_hub().destroy()

    thread = Thread(target=client)
    thread.start()
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(10) == b"ping"
        connection.sendall(b"pong")
        thread.join(10)
    assert received == [b"pong"]
