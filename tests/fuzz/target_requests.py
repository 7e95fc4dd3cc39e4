"""From bytes to environ and body: the same, however the bytes are cut; and never an exception of the server's own."""

import gevent
from gevent import pywsgi
from test_pywsgi_strict import BODIES, CHUNKED, HEADS, LENIENT, NEXT, POST
from wsgiservers import feed

seen = []
reported = []
gevent.get_hub().handle_error = lambda context, type, value, tb: reported.append(value)


def application(environ, start_response):
    body = environ["wsgi.input"].read() if environ["wsgi.input_terminated"] else b""
    seen.append(({key: value for key, value in environ.items() if isinstance(value, str)}, body))
    start_response("200 OK", [])
    return [body]


server = pywsgi.WSGIServer(
    ("127.0.0.1", 0), application, log=None, error_log=None, linger_timeout=0, max_header_bytes=600
)


def outcome(parts):
    """What the application got, and the answers, without their dates."""
    seen.clear()
    reported.clear()
    answer = feed(server, parts)
    assert all(isinstance(error, OSError) for error in reported), reported
    lines = [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]
    return list(seen), lines


def seeds():
    inputs = [NEXT, POST + b"Content-Length: 5\r\n\r\nhello" + NEXT]
    inputs += [CHUNKED + b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n" + NEXT]
    inputs += [*(data for _, data in HEADS.values()), *BODIES.values(), *(data for data, _ in LENIENT.values())]
    return [bytes([number % 256]) + data for number, data in enumerate(inputs)]


def fuzz_one(data):
    """The first byte says where the rest is cut."""
    cut, data = data[0] if data else 0, data[1:]
    whole = outcome([data])
    size = cut % 7 + 1
    assert outcome([data[i : i + size] for i in range(0, len(data), size)]) == whole
    place = cut * len(data) // 256
    assert outcome([data[:place], data[place:]]) == whole
