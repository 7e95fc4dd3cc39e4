"""TLS over sockets that wait cooperatively: what it adds to the standard module, and where it must not differ."""

import gc
import io
import os
import ssl as standard
import struct
import subprocess
import sys
import tracemalloc
import warnings
from pathlib import Path

import gevent
import gevent.event
import gevent.socket as socket
import gevent.ssl as ssl
import pytest
from certificates import make_certificate

ISOLATED = Path(__file__).parent / "isolated"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    return {name: make_certificate(folder, name) for name in ("server", "other", "client")}


def server_context(certificates, version=None, name="server", module=ssl):
    context = module.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[name].cert, certificates[name].key)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def client_context(certificates, version=None, name="server"):
    context = ssl.create_default_context(cafile=certificates[name].cert)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture
def contexts(certificates):
    return server_context(certificates), client_context(certificates)


def tcp_pair():
    """Not a socketpair: with those, newer releases of OpenSSL take an end without goodbye for a broken pipe."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        return here, listener.accept()[0]


def shake_hands(*ends):
    """Perform the handshake of two ends that never wait, in turns."""
    waiting = list(ends)
    while waiting:
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass


def connect(server, client, pair=None, **options):
    """Both ends of a connection, after the handshake."""
    a, b = pair or tcp_pair()
    accepting = gevent.spawn(server.wrap_socket, a, server_side=True)
    try:
        there = client.wrap_socket(b, server_hostname="localhost", **options)
    except BaseException:
        accepting.join()
        raise
    return accepting.get(), there


@pytest.fixture
def ends(contexts):
    here, there = connect(*contexts)
    yield here, there
    here.close()
    there.close()


def read_all(sock, size):
    parts = []
    while size:
        part = sock.recv(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# ---- contexts ----


def test_contexts_are_ours():
    for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.create_default_context(), ssl._create_unverified_context()):
        assert type(context) is ssl.SSLContext
        assert context.sslsocket_class is ssl.SSLSocket
        assert isinstance(context, standard.SSLContext)
    with pytest.warns(DeprecationWarning):
        assert ssl.SSLContext().protocol == ssl.PROTOCOL_TLS
    with pytest.raises(TypeError):
        ssl.SSLSocket()


def test_context_properties():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for name, value in (
        ("options", ssl.OP_ALL | ssl.OP_NO_TICKET),
        ("verify_mode", ssl.CERT_OPTIONAL),
        ("verify_flags", ssl.VERIFY_X509_STRICT),
        ("minimum_version", ssl.TLSVersion.TLSv1_2),
        ("maximum_version", ssl.TLSVersion.TLSv1_3),
        ("hostname_checks_common_name", False),
        ("post_handshake_auth", True),
    ):
        setattr(context, name, value)
        found = getattr(context, name)
        assert found & value == value if name == "options" else found == value
        assert type(found) is type(getattr(standard.SSLContext(ssl.PROTOCOL_TLS_CLIENT), name))


def test_nothing_of_the_standard_classes_is_missing():
    assert set(dir(standard.SSLSocket)) - set(dir(ssl.SSLSocket)) <= {"__module__", "__dict__"}
    assert set(dir(standard.SSLContext)) - set(dir(ssl.SSLContext)) == set()
    assert set(standard.__all__ if hasattr(standard, "__all__") else []) - set(dir(ssl)) == set()
    for name in vars(standard):
        if not name.startswith("_"):
            assert hasattr(ssl, name), name


def test_late_patching_is_safe():
    done = subprocess.run([sys.executable, str(ISOLATED / "ssl_late.py")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 4


# ---- a connection ----


@pytest.mark.parametrize("version", VERSIONS)
def test_messages(certificates, version):
    here, there = connect(server_context(certificates, version), client_context(certificates, version))
    assert here.version() == there.version() == {VERSIONS[0]: "TLSv1.2", VERSIONS[1]: "TLSv1.3"}[version]
    assert isinstance(there, ssl.SSLSocket) and isinstance(there, socket.socket)
    for size in (1, 100, 16384, 16385, 300000):
        data = os.urandom(size)
        sending = gevent.spawn(here.sendall, data)
        assert read_all(there, size) == data
        sending.get()
    assert there.cipher() == here.cipher()
    assert there.getpeercert()["subject"] == ((("commonName", "server"),),)
    assert there.server_hostname == "localhost" and not there.server_side and here.server_side
    for sock in (here, there):
        sock.close()
        with pytest.raises(ValueError):
            sock.read()
        with pytest.raises(ValueError):
            sock.write(b"x")


def test_both_directions_at_once(ends):
    """More than all buffers hold, so each side has to read and write in turns."""
    size = 5_000_000
    data = [os.urandom(size), os.urandom(size)]
    reading = [gevent.spawn(read_all, end, size) for end in ends]
    sending = [gevent.spawn(end.sendall, each) for end, each in zip(ends, data)]
    gevent.joinall(reading + sending, raise_error=True)
    assert [each.value for each in reading] == data[::-1]


def test_buffers(ends):
    here, there = ends
    here.sendall(memoryview(b"abcdefgh"))
    buffer = bytearray(3)
    assert there.recv_into(buffer) == 3 and buffer == b"abc"
    assert there.recv_into(buffer, 2) == 2 and buffer == b"dec"
    assert there.pending() == 3
    assert there.read(2) == b"fg"
    assert there.read(1, buffer) == 1 and buffer == b"hec"
    here.sendall(b"1234\n567")
    here.close()
    with there.makefile("rb") as file:
        assert file.readline() == b"1234\n"
        assert file.read() == b"567"
    assert there.recv(0) == b""


def test_sendfile(ends, tmp_path):
    here, there = ends
    data = os.urandom(200_000)
    (tmp_path / "file").write_bytes(data)
    with open(tmp_path / "file", "rb") as file:
        sending = gevent.spawn(here.sendfile, file, 10, 150_000)
        assert read_all(there, 150_000) == data[10:150_010]
        assert sending.get() == 150_000
        assert file.tell() == 150_010


class KernelTLS:
    """A TLS object of 3.15 over a kernel that encrypts, made of one that does not."""

    def __init__(self, real):
        self.real = real
        self.copied = 0

    def uses_ktls_for_send(self):
        return True

    def sendfile(self, source, offset, size):
        sent = self.real.write(os.pread(source, min(size, 10_000), offset))
        self.copied += sent
        return sent

    def __getattr__(self, name):
        return getattr(self.real, name)


def test_sendfile_by_the_kernel(ends, tmp_path):
    here, there = ends
    here._sslobj = KernelTLS(here._sslobj)
    data = os.urandom(2_000_000)
    (tmp_path / "file").write_bytes(data)
    with open(tmp_path / "file", "rb") as file:
        sending = gevent.spawn(here.sendfile, file, 10)
        assert read_all(there, len(data) - 10) == data[10:]
        assert sending.get() == here._sslobj.copied == len(data) - 10
        assert file.tell() == len(data)
        here.settimeout(0.01)
        with pytest.raises(TimeoutError):
            while True:
                here.sendfile(file)
    assert here.sendfile(io.BytesIO(b"")) == 0


def test_plain_again_after_unwrap(ends):
    here, there = ends
    other = gevent.spawn(here.unwrap)
    bare = there.unwrap()
    assert other.get() is here and bare is there
    here.sendall(b"plain")
    assert there.recv(10) == b"plain"
    buffer = bytearray(5)
    there.sendall(b"clear")
    assert here.recv_into(buffer) == 5 and buffer == b"clear"
    for end in ends:
        with pytest.raises(ValueError):
            end.unwrap()
        assert end.cipher() is end.version() is end.selected_alpn_protocol() is None
        assert end.pending() == 0


def test_tls_on_a_connection_in_use(contexts):
    """STARTTLS."""
    a, b = socket.socketpair()
    a.sendall(b"go ahead")
    assert b.recv(100) == b"go ahead"
    here, there = connect(*contexts, pair=(a, b))
    assert a.fileno() == b.fileno() == -1
    here.sendall(b"secret")
    assert there.recv(100) == b"secret"
    here.close()
    there.close()


def outcome_of(function, *args):
    """What the call returns, or the class of what it raises."""
    try:
        return function(*args)
    except OSError as error:
        return type(error)


@pytest.mark.parametrize("suppress", [True, False])
def test_an_end_without_goodbye(certificates, contexts, suppress):
    """Not every release of the interpreter and of OpenSSL takes it for an error: the standard socket tells what this one does."""
    outcomes = []
    for here, there in (
        standard_pair(certificates, tcp_pair(), suppress_ragged_eofs=suppress),
        connect(*contexts, suppress_ragged_eofs=suppress),
    ):
        socket.socket(fileno=here.detach()).close()
        there.settimeout(10)
        outcomes.append([outcome_of(there.recv, 10), outcome_of(there.recv_into, bytearray(5))])
        there.close()
    assert outcomes[0] == outcomes[1]
    assert outcomes[1] == [b"", 0] if suppress else outcomes[1][0] in (b"", ssl.SSLEOFError)


def listening(context):
    listener = socket.create_server(("127.0.0.1", 0))
    return context.wrap_socket(listener, server_side=True)


def test_accept_and_connect(contexts):
    server, client = contexts
    with listening(server) as listener:
        accepting = gevent.spawn(listener.accept)
        sock = client.wrap_socket(socket.socket(), server_hostname="localhost")
        assert sock.cipher() is None
        sock.connect(listener.getsockname())
        peer, address = accepting.get()
        assert address == sock.getsockname() and type(peer) is ssl.SSLSocket
        peer.sendall(b"hello")
        assert sock.recv(10) == b"hello"
        with pytest.raises(ValueError):
            sock.connect(listener.getsockname())
        with pytest.raises(ValueError):
            peer.connect(listener.getsockname())
        sock.close()
        peer.close()

        sock = client.wrap_socket(socket.socket(), server_hostname="localhost", do_handshake_on_connect=False)
        assert sock.connect_ex(listener.getsockname()) == 0
        accepting = gevent.spawn(listener.accept)
        sock.do_handshake()
        accepting.get()[0].close()
        sock.close()
        address = listener.getsockname()
    sock = client.wrap_socket(socket.socket(), server_hostname="localhost")
    with pytest.raises(ConnectionRefusedError):
        sock.connect(address)
    assert sock.connect_ex(address) != 0
    sock.close()


def test_get_server_certificate(certificates, contexts):
    def serve(listener):
        peer, _ = listener.accept()
        peer.recv(1)
        peer.close()

    with listening(contexts[0]) as listener:
        serving = gevent.spawn(serve, listener)
        text = Path(certificates["server"].cert).read_text()
        assert ssl.get_server_certificate(listener.getsockname()).strip() == text.strip()
        serving.join()


def test_data_before_the_handshake_is_refused(contexts):
    """Somebody sends plain text and leaves, before a listener's end was wrapped."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        sender.sendall(b"plain")
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        sender.close()
        with pytest.raises(OSError):
            contexts[0].wrap_socket(peer, server_side=True)
        assert peer.fileno() == -1


