"""Servers: what they accept, who handles it, and how they end."""

import errno
import resource
import socket as standard
import sys
import weakref
from contextlib import suppress

import pytest

import gevent
from gevent import backdoor, server, socket
from gevent.baseserver import BaseServer, parse_address
from gevent.pool import Pool

LOCAL = ("127.0.0.1", 0)


def echo(sock, address):
    while data := sock.recv(1024):
        sock.sendall(data)


def connect(serving, timeout=5):
    sock = socket.create_connection(("127.0.0.1", serving.server_port))
    sock.settimeout(timeout)
    return sock


def ask(serving, data=b"hello"):
    with connect(serving) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := sock.recv(1024):
            answer += chunk
        return answer


@pytest.fixture
def errors(monkeypatch):
    """What was reported to the hub: a list of (context, exception)."""
    reported = []
    hub = gevent.get_hub()
    monkeypatch.setattr(
        hub, "handle_error", lambda context, type, value, tb: reported.append((context, value)), raising=False
    )
    return reported


@pytest.mark.parametrize("spawn", ["default", gevent.spawn_raw, gevent.spawn, 10, Pool(10), Pool()])
def test_each_way_to_spawn(spawn):
    with server.StreamServer(LOCAL, echo, spawn=spawn) as serving:
        serving.start()
        asking = [gevent.spawn(ask, serving, b"%d" % i) for i in range(5)]
        gevent.joinall(asking, timeout=10, raise_error=True)
        assert [greenlet.value for greenlet in asking] == [b"%d" % i for i in range(5)]


def test_handler_in_the_hub():
    def handle(sock, address):
        assert gevent.getcurrent() is gevent.get_hub()
        sock._sock.setblocking(False)
        sock.send(b"quick")

    with server.StreamServer(LOCAL, handle, spawn=None) as serving:
        serving.start()
        assert ask(serving, b"") == b"quick"


@pytest.mark.parametrize("kind", [socket.socket, standard.socket])
def test_given_a_socket(kind):
    listener = kind()
    listener.bind(LOCAL)
    listener.listen(5)
    address = listener.getsockname()
    serving = server.StreamServer(listener, echo)
    assert serving.address == address
    serving.start()
    asking = gevent.spawn(ask, serving)
    assert asking.get(timeout=5) == b"hello"
    serving.stop()
    assert listener.fileno() == -1


