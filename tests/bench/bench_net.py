"""Sockets and servers. The clients of the echo server are a program in C, on another core where there is one."""

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gevent
from gevent import socket
from gevent.server import StreamServer
from registry import benchmark, reading
from weight import weigh

HERE = Path(__file__).resolve().parent
LOCAL = ("127.0.0.1", 0)
CONNECTIONS = 100
IDLE = 5_000
BLOCK = bytes(1 << 20)


def build_client():
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    program = os.path.join(folder, "client")
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program, HERE / "net" / "client.c"], check=True)
    return program


def echo_handler(sock, address):
    while data := sock.recv(65536):
        sock.sendall(data)


def run_echo(connections, size, n, made={}):
    if not made:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cores[:1])
        made["cores"] = cores[-1:]
        made["client"] = build_client()
        made["server"] = StreamServer(LOCAL, echo_handler)
        made["server"].start()
    command = [made["client"], *map(str, (made["server"].server_port, connections, size, n))]
    client = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(client.pid, made["cores"])
    while client.poll() is None:
        gevent.sleep(0.001)
    assert client.returncode == 0


@benchmark("ten echoes of 1 KiB, 100 connections", beside="echo")
def echo_1k(n):
    run_echo(CONNECTIONS, 1024, 10 * n)


@benchmark("ten echoes of 1 KiB, one connection")
def echo_one(n):
    run_echo(1, 1024, 10 * n)


@benchmark("one byte there and back, socketpair")
def ping_pong(n):
    a, b = socket.socketpair()

    def answer():
        while data := b.recv(1):
            b.sendall(data)

    answering = gevent.spawn(answer)
    for _ in range(n):
        a.sendall(b"x")
        a.recv(1)
    a.close()
    answering.join()
    b.close()


@benchmark("connect + accept + close")
def connect_accept_close(n):
    listener = socket.socket()
    listener.bind(LOCAL)
    listener.listen(128)
    address = listener.getsockname()

    def accept():
        for _ in range(n):
            listener.accept()[0].close()

    accepting = gevent.spawn(accept)
    for _ in range(n):
        client = socket.socket()
        client.connect(address)
        client.close()
    accepting.join()
    listener.close()


@benchmark("datagram there and back")
def datagrams(n):
    a, b = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
    for sock in (a, b):
        sock.bind(LOCAL)
    there = b.getsockname()

    def answer():
        for _ in range(n):
            data, address = b.recvfrom(100)
            b.sendto(data, address)

    answering = gevent.spawn(answer)
    for _ in range(n):
        a.sendto(b"x", there)
        assert a.recvfrom(100)[1] == there
    answering.join()
    a.close()
    b.close()


def drain(port, count):
    """A process that reads `count` bytes with a plain blocking socket."""
    code = (
        "import _socket, sys; s = _socket.socket(); s.connect(('127.0.0.1', int(sys.argv[1])));"
        "b = bytearray(1 << 20); n = int(sys.argv[2])\nwhile n: n -= s.recv_into(b)"
    )
    return subprocess.Popen(
        [sys.executable, "-S", "-c", code, str(port), str(count)], env={**os.environ, "GREENCORE_ALIAS": "0"}
    )


def send_blocks(module, n):
    listener = module.socket()
    listener.bind(LOCAL)
    listener.listen(1)
    reader = drain(listener.getsockname()[1], n * len(BLOCK))
    connection, _ = listener.accept()
    for _ in range(n):
        connection.sendall(BLOCK)
    connection.close()
    listener.close()
    assert reader.wait() == 0


@benchmark("sendall of 1 MiB to another process")
def sendall(n):
    send_blocks(socket, n)


@benchmark("the same with a blocking socket, for comparison")
def sendall_blocking(n):
    import socket as standard

    send_blocks(standard, n)


@reading("an idle connection of a StreamServer", "bytes")
def idle_connection():
    count = 0

    def handle(sock, address):
        nonlocal count
        count += 1
        sock.recv(65536)

    server = StreamServer(LOCAL, handle, backlog=1000)
    server.start()
    code = (
        "import _socket, sys\nkept = []\n"
        "for wanted in sys.stdin:\n while len(kept) < int(wanted):\n"
        "  s = _socket.socket(); s.connect(('127.0.0.1', int(sys.argv[1]))); kept.append(s)"
    )
    client = subprocess.Popen(
        [sys.executable, "-S", "-c", code, str(server.server_port)],
        stdin=subprocess.PIPE, text=True, env={**os.environ, "GREENCORE_ALIAS": "0"},
    )

    def open_up_to(wanted):
        client.stdin.write(f"{wanted}\n")
        client.stdin.flush()
        while count < wanted:
            gevent.sleep(0.01)
        gc.collect()
        return sum(weigh())

    before = open_up_to(100)
    weight = (open_up_to(100 + IDLE) - before) / IDLE
    client.kill()
    client.wait()
    server.stop()
    return weight
