"""chat.py [PORT]: a chat server. Come in with `nc 127.0.0.1 PORT`; your first line is your name."""

import contextlib
import sys
from socket import SHUT_RDWR

import gevent
from gevent.queue import Full, Queue
from gevent.server import StreamServer

WAITING = 100  # lines that may wait for someone who reads slowly

members = {}  # name: (socket, Queue of lines to send)


def tell_all(line):
    for sock, lines in list(members.values()):
        try:
            lines.put_nowait(line)
        except Full:
            with contextlib.suppress(OSError):  # it may be gone already
                sock.shutdown(SHUT_RDWR)  # too slow: the reading below ends


def send_lines(sock, lines):
    try:
        for line in lines:
            sock.sendall(f"{line}\n".encode())
    except OSError:
        pass  # gone; who reads finds out, too


def serve(sock, address):
    reader = sock.makefile("r", encoding="utf-8", errors="replace")
    name = reader.readline(100).strip()
    if not name or name in members:
        sock.sendall(b"This name is taken, or none.\n")
        return
    lines = Queue(WAITING)
    members[name] = (sock, lines)
    writer = gevent.spawn(send_lines, sock, lines)
    tell_all(f"* {name} comes in")
    try:
        while line := reader.readline(1000):
            tell_all(f"{name}: {line.rstrip()}")
    except OSError:
        pass
    finally:
        del members[name]
        writer.kill()
        tell_all(f"* {name} leaves")


if __name__ == "__main__":
    server = StreamServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), serve)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
