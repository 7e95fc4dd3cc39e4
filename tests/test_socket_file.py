"""Sockets as files, copies of sockets, and sockets in several threads."""

import io
import os
import socket as standard
import time
from pathlib import Path

import pytest

import gevent
from gevent import socket
from greencore import _core

MIB = 1 << 20


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
