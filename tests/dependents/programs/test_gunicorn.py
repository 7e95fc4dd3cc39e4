"""gunicorn with its gevent workers."""

import signal
import socket
import threading

import pytest
import requests
from clients import at_once, gunicorn
from processes import LIMIT, until

COUNT = 100


@pytest.fixture(params=["gevent", "gevent_pywsgi"])
def server(request):
    with gunicorn("-k", request.param, "--worker-connections", "500") as server:
        yield server


def test_a_hundred_requests_at_once(server):
    assert at_once(lambda n: requests.get(server.url + "/come", timeout=LIMIT).text, COUNT) == ["True"] * COUNT


def test_bodies_and_kept_connections(server):
    with requests.Session() as session:
        for length in (0, 1, 1000, 1_000_000):
            body = bytes(n % 251 for n in range(length))
            assert session.post(server.url + "/", data=body, timeout=LIMIT).content == body[::-1]
        chunks = (b"ab" * 1000 for _ in range(100))
        assert session.post(server.url + "/", data=chunks, timeout=LIMIT).content == b"ba" * 100_000


def test_a_stream(server):
    answer = requests.get(server.url + "/stream", timeout=LIMIT)
    assert answer.content == b"".join(bytes([n % 256]) * 1000 for n in range(1000))


def test_an_error_is_answered(server):
    assert requests.get(server.url + "/fail", timeout=LIMIT).status_code == 500
    assert requests.get(server.url + "/pid", timeout=LIMIT).status_code == 200


def test_sigterm_lets_a_request_finish(server):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(requests.get(server.url + "/come", timeout=LIMIT).text))
        for _ in range(COUNT)
    ]
    for thread in threads[:-1]:
        thread.start()
    until(lambda: requests.get(server.url + "/pid", timeout=LIMIT).ok, lambda: server.output)
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as last:
        last.sendall(b"GET /come HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        until(lambda: requests.get(server.url + "/pid", timeout=LIMIT).ok, lambda: server.output)
        server.send(signal.SIGTERM)
        server.wait_for("Handling signal: term")
        last.sendall(b"x")
        assert last.makefile("rb").read().endswith(b"True")
    for thread in threads[:-1]:
        thread.join(LIMIT)
    assert results == ["True"] * (COUNT - 1)
    assert server.wait() == 0, server.output
