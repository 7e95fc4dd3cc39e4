"""What an idle connection of the WSGI server holds."""

import gc
import subprocess
import sys
import tracemalloc
from contextlib import ExitStack

import gevent
import pytest
from gevent import pywsgi, socket
from gevent.server import StreamServer

from wsgiservers import LOCAL

REQUEST = b"GET /path?query HTTP/1.1\r\nHost: a\r\nUser-Agent: " + b"x" * 500 + b"\r\nCookie: " + b"y" * 500 + b"\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
FEW, MANY = 50, 150


def stream_handle(sock, address):
    while sock.recv(65536):
        sock.sendall(ANSWER)


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", "5")])
    return [body or b"hello"]


class Log:
    def write(self, line):
        pass


class Handler(pywsgi.WSGIHandler):
    """One that looks at what is kept for hooks."""

    def log_request(self):
        assert self.headers.get("host") == "a" and self.requestline.startswith("GET /path?query")


def connect(port, count):
    """Connections that have had two answers and wait for another request."""
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for _ in range(2):
        for sock in socks:
            sock.sendall(REQUEST)
        for sock in socks:
            got = b""
            while not got.endswith(b"hello"):
                got += sock.recv(1000)
    gevent.sleep(0)
    return socks


def held(server, kept):
    """Bytes of memory that each connection adds, the client's half included; `kept` keeps them open."""
    server.start()
    kept.callback(server.stop)
    kept.extend(connect(server.server_port, FEW))
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        kept.extend(connect(server.server_port, MANY))
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / MANY
    finally:
        tracemalloc.stop()


class Kept(ExitStack):
    """What stays open until the end, so that one server can't reuse the memory of another."""

    def extend(self, socks):
        for sock in socks:
            self.enter_context(sock)


OPTIONS = {"plain": {"log": None}, "log": {"log": Log()}, "hook": {"log": None, "handler_class": Handler}}


def main(name):
    with Kept() as kept:
        print(held(StreamServer(LOCAL, stream_handle), kept))
        print(held(pywsgi.WSGIServer(LOCAL, application, **OPTIONS[name]), kept))


@pytest.mark.parametrize("name", OPTIONS)
def test_an_idle_connection_holds_little_more_than_any_server_s(name):
    # In an interpreter of its own: here, others have left memory that would be used.
    done = subprocess.run([sys.executable, __file__, name], stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    plain, ours = map(float, done.stdout.split())
    assert 0 < ours < plain + 1024


if __name__ == "__main__":
    main(sys.argv[1])