# ---- what may be said in a handshake ----


@pytest.mark.parametrize("version", VERSIONS)
def test_names_protocols_and_certificates(certificates, version):
    server, client = server_context(certificates, version), client_context(certificates, version, "other")
    other = server_context(certificates, version, "other")
    other.set_alpn_protocols(["h2", "http/1.1"])
    other.verify_mode = ssl.CERT_REQUIRED
    other.load_verify_locations(certificates["client"].cert)
    seen = []

    def choose(sock, name, context):
        seen.append((type(sock), name, context is server))
        sock.context = other

    server.sni_callback = choose
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["spdy", "http/1.1"])
    client.load_cert_chain(certificates["client"].cert, certificates["client"].key)
    here, there = connect(server, client)
    assert seen == [(ssl.SSLSocket, "localhost", True)]
    assert there.getpeercert()["subject"] == ((("commonName", "other"),),)
    assert here.selected_alpn_protocol() == there.selected_alpn_protocol() == "http/1.1"
    there.sendall(b"x")
    assert here.recv(1) == b"x"
    if version == VERSIONS[0]:
        assert here.get_channel_binding("tls-unique") == there.get_channel_binding("tls-unique") != None  # noqa: E711
    here.close()
    there.close()


def test_a_certificate_that_nobody_trusts(certificates):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server_context(certificates), client_context(certificates, name="other"))
    a, b = socket.socketpair()
    with pytest.raises(ValueError):
        client_context(certificates).wrap_socket(a)
    with pytest.raises(ValueError):
        server_context(certificates).wrap_socket(a, server_side=True, server_hostname="x")
    assert a.fileno() >= 0
    a.close()
    b.close()


