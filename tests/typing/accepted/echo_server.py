"""A server with a pool, and a client: sockets are passed where the standard library's are wanted."""

import socket as standard
from typing import Any

import greencore
from greencore import socket
from greencore.pool import Pool
from greencore.server import DatagramServer, StreamServer


def echo(sock: socket.socket, address: tuple[str, int]) -> None:
    with sock.makefile(mode="rb") as lines:
        for line in lines:
            sock.sendall(line)


def peer_of(sock: standard.socket) -> Any:
    return sock.getpeername()


def ask(address: tuple[str, int], text: bytes) -> bytes:
    sock = socket.create_connection(address, timeout=5)
    try:
        peer_of(sock)
        sock.sendall(text)
        return sock.recv(100)
    finally:
        sock.close()


def answer(data: bytes, address: Any) -> None:
    print(data.decode(), address)


def main() -> None:
    server = StreamServer(("127.0.0.1", 0), echo, spawn=Pool(100), backlog=10)
    server.start()
    client = greencore.spawn(ask, ("127.0.0.1", server.server_port or 0), b"hello\n")
    received: bytes = client.get(timeout=5)
    print(received)
    with DatagramServer(":0", answer) as datagrams:
        datagrams.sendto(b"x", ("127.0.0.1", 9))
    server.stop(timeout=1)
