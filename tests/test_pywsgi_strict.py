"""What no server may accept: each input is refused the same way however it is cut, and nothing after it is a request."""

import pytest

from gevent import pywsgi
from wsgiservers import Lines, answers, cuts, feed

GET = b"GET / HTTP/1.1\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

HEADS = {
    "a length beside chunks": (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "chunks beside a length": (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    "gzip, chunked": (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunked, gzip": (400, POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    "chunked, chunked": (400, POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "xchunked": (501, POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    "identity": (501, POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    "chunked with a VT": (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    "two encodings": (400, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "no encoding": (400, POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    "chunks in 1.0": (400, b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    "two lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "two equal lengths": (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    "a list of lengths": (400, POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    "length +5": (400, POST + b"Content-Length: +5\r\n\r\nhello"),
    "length -5": (400, POST + b"Content-Length: -5\r\n\r\nhello"),
    "length 1_0": (400, POST + b"Content-Length: 1_0\r\n\r\nhello12345"),
    "length 0x5": (400, POST + b"Content-Length: 0x5\r\n\r\nhello"),
    "length 5 5": (400, POST + b"Content-Length: 5 5\r\n\r\nhello"),
    "no length": (400, POST + b"Content-Length:\r\n\r\n"),
    "length of 20 digits": (400, POST + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "length of 64 bits": (413, POST + b"Content-Length: 18446744073709551615\r\n\r\n"),
    "space before the colon": (400, POST + b"Content-Length : 5\r\n\r\nhello"),
    "tab before the colon": (400, POST + b"Content-Length\t: 5\r\n\r\nhello"),
    "space before a name": (400, GET + b" Host: a\r\n\r\n"),
    "an empty name": (400, GET + b"Host: a\r\n: b\r\n\r\n"),
    "a name that is no token": (400, GET + b"Host: a\r\nA(b): c\r\n\r\n"),
    "a line without a colon": (400, GET + b"Host: a\r\nAbc\r\n\r\n"),
    "a line that goes on": (400, GET + b"Host: a\r\nA: b\r\n c\r\n\r\n"),
    "bare LF in the head": (400, GET + b"Host: a\nA: b\r\n\r\n"),
    "bare LF at its end": (400, GET + b"Host: a\r\n\n"),
    "bare LF behind the request line": (400, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    "bare CR in the head": (400, GET + b"Host: a\rA: b\r\n\r\n"),
    "bare CR in a value": (400, GET + b"Host: a\r\nA: b\rc\r\n\r\n"),
    "CR CR LF": (400, GET + b"Host: a\r\r\n\r\n"),
    "a leading LF": (400, b"\n" + GET + b"Host: a\r\n\r\n"),
    "a leading CR": (400, b"\r" + GET + b"Host: a\r\n\r\n"),
    "two leading lines": (400, b"\r\n\r\n" + GET + b"Host: a\r\n\r\n"),
    "NUL in a value": (400, GET + b"Host: a\r\nA: b\0c\r\n\r\n"),
    "NUL in a name": (400, GET + b"Host: a\r\nA\0: bc\r\n\r\n"),
    "NUL in the target": (400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "no Host": (400, GET + b"\r\n"),
    "two Hosts": (400, GET + b"Host: a\r\nHost: a\r\n\r\n"),
    "two hosts in one": (400, GET + b"Host: a, b\r\n\r\n"),
    "a host with a path": (400, GET + b"Host: a/b\r\n\r\n"),
    "a host with a user": (400, GET + b"Host: u@a\r\n\r\n"),
    "a target with a user": (400, b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target with two hosts": (400, b"GET http://a,b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target without a host": (400, b"GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target that has no host but a query": (400, b"GET http://?x HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target of another scheme": (400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "VT between the words": (400, b"GET\x0b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "FF between the words": (400, b"GET /\x0cHTTP/1.1\r\nHost: a\r\n\r\n"),
    "tab between the words": (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "two spaces first": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "two spaces later": (400, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a space at the end": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    "a space at the beginning": (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a method that is none": (400, b"BAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a method in lower case": (400, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a method of RTSP": (400, b"DESCRIBE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a method of ICE": (400, b"SOURCE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "HTTP/2's preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "no version": (400, b"GET /\r\nHost: a\r\n\r\n"),
    "no version and LF": (400, b"POST /x\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
    "version 0.9": (505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    "version 2.0": (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    "version 1.2": (505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    "version 11.1": (400, b"GET / HTTP/11.1\r\nHost: a\r\n\r\n"),
    "version 1": (400, b"GET / HTTP/1\r\nHost: a\r\n\r\n"),
    "version in lower case": (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    "no number": (400, b"GET / HTTP %\r\nHost: a\r\n\r\n"),
    "RTSP": (400, b"GET / RTSP/1.0\r\nHost: a\r\n\r\n"),
    "ICE": (400, b"GET / ICE/1.0\r\nHost: a\r\n\r\n"),
    "a fragment": (400, b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "no target": (400, b"GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a target that is none": (400, b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    "another scheme": (400, b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    "a star for a GET": (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    "eight bits in the target": (400, b"GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n"),
    "an expectation that is none": (417, POST + b"Expect: 200-ok\r\nContent-Length: 5\r\n\r\nhello"),
}

BODIES = {
    "an empty chunk size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk size that is none": CHUNKED + b"x\r\nhello\r\n0\r\n\r\n",
    "a chunk size with 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with +": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with -": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with _": CHUNKED + b"0_5\r\nhello\r\n0\r\n\r\n",
    "a space before a chunk size": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "a space behind a chunk size": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "a chunk size of 17 digits": CHUNKED + b"10000000000000000\r\nhello\r\n0\r\n\r\n",
    "bare LF behind a chunk size": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "bare LF in a chunk extension": CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "bare CR in a chunk extension": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in a chunk extension": CHUNKED + b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "bare LF behind a chunk": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "no CRLF behind a chunk": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "more than the chunk": CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
    "bare LF in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nA: b\n\r\n",
    "a trailer that is none": CHUNKED + b"5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
    "a length as a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "an encoding as a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "NUL in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nA: b\0\r\n\r\n",
    "trailers without end": CHUNKED + b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 2000,
    "a chunk extension without end": CHUNKED + b"5;" + b"a" * 2000,
}


def application(environ, start_response):
    seen.append(environ["PATH_INFO"])
    body = environ["wsgi.input"].read() if environ["PATH_INFO"] != "/deaf" else b""
    start_response("200 OK", [])
    return [body]


seen = []


@pytest.fixture(scope="module")
def server():
    # There is nobody who goes on sending.
    return pywsgi.WSGIServer(("127.0.0.1", 0), application, log=None, error_log=Lines(), linger_timeout=0)


def assert_refused(server, data, status, calls):
    """The data, and a request after it, get one answer, with `status`, however they are cut."""
    pieces = cuts(data + NEXT) if len(data) < 300 else [[data + NEXT], [data[:1000], data[1000:] + NEXT]]
    for parts in pieces:
        seen.clear()
        got = answers(feed(server, parts))
        assert [answer.status for answer in got] == [status], parts
        assert got[0].headers["connection"] == "close"
        assert len(seen) <= calls, parts


@pytest.mark.parametrize("status, data", HEADS.values(), ids=HEADS)
def test_a_head_is_refused(server, status, data):
    assert_refused(server, data, status, calls=0)


@pytest.mark.parametrize("data", BODIES.values(), ids=BODIES)
def test_a_body_is_refused(server, data):
    assert_refused(server, data, 400, calls=1)


def test_a_chunk_of_64_bits_is_too_large(server):
    assert_refused(server, CHUNKED + b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", 413, calls=1)


@pytest.mark.parametrize("data", BODIES.values(), ids=BODIES)
def test_nothing_is_read_behind_a_bad_body_that_the_application_left(server, data):
    for parts in ([data + NEXT], [data, NEXT]):
        seen.clear()
        got = answers(feed(server, [parts[0].replace(b"POST /", b"POST /deaf", 1), *parts[1:]]))
        assert [answer.status for answer in got] == [200]
        assert seen == ["/deaf"]


def test_an_error_that_the_application_swallows_ends_the_connection(server):
    def swallow(environ, start_response):
        seen.append(environ["PATH_INFO"])
        try:
            environ["wsgi.input"].read()
        except OSError:
            pass
        start_response("200 OK", [])
        return []

    server = pywsgi.WSGIServer(("127.0.0.1", 0), swallow, log=None, error_log=None, linger_timeout=0)
    for data in BODIES.values():
        seen.clear()
        (answer,) = answers(feed(server, [data + NEXT]))
        assert (answer.status, seen) == (200, ["/"])


LIMITS = {
    "request line": (414, {"max_request_line": 20}, b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n", 6),
    "header": (431, {"max_header_bytes": 30}, GET + b"Host: a\r\nA: %b\r\n\r\n", 16),
    "number of fields": (431, {"max_headers": 3}, GET + b"Host: a\r\n%b\r\n\r\n".replace(b"%b", b"A: b\r\nA: b%b"), 0),
    "body": (413, {"max_body": 10}, POST + b"Content-Length: 1%b\r\n\r\n0123456789", 1),
}


@pytest.mark.parametrize("status, options, template", [limit[:3] for limit in LIMITS.values()], ids=LIMITS)
def test_limits(status, options, template):
    server = pywsgi.WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None, linger_timeout=0, **options)
    filler = {414: b"x" * 40, 431: b"x" * 40, 413: b"1"}[status]
    if "max_headers" in options:
        filler = b"\r\nA: b"
    for parts in cuts(template % filler):
        (answer,) = answers(feed(server, parts))
        assert answer.status == status, parts


LENIENT = {
    "lenient_missing_host": (GET + b"\r\n", b""),
    "lenient_length_beside_chunked": (
        POST + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
    ),
    "lenient_chunk_extensions": (CHUNKED + b"5; here is \0 dirt\r\nhello\r\n2;;\r\n;;\r\n0;\0\r\n\r\n", b"hello;;"),
    "lenient_folding": (POST + b"A: b\r\n c\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
}


@pytest.mark.parametrize("name", LENIENT)
def test_leniency_is_asked_for(name):
    data, body = LENIENT[name]
    server = pywsgi.WSGIServer(
        ("127.0.0.1", 0), application, log=None, error_log=None, linger_timeout=0, **{name: True}
    )
    assert getattr(server, name) is True
    for parts in cuts(data):
        (answer,) = answers(feed(server, parts))
        assert (answer.status, answer.body) == (200, body), parts
