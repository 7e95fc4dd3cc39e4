"""The WSGI server's classes: what subclasses override, and what others look at."""

import copy
import pickle
import subprocess
import sys
from contextlib import suppress

import pytest
from certificates import make_certificate
from gevent import pywsgi, socket, ssl

from wsgiservers import Answer, Lines, answers, ask, connection, read_all, serving

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def hello(environ, start_response):
    start_response("200 OK", [("X-Thing", "one")])
    return [b"hello"]


STEPS = [
    "handle_one_request",
    "read_requestline",
    "read_request",
    "get_environ",
    "handle_one_response",
    "run_application",
    "start_response",
    "process_result",
    "write",
    "finalize_headers",
    "_sendall",
    "log_request",
    "format_request",
]


def noting(name, log):
    def method(self, *args, **kwargs):
        log.append(name)
        return getattr(pywsgi.WSGIHandler, name)(self, *args, **kwargs)

    return method


def handler_class(log, names=STEPS, **more):
    return type("Handler", (pywsgi.WSGIHandler,), {**{name: noting(name, log) for name in names}, **more})


def test_each_step_in_order(log):
    with serving(hello, handler_class=handler_class(log)) as server:
        answer = Answer(ask(server, GET))
        (line,) = server.log.lines
    assert answer.body == b"hello"
    assert '"GET / HTTP/1.1" 200 ' in line
    assert [name for name in dict.fromkeys(log)] == STEPS


@pytest.mark.parametrize("name", STEPS)
def test_one_step_alone(name, log):
    requests = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi" + GET
    with serving(hello, handler_class=handler_class(log, [name])) as server:
        both = answers(ask(server, requests))
        (line, *_) = server.log.lines
    assert [answer.body for answer in both] == [b"hello", b"hello"]
    assert '"POST /a HTTP/1.1" 200 ' in line
    assert set(log) == {name} and len(log) >= 2


@pytest.mark.parametrize("names", [[], STEPS], ids=["plain", "overridden"])
@pytest.mark.parametrize(
    "data, status", [(b"GET / HTTP %\r\n", 400), (b"GET /" + b"x" * 9000, 414)], ids=["bad", "long"]
)
def test_what_is_refused_is_refused_by_each_way(names, data, status, log):
    with serving(hello, handler_class=handler_class(log, names)) as server:
        assert Answer(ask(server, data + b"\r\n\r\n")).status == status
        (line,) = server.error_log.lines
    assert "(from ('127.0.0.1', " in line


def test_what_a_handler_knows_of_a_request():
    seen = []

    class Handler(pywsgi.WSGIHandler):
        def log_request(self):
            seen.append(
                (
                    self.command,
                    self.path,
                    self.request_version,
                    self.requestline,
                    self.headers.items(),
                    self.headers.get("x-ONE"),
                    self.status,
                    self.code,
                    self.response_headers[0],
                    self.headers_sent,
                    self.time_finish >= self.time_start > 0,
                    self.environ["PATH_INFO"],
                    self.client_address[0],
                )
            )
            assert self.response_length > 5

    with serving(hello, handler_class=Handler) as server:
        ask(server, b"GET /p%20q?r HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nConnection: close\r\n\r\n")
    assert seen == [
        (
            "GET",
            "/p%20q?r",
            "HTTP/1.1",
            "GET /p%20q?r HTTP/1.1",
            [("Host", "a"), ("X-One", "1"), ("Connection", "close")],
            "1",
            b"200 OK",
            200,
            (b"X-Thing", b"one"),
            True,
            True,
            "/p q",
            "127.0.0.1",
        )
    ]


def test_a_hook_changes_the_head():
    class Handler(pywsgi.WSGIHandler):
        def finalize_headers(self):
            super().finalize_headers()
            self.response_headers.append((b"X-More", b"two"))
            self.status = b"201 Made"

    with serving(hello, handler_class=Handler) as server:
        answer = Answer(ask(server, GET))
    assert (answer.status, answer.reason.strip(), answer.headers["x-more"]) == (201, "Made", "two")