def test_post_handshake_authentication(certificates):
    server, client = server_context(certificates, VERSIONS[1]), client_context(certificates, VERSIONS[1])
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(certificates["client"].cert)
    server.post_handshake_auth = client.post_handshake_auth = True
    client.load_cert_chain(certificates["client"].cert, certificates["client"].key)
    here, there = connect(server, client)
    assert here.getpeercert() is None
    here.verify_client_post_handshake()
    here.sendall(b"who are you?")  # the request goes with it
    assert there.recv(100) == b"who are you?"
    there.sendall(b"me")
    assert here.recv(100) == b"me"
    assert here.getpeercert()["subject"] == ((("commonName", "client"),),)
    here.close()
    there.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_used_again(certificates, version):
    server, client = server_context(certificates, version), client_context(certificates, version)

    def visit(session=None):
        here, there = connect(server, client, session=session)
        here.sendall(b"ticket comes with this")
        there.recv(100)
        result = there.session, there.session_reused
        here.close()
        there.close()
        return result

    session, reused = visit()
    assert session is not None and not reused
    assert visit(session)[1]


def test_messages_can_be_watched(certificates):
    server, client = server_context(certificates), client_context(certificates)
    seen = []
    client._msg_callback = lambda sock, direction, *rest: seen.append((type(sock), direction))
    here, there = connect(server, client)
    assert {kind for kind, _ in seen} == {ssl.SSLSocket}
    assert {direction for _, direction in seen} == {"read", "write"}
    client._msg_callback = None
    assert client._msg_callback is None
    here.close()
    there.close()