def test_unix_socket(tmp_path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    with server.StreamServer(listener, echo) as serving, socket.socket(socket.AF_UNIX) as client:
        serving.start()
        assert serving.server_host is serving.server_port is None
        client.connect(str(tmp_path / "socket"))
        client.sendall(b"x")
        assert client.recv(10) == b"x"


def test_handler_as_a_method():
    class Upper(server.StreamServer):
        def handle(self, sock, address):
            sock.sendall(sock.recv(100).upper())

    with Upper(LOCAL) as serving:
        serving.start()
        assert ask(serving) == b"HELLO"
        assert "handle" not in repr(serving)
    with pytest.raises(TypeError, match="'handle' must be provided"):
        server.StreamServer(LOCAL)


def test_socket_is_closed_when_the_handler_returns(errors):
    seen = []

    def fail(sock, address):
        seen.append(sock)
        raise KeyError(address)

    with server.StreamServer(LOCAL, fail) as serving:
        serving.start()
        assert ask(serving, b"") == b""
        assert seen[0].closed
        assert [type(error) for _, error in errors] == [KeyError]
        assert ask(serving, b"") == b""  # it lives on


def test_full_pool_accepts_nothing():
    running = []

    def handle(sock, address):
        running.append(sock)
        echo(sock, address)

    with server.StreamServer(LOCAL, handle, spawn=1) as serving:
        serving.start()
        first, second = connect(serving), connect(serving)
        with first, second:
            second.sendall(b"2")
            first.sendall(b"1")
            assert first.recv(1) == b"1"
            gevent.sleep(0.002)
            assert len(running) == 1 and serving.full()
            first.close()
            assert second.recv(1) == b"2"


def test_stop_waits_for_the_pool_and_then_kills():
    ended = []

    def handle(sock, address):
        try:
            echo(sock, address)
            ended.append("returned")
        except gevent.GreenletExit:
            ended.append("killed")
            raise

    serving = server.StreamServer(LOCAL, handle, spawn=Pool())
    serving.start()
    quick, slow = connect(serving), connect(serving)
    for sock in (quick, slow):
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    gevent.spawn_later(0.005, quick.close)
    serving.stop(timeout=0.05)
    assert ended == ["returned", "killed"]
    assert serving.closed and not serving.started
    slow.close()


def test_stop_without_a_pool_lets_handlers_run_on():
    serving = server.StreamServer(LOCAL, echo)
    serving.start()
    with connect(serving) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        serving.stop()
        serving.stop()
        sock.sendall(b"y")
        assert sock.recv(1) == b"y"
    with pytest.raises(ConnectionRefusedError):
        connect(serving)


def test_serve_forever_ends_with_stop():
    serving = server.StreamServer(LOCAL, echo)
    running = gevent.spawn(serving.serve_forever)
    gevent.sleep(0.001)
    assert serving.started
    assert ask(serving) == b"hello"
    serving.stop()
    running.get(timeout=5)


def test_stop_and_start_accepting():
    with server.StreamServer(LOCAL, echo) as serving:
        serving.start()
        serving.stop_accepting()
        with connect(serving) as sock:
            sock.settimeout(0.01)
            sock.sendall(b"x")
            with pytest.raises(TimeoutError):
                sock.recv(1)
            sock.settimeout(5)
            serving.start_accepting()
            assert sock.recv(1) == b"x"


def test_max_accept(monkeypatch):
    accepted = []
    with server.StreamServer(LOCAL, echo) as serving:
        serving.max_accept = 2
        serving.start()
        take = serving.do_read

        def do_read():
            accepted.append(gevent.get_hub().loop.iteration)
            return take()

        serving.do_read = do_read
        clients = [connect(serving) for _ in range(6)]
        while len(accepted) < 6:
            gevent.sleep(0)
        assert max(accepted.count(iteration) for iteration in accepted) <= 2
        for client in clients:
            client.close()
    for bad in (0, -1):
        monkeypatch.setattr(server.StreamServer, "max_accept", bad)
        with pytest.raises(ValueError, match="max_accept must be positive"):
            server.StreamServer(LOCAL, echo)


def test_no_descriptors_left(errors):
    with server.StreamServer(LOCAL, echo) as serving:
        serving.start()
        serving.min_delay = serving.delay = 0.001
        client = socket.socket()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            client.connect(("127.0.0.1", serving.server_port))
            while len(errors) < 3:
                gevent.sleep(0.001)
            assert serving.delay > 0.004  # doubled each time
            assert {error.errno for _, error in errors} == {errno.EMFILE}
            assert errors[0][0] is serving
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        client.settimeout(5)
        client.sendall(b"x")
        assert client.recv(1) == b"x"
        assert serving.delay == 0.001
        client.close()


def test_delay_has_a_bound(errors):
    serving = server.StreamServer(LOCAL, echo)
    serving.min_delay = serving.delay = 0.0001
    serving.max_delay = 0.0003
    serving.do_read = lambda: 1 / 0
    serving.start()
    with connect(serving):
        while len(errors) < 5:
            gevent.sleep(0.001)
        assert serving.delay == 0.0003
        assert serving.started
    serving.stop()


def test_fatal_error_ends_the_server(errors, capsys):
    serving = server.StreamServer(LOCAL, echo)

    def do_read():
        raise OSError(errno.EBADF, "bad")

    serving.do_read = do_read
    serving.start()
    with standard.create_connection(("127.0.0.1", serving.server_port)):
        while serving.started:
            gevent.sleep(0.001)
    assert serving.closed
    assert "failed with" in capsys.readouterr().err


def test_spawn_that_fails(errors):
    def spawn(*args):
        raise MemoryError

    with server.StreamServer(LOCAL, echo, spawn=spawn) as serving:
        serving.delay = 0.001
        serving.start()
        with connect(serving) as sock:
            assert sock.recv(1) == b""
        assert isinstance(errors[0][1], MemoryError)
        serving.set_spawn("default")
        serving._spawn = gevent.spawn
        assert ask(serving) == b"hello"


def test_address_in_use():
    with server.StreamServer(LOCAL, echo) as serving:
        serving.start()
        other = server.StreamServer(("127.0.0.1", serving.server_port), echo)
        with pytest.raises(OSError, match="in use.*127.0.0.1"):
            other.start()
        assert not other.started


@pytest.mark.parametrize(
    "address, parsed",
    [
        (("1.2.3.4", 80), (socket.AF_INET, ("1.2.3.4", 80))),
        (("::1", 80), (socket.AF_INET6, ("::1", 80))),
        (("", 80), (socket.AF_INET6, ("", 80))),
        (80, (socket.AF_INET6, ("", 80))),
        ("80", (socket.AF_INET6, ("", 80))),
        (":80", (socket.AF_INET, ("", 80))),
        ("*:80", (socket.AF_INET, ("", 80))),
        ("1.2.3.4:80", (socket.AF_INET, ("1.2.3.4", 80))),
        ("[::1]:80", (socket.AF_INET6, ("::1", 80))),
    ],
)
def test_addresses(address, parsed):
    assert parse_address(address) == parsed


@pytest.mark.parametrize("address, error", [("host", ValueError), ("host:http", ValueError), (b"x", TypeError), (None, TypeError)])
def test_bad_addresses(address, error):
    with pytest.raises(error):
        parse_address(address)
    with pytest.raises(error):
        server.StreamServer(address, echo)


def test_backlog_and_tls_sockets():
    with socket.create_server(LOCAL) as listener:
        with pytest.raises(TypeError, match="backlog must be None"):
            server.StreamServer(listener, echo, backlog=5)
    assert server.StreamServer(LOCAL, echo, backlog=7).backlog == 7

    class Tls:
        def accept(self):
            pass

        def do_handshake(self):
            pass

    with pytest.raises(TypeError, match="Expected a regular socket"):
        server.StreamServer(Tls(), echo)


def test_tls_by_context():
    class Context:
        def wrap_socket(self, sock, **kwargs):
            assert kwargs == {"server_side": True, "suppress_ragged_eofs": False}
            sock.sendall(b"wrapped ")
            return sock

    with server.StreamServer(LOCAL, echo, ssl_context=Context(), suppress_ragged_eofs=False) as serving:
        assert serving.ssl_enabled
        serving.start()
        assert ask(serving) == b"wrapped hello"


@pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning")
@pytest.mark.parametrize("by_context", [True, False])
def test_tls(tmp_path, by_context, errors):
    from certificates import make_certificate
    from gevent import ssl

    made = make_certificate(tmp_path, "server")
    arguments = {"keyfile": made.key, "certfile": made.cert}
    if by_context:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.cert, made.key)
        arguments = {"ssl_context": context}
    client_context = ssl.create_default_context(cafile=made.cert)
    client_context.check_hostname = False
    with server.StreamServer(LOCAL, echo, **arguments) as serving:
        serving.start()
        with connect(serving) as idle:  # one that never shakes hands keeps nobody else out
            for _ in range(3):
                with client_context.wrap_socket(connect(serving)) as sock:
                    sock.sendall(b"hello")
                    assert sock.recv(100) == b"hello"
            idle.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with suppress(ConnectionResetError):  # or just the end, after an alert
                while idle.recv(100):
                    pass
        while not errors:
            gevent.sleep(0.001)
        assert isinstance(errors[0][1], ssl.SSLError)
        assert serving.started