def test_a_hook_takes_the_answer_over():
    class Handler(pywsgi.WSGIHandler):
        def start_response(self, status, headers, exc_info=None):
            write = super().start_response(status, headers, exc_info)
            self.provided_content_length = False
            self.provided_date = True
            self.response_use_chunked = False
            self.close_connection = True
            write("")
            return write

    with serving(hello, handler_class=Handler) as server:
        data = ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert data == b"HTTP/1.1 200 OK\r\nX-Thing: one\r\nConnection: close\r\n\r\nhello"


def test_a_first_line_of_another_protocol():
    class Handler(pywsgi.WSGIHandler):
        def read_requestline(self):
            line = self.rfile.readline()
            if line == b"ping\n":
                self.socket.sendall(b"pong")
                return None
            return line

    with serving(hello, handler_class=Handler) as server:
        assert ask(server, b"ping\nmore") == b"pong"
        assert [answer.body for answer in answers(ask(server, GET.replace(b"close", b"x") + GET))] == [b"hello"] * 2
        assert ask(server, b"", ends=True) == b""


def test_an_error_handler_that_is_overridden():
    class Handler(pywsgi.WSGIHandler):
        def handle_error(self, type, value, tb):
            self._send_error_response_if_possible(503)

    def application(environ, start_response):
        raise KeyError("mine")

    with serving(application, handler_class=Handler) as server:
        assert Answer(ask(server, GET)).status == 503


# ---- upgrades ----

UPGRADE = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def test_an_upgrade_hands_the_connection_over():
    def upgrade(handler, environ):
        environ["wsgi.websocket"] = handler.hand_over()

    def application(environ, start_response):
        sock, first = environ["wsgi.websocket"]
        sock.sendall(b"got " + first + sock.recv(100))
        return []

    with serving(application) as server:
        server.upgrade = upgrade
        with connection(server) as sock:
            sock.sendall(UPGRADE + b"some")
            sock.sendall(b"more")
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock) in (b"got somemore", b"got some")


def test_an_upgrade_by_the_application():
    def application(environ, start_response):
        assert environ["wsgi.input_terminated"] is False
        sock = environ["wsgi.input"].raw._sock
        write = start_response("101 Switching Protocols", [("Upgrade", "websocket"), ("Connection", "Upgrade")])
        write(b"")
        sock.sendall(b"[" + environ["wsgi.input"].read(4) + b"]")
        return []

    with serving(application) as server:
        data = ask(server, UPGRADE + b"some")
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[1:3] == [b"Upgrade: websocket", b"Connection: Upgrade"]
    assert b"chunked" not in head and b"Length" not in head
    assert rest == b"[some]"


@pytest.mark.parametrize(
    "request_", [UPGRADE.replace(b"websocket", b"h2c"), UPGRADE.replace(b"GET", b"POST")], ids=["h2c", "POST"]
)
def test_what_is_no_upgrade(request_):
    def application(environ, start_response):
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), str(environ["wsgi.input_terminated"]).encode()]

    with serving(application) as server:
        both = answers(ask(server, request_ + GET))
    assert [answer.body for answer in both] == [b"True", b"True"]


# ---- sockets ----


def test_the_connection_is_closed_whoever_has_files_of_it():
    kept = []

    class Handler(pywsgi.WSGIHandler):
        def get_environ(self):
            kept.append(self.socket.makefile("rb"))
            kept.append(self.rfile)
            return super().get_environ()

    with serving(hello, handler_class=Handler) as server:
        assert Answer(ask(server, GET)).body == b"hello"


def test_who_keeps_the_environ_keeps_no_connection():
    kept = []

    def application(environ, start_response):
        kept.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        ask(server, GET)
    with pytest.raises(OSError, match="the request that this input belongs to is over"):
        kept[0]["wsgi.input"].read()


def test_a_unix_socket(tmp_path):
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        listener.listen()
        server = pywsgi.WSGIServer(listener, application, log=Lines())
        server.start()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "socket"))
            sock.sendall(GET)
            assert Answer(read_all(sock)).body == b"hello"
        server.stop()
    (environ,) = seen
    assert environ["SERVER_PORT"] == "" and "REMOTE_ADDR" not in environ


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_ipv6():
    server = pywsgi.WSGIServer("[::1]:0", hello, log=None)
    server.start()
    with socket.create_connection(("::1", server.server_port)) as sock:
        sock.sendall(GET)
        assert Answer(read_all(sock)).body == b"hello"
    server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificates"), "server")