# ---- time-outs, and not waiting ----


def test_time_outs(contexts):
    a, b = socket.socketpair()
    b.settimeout(0.01)
    with pytest.raises(TimeoutError, match="handshake operation timed out"):
        contexts[1].wrap_socket(b, server_hostname="localhost")
    assert b.fileno() == -1
    a.close()

    here, there = connect(*contexts)
    there.settimeout(0.01)
    with pytest.raises(TimeoutError, match="read operation timed out"):
        there.recv(1)
    with pytest.raises(TimeoutError, match="read operation timed out"):
        there.recv_into(bytearray(1))
    with pytest.raises(TimeoutError, match="write operation timed out"):
        there.sendall(b"x" * 10_000_000)
    here.close()
    there.close()

    here, there = connect(*contexts)
    there.settimeout(0.01)
    with pytest.raises(TimeoutError):
        there.unwrap()
    assert there.gettimeout() == 0.01
    here.close()
    there.close()


def test_after_a_time_out_it_goes_on(ends):
    here, there = ends
    there.settimeout(0.01)
    with pytest.raises(TimeoutError):
        there.recv(1)
    there.settimeout(None)
    here.sendall(b"late")
    assert there.recv(10) == b"late"


def test_timeout_of_the_greenlet(ends):
    here, there = ends
    with pytest.raises(gevent.Timeout), gevent.Timeout(0.01):
        there.recv(1)
    here.sendall(b"late")
    assert there.recv(10) == b"late"


