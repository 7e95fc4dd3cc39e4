"""The WSGI server, its input, and WebSockets."""

import io
import sys
import tempfile

import gevent
from gevent import socket
from gevent.pywsgi import WSGIHandler, WSGIServer

from greencore._core import Input, WebSocketConnection, websocket_frame
from scenarios import SOON, scenario, socketpair


class End(WebSocketConnection):
    """A connection over a socket, after `received`."""

    def __init__(self, sock, client=False, received=b""):
        super().__init__(sock, client, received, 1 << 20, -1)

    def _handle(self, opcode, payload, code):
        pass

    def _end(self, code):
        self.closed = True

    def next(self):
        """What comes; a connection that fails ends, and there is none."""
        message = self.receive()
        if message is None:
            raise ConnectionResetError("it has ended")
        return message


@scenario
def frames():
    ours, theirs = socketpair()
    with ours, theirs:
        client, server = End(ours, True), End(theirs)
        receiving = gevent.spawn(server.next)
        gevent.sleep(0)
        client.send("text")
        assert receiving.get(timeout=SOON) == "text"
        server.send(b"x" * 1000)
        assert client.next() == b"x" * 1000
        client._send_frame(9, b"")
        data = websocket_frame(1, "te", fin=False, masked=True) + websocket_frame(0, "xt", masked=True)
        data += websocket_frame(9, b"", masked=True) + websocket_frame(2, b"more", masked=True)
        again = End(theirs, received=data)
        assert again.next() == "text" and again.next() == b"more"


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    if environ["PATH_INFO"] == "/write":
        start_response("200 OK", [("Content-Type", "text/plain")])(b"written")
        return [b"and returned"]
    if environ["PATH_INFO"] == "/error":
        raise ValueError("text")
    if environ["PATH_INFO"] == "/file":
        start_response("200 OK", [("X-Name", "value")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"in the file"))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "%d" % len(body))])
    return [body]


class Log:
    def write(self, line):
        pass


class Parts:
    """A file to read a connection from: read1() returns one part after the other."""

    def __init__(self, *parts):
        self.parts = list(parts)

    def read1(self, size):
        return self.parts.pop(0) if self.parts else b""


def ask(*parts, application=application, **options):
    """What a connection answers that gets the parts and then the end."""
    server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log(), linger_timeout=0.001, **options)
    server.init_socket()
    ours, theirs = socketpair()
    with ours, theirs:
        try:
            server.handler_class(theirs, ("192.0.2.1", 1234), server, Parts(*parts)).handle()
            ours.settimeout(SOON)
            return ours.recv(65536)
        finally:
            server.close()


def request(line, *fields, body=b""):
    return "\r\n".join([line, "Host: name", *fields, "", ""]).encode() + body


@scenario
def wsgi():
    assert b"200 OK" in ask(request("GET / HTTP/1.1"))
    assert b"written" in ask(request("GET /write HTTP/1.1"))
    assert b"500" in ask(request("GET /error HTTP/1.1"))
    assert b"in the file" in ask(request("GET /file?a=b HTTP/1.1", "Cookie: a", "Cookie: b", "X-Name: value"))


@scenario
def wsgi_bodies():
    post = request("POST /%20path HTTP/1.1", "Content-Length: 4", "Content-Type: a/b", body=b"text")
    assert b"text" in ask(post[:20], post[20:], post)
    chunked = request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"2\r\nte\r\n2\r\nxt\r\n0\r\n\r\n")
    assert b"text" in ask(chunked, post)
    waiting = request("POST / HTTP/1.1", "Content-Length: 4", "Expect: 100-continue")
    assert b"100 Continue" in ask(waiting, b"text")


@scenario
def wsgi_refused():
    assert b"400" in ask(b"GET / HTTP/1.1\r\n\r\n")
    assert b"400" in ask(b"\xff\xff\r\n\r\n")
    assert b"400" in ask(request("GET / HTTP/1.1", "Content-Length: x"))


def lines(environ, start_response):
    read = environ["wsgi.input"]
    found = [read.readline(), read.readline(3), *read.readlines(2), *read]
    start_response("200 OK", [])
    return iter(found)


@scenario
def wsgi_lines():
    body = b"one\ntwo\nthree\nfour\n"
    post = request("POST / HTTP/1.0", "Content-Length: %d" % len(body), body=body)
    assert ask(post, application=lines).endswith(body)
    chunked = request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert b"three" in ask(chunked, application=lines)


@scenario
def wsgi_served():
    """Through a server's own sockets."""
    server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log())
    server.start()
    try:
        with socket.create_connection(server.address, timeout=SOON) as client:
            client.sendall(request("GET / HTTP/1.1") + request("GET / HTTP/1.1", "Connection: close"))
            answer = b""
            while data := client.recv(65536):
                answer += data
            assert answer.count(b"200 OK") == 2
    finally:
        server.stop(timeout=SOON)


def answering(status="200 OK", headers=(), result=(b"text",), **more):
    """An application that answers so."""

    def answer(environ, start_response):
        start_response(status, list(headers), **more)
        return result

    return answer


class Odd(Exception):
    pass


def restart(environ, start_response):
    """Change the answer after an error, by keyword."""
    start_response(status="200 OK", headers=[["X-Name", "value"]])
    try:
        raise Odd
    except Odd:
        start_response("500 Error", [("X-Name", "other")], exc_info=sys.exc_info())
    return [b"te", bytearray(b"x"), b"t"]