def test_tls(certificate):
    seen = []

    def application(environ, start_response):
        seen.append(environ["wsgi.url_scheme"])
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    context = ssl.create_default_context(cafile=certificate.cert)
    with serving(application, certfile=certificate.cert, keyfile=certificate.key) as server:
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", server.server_port)), server_hostname="localhost"
        ) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfour" + GET)
            first, second = answers(read_all(sock))
            assert (first.body, second.body) == (b"four", b"")
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", server.server_port)), server_hostname="localhost"
        ) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert Answer(sock.recv(1000)).status == 200
            server.stop(timeout=10)
            assert read_all(sock) == b""
    assert seen == ["https"] * 3


def test_a_handshake_that_fails_is_a_line_in_the_log(certificate):
    with serving(hello, certfile=certificate.cert, keyfile=certificate.key, header_timeout=0.05) as server:
        with suppress(ConnectionResetError):
            ask(server, b"GET / HTTP/1.1\r\n\r\n")
        ask(server)
        wrong, silent = server.error_log.lines
    assert "TLS handshake failed" in wrong
    assert silent.endswith("TLS handshake failed: timed out\n")


def test_a_log_of_a_logger():
    class Logger:
        level = None

        def log(self, *args):
            self.logged = args

    logger = Logger()
    adapter = pywsgi.LoggingLogAdapter(logger, 30)
    adapter.write("line\n")
    assert logger.logged == (30, "line")
    adapter.writelines(["a", "b\n"])
    assert logger.logged == (30, "b")
    adapter.level = 5
    assert logger.level == adapter.level == 5
    del adapter.level
    assert logger.level is None
    adapter.flush()


def test_the_module_serves_from_the_shell(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'from the shell']\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "gevent.pywsgi", "mine:app", "-b", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert b"mine:app" in process.stdout.readline()
        try:
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(GET)
                assert Answer(read_all(sock)).body == b"from the shell"
        finally:
            process.kill()


def test_environs():
    environ = pywsgi.SecureEnviron({"a": 1})
    assert type(environ.copy()) is pywsgi.SecureEnviron
    assert type(pickle.loads(pickle.dumps(environ))) is dict
    assert type(copy.copy(environ)) is dict
    assert "1" not in repr(environ).split(" at ")[0].replace("keys: 1", "")
    shown = pywsgi.WSGISecureEnviron({"REMOTE_ADDR": "x", "HTTP_COOKIE": "y"})
    assert repr(shown) == "{'REMOTE_ADDR': 'x'} (hidden keys: 1)"


def test_settings():
    class Server(pywsgi.WSGIServer):
        header_timeout = 3

    server = Server(("127.0.0.1", 0), hello, max_body=None, keepalive_timeout=1.5)
    assert (server.header_timeout, server.max_body, server.keepalive_timeout) == (3, None, 1.5)
    assert server._service.header_timeout == 3
    server.max_headers = 7
    assert server.max_headers == 7
    for name, value in (("max_headers", -1), ("body_timeout", -1), ("body_timeout", float("nan"))):
        with pytest.raises(ValueError):
            setattr(server, name, value)
    with pytest.raises(TypeError):
        server.body_timeout = "soon"
    assert server.min_rate == 256
    server.min_rate = None
    assert server.min_rate is None and server._service.min_rate is None
    with pytest.raises(ValueError, match="a rate must be"):
        server.min_rate = -1
    with pytest.raises(TypeError):
        server.min_rate = "fast"


def test_a_request_is_logged_whose_error_could_not_be_handled(no_tracebacks):
    """The log is written by code of Python's, which runs with no exception set."""

    class Handler(pywsgi.WSGIHandler):
        def handle_error(self, type, value, tb):
            raise ValueError("there is nobody to tell")

        def log_request(self):
            self.server.log.write(f"{self.requestline}, {sys.exc_info()[0]}")

    def fail(environ, start_response):
        raise KeyError("text")

    with serving(fail, handler_class=Handler) as server:
        assert ask(server, GET) == b""
        assert server.log.lines == ["GET / HTTP/1.1, None"]