def test_failing_handshake_closes_the_connection(errors):
    class Context:
        def wrap_socket(self, sock, **kwargs):
            raise OSError("no handshake")

    with server.StreamServer(LOCAL, echo, ssl_context=Context()) as serving:
        serving.start()
        assert ask(serving, b"") == b""
        assert str(errors[0][1]) == "no handshake"
        assert serving.started


def test_peer_that_resets_before_it_is_accepted(errors):
    with server.StreamServer(LOCAL, echo) as serving:
        serving.start()
        serving.stop_accepting()
        client = connect(serving)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        serving.start_accepting()
        assert ask(serving) == b"hello"


def test_repr():
    class Server(BaseServer):
        def method(self, *args):
            pass

    serving = Server(("127.0.0.1", 80), echo)
    assert "address=127.0.0.1:80" in repr(serving) and "echo" in str(serving)
    serving.set_handle(serving.method)
    assert "<bound method Server.method of self>" in repr(serving)
    serving.close()
    assert "handle" not in repr(serving)


def test_nothing_refers_to_a_closed_server():
    serving = server.StreamServer(LOCAL, echo)
    serving.start()
    serving.close()
    reference = weakref.ref(serving)
    del serving
    assert reference() is None


def test_datagrams():
    received = []

    class Echo(server.DatagramServer):
        def handle(self, data, address):
            received.append(data)
            self.sendto(data.upper(), address)

    with Echo(LOCAL) as serving, socket.socket(type=socket.SOCK_DGRAM) as client:
        serving.start()
        client.settimeout(5)
        client.sendto(b"hello", serving.address)
        assert client.recvfrom(100) == (b"HELLO", serving.address)
        big = b"x" * 60000
        client.sendto(big, serving.address)
        assert client.recv(65536) == big.upper()
        client.sendto(b"", serving.address)
        assert client.recv(1) == b""
    assert received == [b"hello", big, b""]


# ---- the console ----


def read_prompt(sock):
    read = b""
    while not read.endswith(b">>> "):
        chunk = sock.recv(1)
        assert chunk, read
        read += chunk
    return read.replace(b"\r\n", b"\n")


def test_console():
    stdout = sys.stdout
    with backdoor.BackdoorServer(LOCAL, locals={"name": "value"}, banner="welcome") as serving:
        serving.start()
        with connect(serving) as sock, connect(serving) as other:
            assert read_prompt(sock).startswith(b"welcome")
            read_prompt(other)
            for line, answer in (
                (b"name", b"'value'\n"),
                (b"2 + 2", b"4\n"),
                (b"import gevent; gevent.sleep(0.001); print('slept')", b"slept\n"),
                (b"1 / 0", b"ZeroDivisionError"),
                (b"len(repr(locals())) < 1000", b"True"),
                (b"own = 1", b""),
            ):
                sock.sendall(line + b"\r\n")
                assert answer in read_prompt(sock)
            print("not on the console")
            other.sendall(b"own\r\n")
            assert b"NameError" in read_prompt(other)
            sock.sendall(b"quit()\r\n")
            assert sock.recv(100) == b""
            other.sendall(b"import sys; sys.exit(3)\r\n")
            assert other.recv(100) == b""
    assert sys.stdout is stdout


def test_stopping_the_server_ends_its_consoles():
    stdin = sys.stdin
    serving = backdoor.BackdoorServer(LOCAL)
    serving.start()
    with connect(serving) as sock:
        read_prompt(sock)
        serving.stop(timeout=0.001)
        assert sock.recv(100) == b""
    assert sys.stdin is stdin
