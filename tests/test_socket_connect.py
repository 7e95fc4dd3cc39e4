"""Sockets: connecting."""

import errno
import gc
import sys
import warnings

import pytest

import gevent
from gevent import socket


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


def test_a_null_character_in_a_host_name():
    for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM)):
        with socket.socket(family, kind) as sock:
            for host in ("a\0b", "\0", "127.0.0.1\0"):
                for connect in (sock.connect, sock.connect_ex):
                    with pytest.raises(ValueError, match="embedded null character"):
                        connect((host, 80))
                    with pytest.raises(TypeError):
                        connect((host.encode(), 80))
                with pytest.raises(TypeError, match="host name must not contain null character"):
                    sock.sendto(b"x", (host, 80))
