"""The WSGI server: what an application gets, and what becomes of its answer."""

import gevent
import pytest

from wsgiservers import Answer, answers, ask, connection, read_all, serving


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read()]


def hello(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, ", b"world!"]


CLOSE = b"Host: a\r\nConnection: close\r\n"


def test_an_answer_with_its_length():
    with serving(hello) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n"))
    assert (answer.status, answer.reason.strip(), answer.body) == (200, "OK", b"Hello, world!")
    assert answer.headers["content-length"] == "13"
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_requests_on_one_connection_however_they_are_cut(cut):
    data = (
        b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst"
        b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nsec\r\n3\r\nond\r\n0\r\nT: u\r\n\r\n"
        b"\r\n"
        b"GET /c HTTP/1.1\r\n" + CLOSE + b"\r\n"
    )
    with serving(echo) as server:
        found = answers(ask(server, *(data[i : i + cut] for i in range(0, len(data), cut))))
        assert server.counters["requests"] == 3
    assert [answer.body for answer in found] == [b"first", b"second", b""]


def test_environ():
    seen = []

    def application(environ, start_response):
        seen.append(environ)
        return hello(environ, start_response)

    with serving(application) as server:
        ask(
            server,
            b"POST /a%20b%2Fc%zz?x=%20 HTTP/1.1\r\nHost: example.org\r\nContent-Type: text/x\r\nContent-Length: 0\r\n"
            b"X-One: 1\r\nx-one:  2 \r\nCookie: a=1\r\nCookie: b=2\r\nX_One: 3\r\nConnection: close\r\n\r\n",
        )
        port = str(server.server_port)
    (environ,) = seen
    assert type(environ) is dict
    wanted = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/c%zz",
        "QUERY_STRING": "x=%20",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_PORT": port,
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "example.org",
        "HTTP_X_ONE": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_CONNECTION": "close",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in wanted} == wanted
    assert environ["SERVER_SOFTWARE"].startswith("gevent/")
    assert "HTTP_CONTENT_TYPE" not in environ and "HTTP_CONTENT_LENGTH" not in environ
    assert environ["REMOTE_PORT"].isdigit()


def test_an_absolute_target_names_the_host():
    def application(environ, start_response):
        start_response("200 OK", [])
        return [f"{environ['HTTP_HOST']} {environ['PATH_INFO']} {environ['QUERY_STRING']}".encode()]

    with serving(application) as server:
        answer = Answer(ask(server, b"GET http://b:1/p?q HTTP/1.1\r\n" + CLOSE + b"\r\n"))
        bare = Answer(ask(server, b"GET http://b?q HTTP/1.1\r\n" + CLOSE + b"\r\n"))
    assert answer.body == b"b:1 /p q"
    assert bare.body == b"b / q"


def test_each_part_of_a_generator_is_a_chunk():
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"one"
        yield b""
        yield b"two"

    with serving(application) as server:
        chunked = Answer(ask(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n"))
        plain = Answer(ask(server, b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
    assert chunked.chunks == [b"one", b"two"]
    assert plain.body == b"onetwo"
    assert plain.headers["connection"] == "close"


def test_write_sends_before_the_result():
    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"one")
        write(b"")
        return [b"two"]

    with serving(application) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n"))
    assert answer.chunks == [b"one", b"two"]


@pytest.mark.parametrize(
    "result",
    [lambda: [b"body"], lambda: iter([b"body", b"more"]), lambda: (b"bo", b"dy")],
    ids=["list", "iterator", "tuple"],
)
def test_head_has_no_body(result):
    def application(environ, start_response):
        start_response("200 OK", [])
        return result()

    with serving(application) as server:
        data = ask(server, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    first = Answer(data, head=True)
    assert first.status == 200
    second = Answer(first.rest, head=True)
    assert second.status == 200 and second.rest == b""


def test_an_error_before_the_head_is_500_and_reported(errors):
    def application(environ, start_response):
        raise KeyError("mine")

    with serving(application) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\nCookie: secret\r\n\r\n"))
    assert (answer.status, answer.body) == (500, b"Internal Server Error")
    ((context, error),) = errors
    assert isinstance(error, KeyError)
    assert "secret" not in repr(context)


def test_an_error_after_the_head_ends_the_connection(errors):
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"some"
        raise KeyError("mine")

    with serving(application) as server:
        data = ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert data.endswith(b"4\r\nsome\r\n")
    assert len(errors) == 1


@pytest.mark.parametrize("result", [[b"12345"], [b"123"], (b"1", b"23")], ids=repr)
def test_a_body_of_another_length_is_an_error(result, errors):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        return result

    with serving(application) as server:
        assert Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 500
    assert len(errors) == 1


@pytest.mark.parametrize("parts", [[b"12", b"345"], [b"123"]], ids=repr)
def test_parts_of_another_length_end_the_connection(parts, errors):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "4")])
        yield from parts

    with serving(application) as server:
        answer = Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    assert len(answer.body) < 4
    assert len(errors) == 1


@pytest.fixture
def errors(monkeypatch):
    """What was reported to the hub: a list of (context, exception)."""
    reported = []
    hub = gevent.get_hub()
    monkeypatch.setattr(
        hub, "handle_error", lambda context, type, value, tb: reported.append((context, value)), raising=False
    )
    return reported


BAD_ANSWERS = [
    ("200 OK", [("A\r\nB", "c")], "carriage return or newline in header name"),
    ("200 OK", [("A", "b\nc")], "carriage return or newline in header value"),
    ("200 OK\r\nA: b", [], "carriage return or newline in status"),
    ("200 OK", [("A", b"b")], "The header value must be a str: b'b'"),
    (b"200 OK", [], "The status must be a str: b'200 OK'"),
    ("200 OK", [("A", "b\u20ac")], "The header value has characters that Latin-1 lacks: 'b\u20ac'"),
    ("200 OK", [("A", "b\0c")], "null character in header value"),
    ("200 OK", [("A B", "c")], "invalid character in header name"),
    ("200 OK", [("", "c")], "empty header name"),
    ("200 OK", [("Content-Length", "+5")], "Content-Length must be a decimal number"),
    ("200 OK", [("Content-Length", "5"), ("content-length", "6")], "more than one Content-Length"),
    ("200 OK", [("Content-Length", "5"), ("Transfer-Encoding", "chunked")], "Content-Length beside Transfer-Encoding"),
    *((status, [], f"invalid status: {status!r}") for status in ["OK", "", "20", "2000", "099 No", "x00 No", "2x0 No", "20x No"]),
    ("200 OK", [("Content-Length", "")], "Content-Length must be a decimal number"),
    ("200 OK", [("Content-Length", "1" * 19)], "Content-Length must be a decimal number"),
    ("200 OK", [("Content-Length", "5:")], "Content-Length must be a decimal number"),
]


@pytest.mark.parametrize("status, headers, message", BAD_ANSWERS, ids=[message for *_, message in BAD_ANSWERS])
def test_what_no_head_may_have(status, headers, message, errors):
    raised = []

    def application(environ, start_response):
        try:
            start_response(status, headers)
        except ValueError as error:
            raised.append(str(error))
            raise

    with serving(application) as server:
        assert Answer(ask(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status == 500
    assert raised == [message]


def test_the_log_has_a_line_for_each_request():
    with serving(hello) as server:
        ask(server, b"GET /p?q HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n\r\n")
        first, second = server.log.lines
    assert first.startswith("127.0.0.1 - - [") and first.endswith("\n")
    assert '] "GET /p?q HTTP/1.1" 200 ' in first
    assert '"GET / HTTP/1.0" 200 ' in second


def test_continue_is_said_once_and_only_when_it_is_read():
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/read":
            environ["wsgi.input"].read(1)
            environ["wsgi.input"].read(1)
        start_response("200 OK", [])
        return []

    request = b"POST %b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nxx"
    with serving(application) as server:
        data = ask(server, request % b"/read" + request % b"/not" + b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert [answer.status for answer in answers(data)] == [100, 200, 200, 200]


def test_stop_closes_idle_connections_at_once():
    with serving(hello) as server, connection(server) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert Answer(idle.recv(1000)).status == 200
        while server.counters["idle"] != 1:
            gevent.sleep(0)
        server.stop(timeout=10)
        assert read_all(idle) == b""


def test_a_new_connection_keeps_its_place_for_its_first_request():
    """gunicorn's worker ends once all places are free: a request that is under way must not be lost."""
    with serving(hello, spawn=2) as server, connection(server) as client:
        while server.counters["idle"] != 1:
            gevent.sleep(0)
        assert server.pool.free_count() == 1
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert Answer(client.recv(1000)).status == 200
        while server.counters["idle"] != 1:
            gevent.sleep(0)
        assert server.pool.free_count() == 2


def test_a_silent_client_leaves_its_place():
    with serving(hello, spawn=1) as server, connection(server):
        with gevent.Timeout(10):
            while server.pool.free_count() != 1:
                gevent.sleep(0.01)
        with connection(server) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert Answer(client.recv(1000)).status == 200


def test_a_pool_has_no_place_for_idle_connections():
    with serving(hello, spawn=1) as server, connection(server) as first, connection(server) as second:
        for client in (first, second, first):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert Answer(client.recv(1000)).status == 200
        while server.counters["idle"] != 2:
            gevent.sleep(0)
        assert server.pool.free_count() == 1
    assert len(server.pool) == 0 and server.pool.free_count() == 1
