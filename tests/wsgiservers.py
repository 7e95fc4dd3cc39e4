"""A WSGI server and what a client sees of it, byte by byte."""

from contextlib import contextmanager

import gevent
from gevent import pywsgi, socket

LOCAL = ("127.0.0.1", 0)


class Lines:
    """A log that keeps its lines."""

    def __init__(self):
        self.lines = []

    def write(self, line):
        self.lines.append(line)


@contextmanager
def serving(application, **options):
    """A server that runs, on a port of its own; its logs keep what is written."""
    options.setdefault("log", Lines())
    options.setdefault("error_log", Lines())
    server = pywsgi.WSGIServer(LOCAL, application, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop(timeout=1)


@contextmanager
def connection(server, timeout=10):
    """A client's socket, connected to the server."""
    with socket.create_connection(("127.0.0.1", server.server_port)) as sock:
        sock.settimeout(timeout)
        yield sock


def read_all(sock):
    """All that comes until the server closes."""
    answer = b""
    while data := sock.recv(65536):
        answer += data
    return answer


def ask(server, *parts, ends=False):
    """Send the parts, each in a segment of its own; return all that comes until the server closes.

    ends: the client closes its half after that.
    """
    with connection(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender = gevent.spawn(send_parts, sock, parts, ends)
        try:
            return read_all(sock)
        finally:
            sender.kill()


def send_parts(sock, parts, ends=False):
    try:
        for part in parts:
            sock.sendall(part)
            gevent.sleep(0)
        if ends:
            sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # refused, and closed


class Answer:
    """An answer: `status`, `headers` (names in lower case), `body`, decoded from chunks; `rest` is what follows."""

    def __init__(self, data, head=False):
        top, _, rest = data.partition(b"\r\n\r\n")
        line, *fields = top.decode("latin-1").split("\r\n")
        self.version, code, self.reason = (line + " ").split(" ", 2)
        self.status = int(code)
        self.fields = [tuple(field.split(": ", 1)) for field in fields]
        self.headers = {name.lower(): value for name, value in self.fields}
        self.chunks = None
        if head or self.status in (100, 204, 304):
            self.body, self.rest = b"", rest
        elif self.headers.get("transfer-encoding") == "chunked":
            self.chunks, self.rest = split_chunks(rest)
            self.body = b"".join(self.chunks)
        else:
            length = int(self.headers.get("content-length", len(rest)))
            self.body, self.rest = rest[:length], rest[length:]


def split_chunks(data):
    chunks = []
    while True:
        size, _, data = data.partition(b"\r\n")
        size = int(size, 16)
        assert data[size : size + 2] == b"\r\n"
        if size == 0:
            return chunks, data[2:]
        chunks.append(data[:size])
        data = data[size + 2 :]


def answers(data):
    """All answers that are in the bytes."""
    found = []
    while data:
        found.append(Answer(data))
        data = found[-1].rest
    return found


class Pieces:
    """A file to read a connection from: read1() returns one part after the other."""

    def __init__(self, parts):
        self.parts = [part for part in parts if part]

    def read1(self, size):
        if not self.parts:
            return b""
        part = self.parts.pop(0)
        if len(part) > size:
            self.parts.insert(0, part[size:])
        return part[:size]


def feed(server, parts):
    """What a connection answers that gets the parts one after the other, and then the end."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        server.handler_class(theirs, ("192.0.2.1", 1234), server, Pieces(parts)).handle()
        return read_all(ours)


def cuts(data):
    """The data as it may come: whole, byte by byte, and in two parts, cut at each place."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for i in range(1, len(data)):
        yield [data[:i], data[i:]]