@scenario
def wsgi_answers():
    get = request("GET / HTTP/1.1")
    last = request("GET / HTTP/1.1", "Connection: close")
    ask(get, last, application=answering(headers=[("Connection", "a, close"), ("Date", "today")]))
    ask(last, application=answering("204 No Content", result=()))
    ask(last, application=answering("304 Not Modified", [("Content-Length", "4")], result=()))
    ask(request("HEAD / HTTP/1.1"), application=answering(result=(b"te", b"xt")))
    ask(request("GET / HTTP/1.0", "Connection: keep-alive"), application=answering())
    ask(get, application=answering(result=iter([b"te", b"", b"xt"])))
    ask(get, application=answering(headers=[("Transfer-Encoding", "chunked")]))
    ask(get, application=answering(headers=[("Content-Length", "2")]))
    ask(get, application=answering(result=[b"x"] * 100))
    assert b"500 Error" in ask(last, application=restart)


@scenario
def wsgi_answers_refused():
    get = request("GET / HTTP/1.1")
    for status in "OK", "2 OK", "20x OK", "099 No", "200 \n", 200:
        assert b"500" in ask(get, application=answering(status))
    for headers in [("a",)], [("a", "b", "c")], [("a b", "c")], [("a", "b\r\nc")], [("a", 1)], [5]:
        assert b"500" in ask(get, application=answering(headers=headers))
    assert b"500" in ask(get, application=answering(result=5))
    assert b"500" in ask(get, application=answering(result=["text"]))
    ask(get, application=answering(headers=[("Content-Length", "x")]))
    ask(get, application=lambda environ, start_response: [])


class Hooked(WSGIHandler):
    """Each hook is overridden."""

    def handle_one_request(self):
        return super().handle_one_request()

    def read_requestline(self):
        return super().read_requestline()

    def read_request(self, line):
        return super().read_request(line)

    def get_environ(self):
        return super().get_environ()

    def handle_one_response(self):
        super().handle_one_response()

    def run_application(self):
        super().run_application()

    def start_response(self, status, headers, exc_info=None):
        return super().start_response(status, headers, exc_info)

    def process_result(self):
        super().process_result()

    def write(self, data):
        super().write(data)

    def finalize_headers(self):
        self.response_headers.append((b"X-Name", b"value"))
        self.status, self.code, self.provided_content_length
        super().finalize_headers()

    def _sendall(self, data):
        super()._sendall(data)

    def log_request(self):
        super().log_request()

    def format_request(self):
        return super().format_request()


@scenario
def wsgi_hooks():
    post = request("POST / HTTP/1.1", "Content-Length: 4", "X-Name: value", body=b"text")
    assert b"text" in ask(post, post, handler_class=Hooked)
    assert b"written" in ask(request("GET /write HTTP/1.1"), handler_class=Hooked)
    assert b"in the file" in ask(request("GET /file HTTP/1.1"), handler_class=Hooked)
    assert b"400" in ask(b"\xff\xff\r\n\r\n", handler_class=Hooked)


def look(environ, start_response):
    handler = start_response.__self__
    handler.requestline, handler.headers, list(handler.headers.items()), handler.content_length, handler.rfile
    start_response("200 OK", [])
    handler.status, handler.code, handler.response_headers, handler.provided_content_length
    handler.response_headers = [("X-Name", "value")]
    handler.status = b"201 Created"
    return environ["wsgi.file_wrapper"](open(__file__, "rb"))


@scenario
def wsgi_attributes():
    assert b"201 Created" in ask(request("GET / HTTP/1.1", "Cookie: a", "Upgrade: other"), application=look)


@scenario
def wsgi_files():
    """What sendfile(2) sends."""
    with tempfile.TemporaryFile() as file:
        file.write(b"in the file")
        file.flush()

        def application(environ, start_response):
            file.seek(3)
            start_response("200 OK", [])
            return environ["wsgi.file_wrapper"](file)

        server = WSGIServer(("127.0.0.1", 0), application, log=Log(), error_log=Log())
        server.start()
        try:
            with socket.create_connection(server.address, timeout=SOON) as client:
                client.sendall(request("GET / HTTP/1.0"))
                answer = b""
                while data := client.recv(65536):
                    answer += data
                assert answer.endswith(b"\r\n\r\nthe file")
        finally:
            server.stop(timeout=SOON)


@scenario
def inputs():
    """wsgi.input of anybody's files."""
    body = Input(io.BytesIO(b"one\ntwo\nthree"), 13)
    assert body.readline() == b"one\n"
    assert body.read(2) == b"tw" and body.read() == b"o\nthree"
    chunked = Input(io.BytesIO(b"3\r\none\r\n0\r\n\r\n"), None, None, True)
    assert chunked.read() == b"one"
    list(Input(io.BytesIO(b"text"), 4))
    try:
        Input(io.BytesIO(b"x"), 2).read()
    except OSError:
        pass


@scenario
def more_frames():
    ours, theirs = socketpair()
    with ours, theirs:
        client, server = End(ours, True), End(theirs)
        client.send(bytearray(b"text"), binary=True)
        assert server.next() == b"text"
        client.send(memoryview(b"text"), binary=False)
        assert server.next() == "text"
        client._send_frame(8, b"\x03\xe8bye")
        ours.shutdown(socket.SHUT_WR)
        server.receive()
        for data in b"\x81\x00", websocket_frame(3, b"", masked=True), websocket_frame(1, b"\xff", masked=True):
            End(theirs, received=data).receive()