def test_without_waiting(contexts):
    a, b = socket.socketpair()
    for end in (a, b):
        end.setblocking(False)
    with pytest.raises(ValueError):
        contexts[1].wrap_socket(b.dup(), server_hostname="localhost")
    here = contexts[0].wrap_socket(a, server_side=True, do_handshake_on_connect=False)
    there = contexts[1].wrap_socket(b, server_hostname="localhost", do_handshake_on_connect=False)
    shake_hands(there, here)
    with pytest.raises(ssl.SSLWantReadError):
        there.recv(1)
    with pytest.raises(ssl.SSLWantWriteError):
        while True:
            there.send(b"x" * 100_000)
    assert there.gettimeout() == 0
    here.close()
    there.close()


def test_handshake_block(contexts):
    a, b = socket.socketpair()
    b.setblocking(False)
    there = contexts[1].wrap_socket(b, server_hostname="localhost", do_handshake_on_connect=False)
    accepting = gevent.spawn(contexts[0].wrap_socket, a, server_side=True)
    there.do_handshake(block=True)
    assert there.gettimeout() == 0
    accepting.get().close()
    there.close()


# ---- greenlets ----


def test_others_run_during_a_handshake(contexts):
    a, b = socket.socketpair()
    shaking = gevent.spawn(contexts[1].wrap_socket, b, server_hostname="localhost")
    gevent.sleep(0)
    assert not shaking.ready()
    here = contexts[0].wrap_socket(a, server_side=True)
    shaking.get().close()
    here.close()


def test_a_hundred_handshakes_at_once(contexts):
    """Every client has begun before any server answers."""
    pairs = [socket.socketpair() for _ in range(100)]
    clients = [gevent.spawn(contexts[1].wrap_socket, b, server_hostname="localhost") for _, b in pairs]
    gevent.sleep(0)
    servers = [gevent.spawn(contexts[0].wrap_socket, a, server_side=True) for a, _ in pairs]
    for greenlet in clients + servers:
        greenlet.get().close()


def test_closing_wakes_who_reads(ends):
    here, there = ends
    reading = gevent.spawn(there.recv, 1)
    gevent.sleep(0)
    there.close()
    with pytest.raises(OSError) as raised:
        reading.get()
    assert isinstance(raised.value, socket.cancel_wait_ex)


def test_one_reads_at_a_time(ends):
    here, there = ends
    reading = gevent.spawn(there.recv, 1)
    gevent.sleep(0)
    with pytest.raises(gevent.exceptions.ConcurrentObjectUseError):
        there.recv(1)
    here.sendall(b"x")
    assert reading.get() == b"x"


def test_no_buffer_is_held_while_parked(contexts):
    pairs = [connect(*contexts) for _ in range(20)]
    gc.collect()
    tracemalloc.start()
    reading = [gevent.spawn(there.recv, 1_000_000) for _, there in pairs]
    gevent.sleep(0)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 1_000_000
    for here, _ in pairs:
        here.sendall(b"x")
    assert [each.get() for each in reading] == [b"x"] * 20
    for pair in pairs:
        for end in pair:
            end.close()


# ---- an unkind network ----


class Relay:
    """Carries bytes between two connections; `carry(data, direction, sink)` may do with them what it likes."""

    def __init__(self, carry):
        self.ends = []
        outer = [socket.socketpair(), socket.socketpair()]
        self.pair = outer[0][0], outer[1][0]
        self.inner = outer[0][1], outer[1][1]
        self.greenlets = [
            gevent.spawn(self.run, 0, *self.inner, carry),
            gevent.spawn(self.run, 1, *self.inner[::-1], carry),
        ]

    def run(self, direction, source, sink, carry):
        try:
            while data := source.recv(65536):
                carry(data, direction, sink)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # an end was closed

    def close(self):
        for sock in self.inner:
            sock.close()
        gevent.joinall(self.greenlets)


