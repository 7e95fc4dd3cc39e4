"""WebSockets of WSGI applications, and the server of WebSockets."""

from contextlib import contextmanager

import pytest

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.pywsgi import WSGIHandler, WSGIServer
from gevent.websocket import HandshakeError, WebSocketError, WebSocketServer, connect

LOCAL = ("127.0.0.1", 0)
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\n"


@contextmanager
def serving(application, server_class=WSGIServer, **options):
    """The URL of a server, and the server."""
    site = server_class(LOCAL, application, log=None, **options)
    site.start()
    try:
        yield f"ws://127.0.0.1:{site.server_port}/path?query=1", site
    finally:
        site.stop(timeout=1)


def echo(environ, start_response):
    for message in environ["wsgi.websocket"]:
        environ["wsgi.websocket"].send(message)


def test_echo():
    with serving(echo) as (url, _), connect(url) as ws:
        for message in ("text", b"bytes", "long" * 50_000):
            ws.send(message)
            assert ws.receive() == message


def test_attributes():
    seen = []

    def application(environ, start_response):
        ws = environ["wsgi.websocket"]
        seen.append((ws.path, ws.origin, ws.version, ws.protocols, ws.accepted, environ["QUERY_STRING"]))
        ws.accept("b", headers=[("X-More", "yes")])
        with pytest.raises(WebSocketError):
            ws.accept()
        ws.send("done")

    with serving(application) as (url, _), connect(url, protocols=["a", "b"], headers=[("Origin", "http://o")]) as ws:
        assert ws.protocol == "b"
        assert ws.receive() == "done"
        assert ws.receive() is None and ws.close_code == 1000
    assert seen == [("/path", "http://o", "13", ["a", "b"], False, "query=1")]


def test_an_ordinary_response_instead():
    kept = []

    def application(environ, start_response):
        kept.append(environ["wsgi.websocket"])
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"no"]

    with serving(application) as (url, _):
        with pytest.raises(HandshakeError) as caught:
            connect(url)
        assert caught.value.status == 403
    for use in (kept[0].accept, kept[0].receive, lambda: kept[0].send("late")):
        with pytest.raises(WebSocketError):
            use()
    kept[0].close()


def test_what_came_with_the_request_is_read_first():
    with serving(echo) as (url, site), socket.create_connection(site.address) as raw:
        raw.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + bytes.fromhex("818537fa213d7f9f4d5158")
        )
        data = b""
        while not data.endswith(b"\x81\x05Hello"):
            data += raw.recv(1000)
        assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in data


def test_an_application_that_raises_says_so():
    def application(environ, start_response):
        environ["wsgi.websocket"].receive()
        raise ZeroDivisionError("on purpose")

    caught = AsyncResult()
    handle_error = gevent.get_hub().handle_error
    gevent.get_hub().handle_error = lambda context, kind, value, tb: caught.set(kind)
    try:
        with serving(application) as (url, _), connect(url) as ws:
            ws.send("go")
            assert ws.receive() is None
            assert ws.close_code == 1011
            assert caught.get() is ZeroDivisionError
    finally:
        gevent.get_hub().handle_error = handle_error


def test_a_generator_may_use_it():
    def application(environ, start_response):
        ws = environ["wsgi.websocket"]
        ws.send(ws.receive() + "!")
        yield b"goes nowhere"

    with serving(application) as (url, _), connect(url) as ws:
        ws.send("hey")
        assert ws.receive() == "hey!"
        assert ws.receive() is None


def test_options_of_the_server():
    class Small(WSGIServer):
        websocket_options = {"max_message": 10}

    with serving(echo, Small) as (url, _), connect(url) as ws:
        ws.send("x" * 11)
        assert ws.receive() is None
        assert ws.close_code == 1009


def test_compression_can_be_declined():
    def application(environ, start_response):
        environ["wsgi.websocket"].accept(compress=False)
        return echo(environ, start_response)

    for app, agreed in ((echo, True), (application, False)):
        with serving(app) as (url, _), connect(url) as ws:
            ws.send("word " * 1000)
            assert ws.receive() == "word " * 1000
            assert (ws._deflate is not None) is agreed


def test_other_requests_have_none():
    found = []

    def application(environ, start_response):
        found.append("wsgi.websocket" in environ)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with serving(application) as (_, site), socket.create_connection(site.address) as raw:
        raw.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, close\r\n\r\n"
        )
        assert raw.makefile("rb").read().count(b"HTTP/1.1 200") == 2
    assert found == [False, False]


def test_a_handler_that_does_its_own_upgrade_is_left_alone():
    class Handler(WSGIHandler):
        def run_application(self):
            self.environ["wsgi.websocket"] = "its own"
            super().run_application()

    def application(environ, start_response):
        start_response("200 OK", [("X-Found", environ["wsgi.websocket"])])
        return []

    with serving(application, handler_class=Handler) as (url, _), pytest.raises(HandshakeError) as caught:
        connect(url)
    assert caught.value.status == 200


def test_the_socket_is_closed_when_the_application_is_done():
    def application(environ, start_response):
        environ["wsgi.websocket"].send("one")

    with serving(application) as (url, site):
        ws = connect(url)
        assert ws.receive() == "one"
        raw = ws.socket.dup()
        ws.close()
        assert raw.recv(10) == b""
        raw.close()
        while site.counters["connections"]:
            gevent.sleep(0)


# ---- a server of its own ----


def echo_socket(ws):
    for message in ws:
        ws.send(message)


def test_server():
    with serving(echo_socket, WebSocketServer, protocols=["b", "a"], options={"max_message": 100}) as (url, _):
        with connect(url, protocols=["a", "b"]) as ws:
            assert ws.protocol == "b"
            ws.send("x")
            assert ws.receive() == "x"
        with connect(url, protocols=["c"]) as ws:
            assert ws.protocol is None


def test_server_looks_at_origins():
    with serving(echo_socket, WebSocketServer, origins=["http://good"]) as (url, _):
        with connect(url, headers=[("Origin", "http://good")]) as ws:
            ws.send("x")
            assert ws.receive() == "x"
        for headers in ([], [("Origin", "http://bad")]):
            with pytest.raises(HandshakeError) as caught:
                connect(url, headers=headers)
            assert caught.value.status == 403


@pytest.mark.parametrize(
    "fields, status",
    [
        ("", b"426"),
        (UPGRADE + "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"426"),
        (UPGRADE + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", b"400"),
    ],
)
def test_server_refuses(fields, status):
    with serving(echo_socket, WebSocketServer) as (_, site), socket.create_connection(site.address) as raw:
        raw.sendall(f"GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
        answer = raw.recv(1000)
        assert answer.split()[1] == status
        if status == b"426":
            assert b"\r\nSec-WebSocket-Version: 13\r\n" in answer


def test_server_beside_an_application():
    def page(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return [b"page"]

    with serving(echo_socket, WebSocketServer, http=page) as (url, site), socket.create_connection(site.address) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert raw.makefile("rb").read().endswith(b"\r\n\r\npage")
