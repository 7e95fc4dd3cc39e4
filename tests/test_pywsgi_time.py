"""The WSGI server's time-outs, and what it does when it stops or has too much to do."""

import io

import gevent
import pytest
from certificates import make_certificate
from gevent import pywsgi, socket, ssl
from gevent.event import Event

from wsgiservers import Answer, ask, connection, read_all, serving

SOON = 0.05  # s
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificates"), "server")


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [body]


@pytest.mark.parametrize("parts", [[b"GET"], [GET[:-1]], [b"\r"], [b"GET / HTTP/1.1\r\nA: ", b"b"]], ids=repr)
def test_a_head_that_takes_too_long(parts):
    with serving(echo, header_timeout=SOON) as server:
        answer = Answer(ask(server, *parts))
    assert (answer.status, answer.headers["connection"]) == (408, "close")


@pytest.mark.parametrize("head", [b"Content-Length: 5\r\n\r\nhell", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhell"])
def test_a_body_that_takes_too_long(head):
    with serving(echo, body_timeout=SOON) as server:
        answer = Answer(ask(server, b"POST / HTTP/1.1\r\nHost: a\r\n" + head))
    assert (answer.status, answer.headers["connection"]) == (408, "close")


def test_the_time_for_a_body_begins_anew_with_each_part_of_it():
    with serving(echo, body_timeout=0.5, min_rate=1) as server, connection(server) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            gevent.sleep(0.04)
            sock.sendall(b"x")
        assert Answer(read_all(sock)).body == b"x" * 20


def trickle(sock, data):
    """Send it byte by byte, until somebody has had enough."""
    try:
        for i in range(len(data)):
            sock.sendall(data[i : i + 1])
            gevent.sleep(0.001)
    except OSError:
        pass


@pytest.mark.parametrize(
    "head, part",
    [
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
    ids=["head", "body", "chunks"],
)
@pytest.mark.parametrize("hooked", [False, True])
def test_a_client_that_sends_a_byte_now_and_then(head, part, hooked):
    class Handler(pywsgi.WSGIHandler):
        def read_requestline(self):
            return super().read_requestline()

    options = {"handler_class": Handler} if hooked else {}
    with serving(echo, header_timeout=SOON, body_timeout=SOON, min_rate=1e6, **options) as server:
        with connection(server) as sock:
            sock.sendall(head)
            sender = gevent.spawn(trickle, sock, part * 100000)
            assert Answer(read_all(sock)).status == 408
            sender.kill()


def test_a_client_that_hooks_wait_for_is_closed_when_it_sends_nothing():
    class Handler(pywsgi.WSGIHandler):
        def read_requestline(self):
            return self.rfile.readline()

    with serving(echo, handler_class=Handler, keepalive_timeout=SOON) as server:
        assert ask(server, b"GET / HT") == b""
        assert Answer(ask(server, GET)).status == 200


def test_a_client_that_sends_nothing_is_closed():
    with serving(echo, keepalive_timeout=SOON) as server:
        assert ask(server) == b""
        assert Answer(ask(server, GET)).status == 200
        assert server.counters["connections"] == 0
        assert server.counters["refused"] == 0


def test_a_client_that_takes_nothing_is_closed():
    ended = Event()

    def application(environ, start_response):
        start_response("200 OK", [])
        try:
            while True:
                yield b"x" * 100000
        finally:
            ended.set()

    with serving(application, write_timeout=SOON) as server, connection(server) as sock:
        sock.sendall(GET)
        assert ended.wait(10)


@pytest.mark.parametrize("kind", ["bytes", "file", "tls"])
def test_a_client_that_takes_a_byte_now_and_then(kind, tmp_path, request, quiet):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 50_000_000)
    ended = Event()

    class Body(list):
        def close(self):
            ended.set()

    class File(io.FileIO):
        def close(self):
            super().close()
            ended.set()

    def application(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](File(path)) if kind == "file" else Body([b"x" * 50_000_000])

    options = {"write_timeout": SOON, "min_rate": 1e12}
    if kind == "tls":
        certificate = request.getfixturevalue("certificate")
        options.update(certfile=certificate.cert, keyfile=certificate.key)
    with serving(application, **options) as server, connection(server) as sock:
        if kind == "tls":
            sock = ssl._create_unverified_context().wrap_socket(sock)
        sock.sendall(GET)
        while not ended.is_set():
            sock.recv(65536)
            gevent.sleep(0.002)


def test_a_slow_client_gets_all_as_long_as_it_is_fast_enough():
    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"x" * 10_000_000]

    with serving(application, write_timeout=SOON, min_rate=1000) as server, connection(server) as sock:
        sock.sendall(GET.replace(b"1.1", b"1.0"))
        got = 0
        while data := sock.recv(200_000):
            got += len(data)
            gevent.sleep(0.002)
    assert got > 10_000_000


def test_a_request_that_takes_too_long():
    def application(environ, start_response):
        gevent.sleep(100)

    with serving(application, request_timeout=SOON) as server:
        answer = Answer(ask(server, GET))
        (line,) = server.error_log.lines
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    assert "took longer than 0.05 s for '/'" in line


def test_a_request_that_takes_too_long_after_its_head():
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"some"
        gevent.sleep(100)

    with serving(application, request_timeout=SOON) as server:
        assert ask(server, GET).endswith(b"4\r\nsome\r\n")


def test_a_timeout_of_the_application_is_its_own(errors):
    def application(environ, start_response):
        with gevent.Timeout(SOON):
            gevent.sleep(100)

    with serving(application, request_timeout=100) as server:
        assert Answer(ask(server, GET)).status == 500
    assert isinstance(errors[0][1], gevent.Timeout)


@pytest.fixture
def errors(monkeypatch):
    """What was reported to the hub: a list of (context, exception)."""
    reported = []
    hub = gevent.get_hub()
    monkeypatch.setattr(
        hub, "handle_error", lambda context, type, value, tb: reported.append((context, value)), raising=False
    )
    return reported


def test_a_client_that_sends_requests_without_end_leaves_turns_to_others():
    order = []

    def application(environ, start_response):
        order.append(environ["REMOTE_PORT"])
        start_response("200 OK", [])
        return []

    with serving(application) as server, connection(server) as eager, connection(server) as modest:
        port = str(modest.getsockname()[1])
        eager.sendall(GET * 300)
        modest.sendall(GET)
        assert Answer(modest.recv(1000)).status == 200
        assert order.index(port) < 100


# ---- clients that go ----


@pytest.mark.parametrize("resets", [False, True])
def test_that_a_client_goes_is_seen(resets):
    seen = Event()

    def application(environ, start_response):
        asked.set()
        assert environ["greencore.client_gone"].wait(10)
        seen.set()
        start_response("200 OK", [])
        return []

    asked = Event()
    with serving(application, watch_clients="event") as server, connection(server) as sock:
        sock.sendall(GET)
        asked.wait()
        if resets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert seen.wait(10)


def test_a_client_that_stays_is_not_gone():
    def application(environ, start_response):
        start_response("200 OK", [])
        return [str(environ["greencore.client_gone"].wait(SOON)).encode()]

    with serving(application, watch_clients="event") as server:
        # What comes behind the request is no end.
        data = ask(server, GET + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert Answer(data).body == b"False"


def test_a_request_whose_client_goes_is_killed():
    ended = []
    asked = Event()

    def application(environ, start_response):
        try:
            asked.set()
            gevent.sleep(100)
        except gevent.GreenletExit as error:
            ended.append(error)
            raise

    with serving(application, watch_clients="kill") as server, connection(server) as sock:
        sock.sendall(GET)
        asked.wait()
        sock.close()
        while server.counters["connections"]:
            gevent.sleep(0.001)
    assert len(ended) == 1


def test_a_wrong_word_for_watching():
    with pytest.raises(ValueError, match="watch_clients must be"):
        with serving(echo, watch_clients=True):
            pass


def test_an_upload_that_is_cut_is_an_error_of_its_own_request(errors):
    with serving(echo) as server:
        ask(server, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell", ends=True)
        assert Answer(ask(server, b"GET / HTTP/1.0\r\n\r\n")).status == 200
    ((_, error),) = errors
    assert str(error) == "unexpected end of file while reading request at position 4"


def test_a_half_closed_client_gets_its_answer():
    with serving(echo) as server:
        assert Answer(ask(server, GET, ends=True)).status == 200


def test_a_refused_client_that_sends_on_sees_the_answer():
    """Closed at once, the connection would be reset, and the answer lost."""
    with serving(echo, max_body=1000) as server:
        body = [b"x" * 1000] * 300
        answer = Answer(ask(server, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n", *body, ends=True))
    assert answer.status == 413


# ---- stopping ----


def test_stop_lets_requests_end_and_their_answers_say_so():
    go, asked = Event(), Event()

    def application(environ, start_response):
        asked.set()
        go.wait()
        start_response("200 OK", [])
        return [b"late"]

    with serving(application) as server, connection(server) as sock:
        sock.sendall(GET)
        asked.wait()
        stopping = gevent.spawn(server.stop, timeout=10)
        gevent.sleep(0)
        go.set()
        answer = Answer(read_all(sock))
        stopping.get(timeout=10)
    assert (answer.body, answer.headers["connection"]) == (b"late", "close")


@pytest.mark.parametrize("spawn", ["default", 5])
def test_a_request_may_stop_the_server(spawn):
    def application(environ, start_response):
        start_response("200 OK", [])
        gevent.spawn(server.stop)
        yield b"bye"

    with serving(application, spawn=spawn) as server:
        assert Answer(ask(server, GET)).body == b"bye"
        assert not server.started


def test_stop_kills_what_runs_on_in_a_pool():
    ended, asked = Event(), Event()

    def application(environ, start_response):
        try:
            asked.set()
            gevent.sleep(100)
        finally:
            ended.set()

    with serving(application, spawn=5) as server, connection(server) as sock:
        sock.sendall(GET)
        asked.wait()
        server.stop(timeout=SOON)
        assert ended.is_set()


# ---- too many ----


def test_idle_connections_make_room():
    with serving(echo, max_connections=2) as server:
        with connection(server) as first, connection(server) as second:
            for sock in (first, second):
                sock.sendall(GET)
                assert Answer(sock.recv(1000)).status == 200
            while server.counters["idle"] != 2:
                gevent.sleep(0)
            with connection(server) as third:
                third.sendall(GET)
                assert Answer(third.recv(1000)).status == 200
                assert first.recv(1) == b""
                second.sendall(GET)
                assert Answer(second.recv(1000)).status == 200


def test_more_connections_than_there_may_be_wait():
    go = Event()
    running = []

    def application(environ, start_response):
        running.append(environ)
        go.wait()
        start_response("200 OK", [])
        return []

    with serving(application, max_connections=2) as server:
        asking = [gevent.spawn(ask, server, b"GET / HTTP/1.0\r\n\r\n") for _ in range(5)]
        while len(running) < 2:
            gevent.sleep(0)
        gevent.sleep(SOON)
        assert len(running) == 2
        go.set()
        gevent.joinall(asking, timeout=10, raise_error=True)
        assert [Answer(greenlet.value).status for greenlet in asking] == [200] * 5