@pytest.mark.parametrize("version", VERSIONS)
def test_records_cut_at_every_byte(certificates, version):
    def drip(data, direction, sink):
        for n in range(len(data)):
            sink.sendall(data[n : n + 1])
            gevent.sleep(0)

    relay = Relay(drip)
    here, there = connect(server_context(certificates, version), client_context(certificates, version), relay.pair)
    here.sendall(b"hello" * 20)
    assert read_all(there, 100) == b"hello" * 20
    there.sendall(b"world")
    assert read_all(here, 5) == b"world"
    other = gevent.spawn(here.unwrap)
    there.unwrap()
    other.get()
    here.close()
    there.close()
    relay.close()


def measure(certificates, version):
    """How many bytes go each way, handshake and one message each."""
    counts = [0, 0]

    def count(data, direction, sink):
        counts[direction] += len(data)
        sink.sendall(data)

    relay = Relay(count)
    here, there = connect(server_context(certificates, version), client_context(certificates, version), relay.pair)
    here.sendall(b"x")
    there.recv(1)
    there.sendall(b"x")
    here.recv(1)
    here.close()
    there.close()
    relay.close()
    return counts


@pytest.mark.parametrize("how", ["end", "garbage"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_connection_that_breaks_anywhere(certificates, version, how):
    """After any number of bytes, the connection ends, or brings nonsense first: both sides get an error or an end, and
    neither hangs nor spins."""
    server, client = server_context(certificates, version), client_context(certificates, version)
    totals = measure(certificates, version)
    before = len(os.listdir("/proc/self/fd"))

    def side(sock, context, **options):
        try:
            with context.wrap_socket(sock, **options) as sock:
                sock.sendall(b"x")
                sock.recv(1)
                sock.recv(1)
        except OSError:
            pass
        finally:
            sock.close()

    for direction in (0, 1):
        for limit in range(0, totals[direction] - 20, 23):  # the lengths of signatures vary
            left = [limit]

            def carry(data, at, sink):
                if at != direction:
                    sink.sendall(data)
                    return
                sink.sendall(data[: left[0]])
                left[0] -= len(data)
                if left[0] < 0:
                    if how == "garbage":
                        sink.sendall(b"\xff" * 50)
                    raise OSError("enough")

            relay = Relay(carry)
            sides = [
                gevent.spawn(side, relay.pair[0], server, server_side=True),
                gevent.spawn(side, relay.pair[1], client, server_hostname="localhost"),
            ]
            for greenlet in relay.greenlets:
                greenlet.rawlink(lambda _: [sock.close() for sock in relay.inner])
            gevent.joinall(sides, raise_error=True)
            relay.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_reset_by_the_peer(contexts):
    def accept_and_reset(listener, when):
        peer, _ = socket.socket.accept(listener)
        if when != "handshake":
            peer = contexts[0].wrap_socket(peer, server_side=True)
        if when == "write":
            peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    for when in ("handshake", "read", "write"):
        with listening(contexts[0]) as listener:
            serving = gevent.spawn(accept_and_reset, listener, when)
            with pytest.raises(OSError):
                with socket.create_connection(listener.getsockname()) as sock:
                    with contexts[1].wrap_socket(sock, server_hostname="localhost") as sock:
                        while when == "write":
                            sock.sendall(b"x" * 100_000)
                        if not sock.recv(1):
                            raise ConnectionResetError
            serving.get()


# ---- refused as by the standard module ----


def standard_pair(certificates, pair=None, **options):
    """Both ends by the standard module: handshakes by turns, without waiting."""
    import _socket
    import socket as plain

    a, b = (plain.socket(fileno=end.detach()) for end in pair or _socket.socketpair())
    server = standard.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates["server"].cert, certificates["server"].key)
    client = standard.create_default_context(cafile=certificates["server"].cert)
    for end in (a, b):
        end.setblocking(False)
    here = server.wrap_socket(a, server_side=True, do_handshake_on_connect=False)
    there = client.wrap_socket(b, server_hostname="localhost", do_handshake_on_connect=False, **options)
    shake_hands(there, here)
    return here, there


@pytest.mark.parametrize(
    "use",
    [
        lambda sock: sock.recv(1, socket.MSG_PEEK),
        lambda sock: sock.recv_into(bytearray(1), 1, socket.MSG_PEEK),
        lambda sock: sock.send(b"x", socket.MSG_DONTWAIT),
        lambda sock: sock.sendall(b"x", socket.MSG_DONTWAIT),
        lambda sock: sock.recvfrom(1),
        lambda sock: sock.recvfrom_into(bytearray(1)),
        lambda sock: sock.recvmsg(1),
        lambda sock: sock.recvmsg_into([bytearray(1)]),
        lambda sock: sock.sendto(b"x", ("127.0.0.1", 1)),
        lambda sock: sock.sendmsg([b"x"]),
        lambda sock: sock.dup(),
        lambda sock: sock.recv(-1),
        lambda sock: sock.recv("x"),
        lambda sock: sock.sendall("text"),
        lambda sock: sock.send(5),
        lambda sock: sock.get_channel_binding("nonsense"),
        lambda sock: sock.connect(("127.0.0.1", 1)),
    ],
)
def test_refused_alike(certificates, contexts, use):
    outcomes = []
    for pair in (standard_pair(certificates), connect(*contexts)):
        with pytest.raises(Exception) as raised:
            use(pair[1])
        outcomes.append(type(raised.value))
        for end in pair:
            end.close()
    assert outcomes[0] is outcomes[1]


def test_datagrams_cannot_be_wrapped(contexts):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        with pytest.raises(NotImplementedError):
            contexts[1].wrap_socket(sock, server_hostname="localhost")
        assert sock.fileno() >= 0


def test_wrap_socket(certificates):
    a, b = socket.socketpair()
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    there.check_hostname = False
    there.verify_mode = ssl.CERT_NONE
    shaking = gevent.spawn(there.wrap_socket, b)

    def wrap():
        return ssl.wrap_socket(a, certificates["server"].key, certificates["server"].cert, server_side=True)

    if hasattr(standard, "wrap_socket"):
        with pytest.warns(DeprecationWarning):
            here = wrap()
    else:
        here = wrap()
    assert type(here) is ssl.SSLSocket
    shaking.get().close()
    here.close()
    with socket.socket() as sock, pytest.raises(ValueError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ssl.wrap_socket(sock, server_side=True)


def test_the_class_makes_sockets_too(certificates, contexts):
    server, client = contexts
    a, b = tcp_pair()
    own = certificates["server"]
    accepting = gevent.spawn(ssl.SSLSocket, a, own.key, own.cert, True, ssl_version=ssl.PROTOCOL_TLS_SERVER)
    there = ssl.SSLSocket(b, _context=client, server_hostname="localhost")
    here = accepting.get()
    assert (type(here), type(there), a.fileno(), b.fileno()) == (ssl.SSLSocket, ssl.SSLSocket, -1, -1)
    assert there.context is client and there.server_hostname == "localhost" and here.server_side
    here.sendall(b"hello")
    assert there.recv(10) == b"hello"
    there.close()
    here.close()


@pytest.mark.parametrize(
    "options",
    [{"server_side": True}, {"keyfile": "key"}, {"server_side": True, "server_hostname": "h", "certfile": "?"}, {"ciphers": "no"}],
)
def test_the_class_refuses_what_gevents_does(options):
    with socket.socket() as sock:
        with pytest.raises((ValueError, OSError)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ssl.SSLSocket(sock, **options)
        assert sock.fileno() >= 0
    with pytest.raises(TypeError, match="needs the socket"):
        ssl.SSLSocket()


def test_no_reference_is_leaked(contexts):
    def visit():
        here, there = connect(*contexts)
        there.settimeout(0)
        with pytest.raises(ssl.SSLWantReadError):
            there.recv(1)
        here.sendall(b"x")
        there.settimeout(None)
        there.recv(1)
        here.close()
        there.close()

    for _ in range(5):
        visit()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(30):
        visit()
    gc.collect()
    assert sys.getallocatedblocks() - before < 100
