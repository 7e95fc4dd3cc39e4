"""Sockets: the standard interface, and that only the greenlet waits."""

import array
import errno
import gc
import os
import pickle
import socket as standard
import time
import warnings
import weakref

import pytest

import gevent
from gevent import socket

MIB = 1 << 20


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
    with open(tmp_path / "file", "w") as file, pytest.raises(OSError) as caught:
        socket.socket(fileno=file.fileno())
    assert caught.value.errno == errno.ENOTSOCK


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


def test_accept_in_a_family_that_is_not_known_here(listener):
    """The standard library's socket says what the address is."""
    odd = socket.socket(standard.AF_VSOCK, standard.SOCK_STREAM, 0, fileno=listener.detach())
    with odd:
        odd.settimeout(0.001)
        with pytest.raises(TimeoutError):
            odd.accept()
        odd.settimeout(10)
        with socket.create_connection(odd.getsockname()) as client:
            server, address = odd.accept()
            with server:
                assert address == client.getsockname() and server.family == standard.AF_VSOCK
        assert odd._accept_now() is None
