"""Traffic between two greenlets in several patterns, on Unix and TCP sockets."""

import gevent
from gevent import socket
from registry import benchmark

REQUEST = bytes(64)
BLOCK = bytes(4096)
DEPTH = 16  # requests under way at once


def unix_pair():
    return socket.socketpair()


def tcp_pair():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    a = socket.create_connection(listener.getsockname())
    b, _ = listener.accept()
    listener.close()
    for sock in (a, b):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return a, b


def answer(sock, size):
    while size:
        data = sock.recv(65536)
        size -= len(data)
        sock.sendall(data)


def read(sock, size):
    while size:
        size -= len(sock.recv(65536))


def pattern(name):
    """Benchmarks of a function of (n, one end, the other), on both kinds of sockets."""

    def add(function):
        for kind, pair in (("Unix", unix_pair), ("TCP", tcp_pair)):

            def run(n, pair=pair):
                a, b = pair()
                function(n, a, b)
                a.close()
                b.close()

            run.__name__ = f"{function.__name__}_{kind.lower()}"
            benchmark(f"{name}, {kind}")(run)
        return function

    return add


@pattern("sent and received, always there")
def there(n, a, b):
    for _ in range(n):
        a.sendall(REQUEST)
        b.recv(65536)


@pattern("request and response")
def request(n, a, b):
    answering = gevent.spawn(answer, b, n * len(REQUEST))
    for _ in range(n):
        a.sendall(REQUEST)
        a.recv(65536)
    answering.join()


@pattern("sixteen requests pipelined")
def pipelined(n, a, b):
    n -= n % DEPTH
    answering = gevent.spawn(answer, b, n * len(REQUEST))
    for _ in range(0, n, DEPTH):
        for _ in range(DEPTH):
            a.sendall(REQUEST)
        read(a, DEPTH * len(REQUEST))
    answering.join()


@pattern("streams both ways")
def streams(n, a, b):
    def send(sock):
        for _ in range(n):
            sock.sendall(BLOCK)

    sending = [gevent.spawn(send, sock) for sock in (a, b)]
    reading = [gevent.spawn(read, sock, n * len(BLOCK)) for sock in (a, b)]
    gevent.joinall(sending + reading)


@pattern("a message in 16 small reads")
def small(n, a, b):
    for _ in range(0, n, DEPTH):
        a.sendall(REQUEST)
        for _ in range(DEPTH):
            b.recv(len(REQUEST) // DEPTH)
