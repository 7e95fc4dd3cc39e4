"""An echo server in blocking style on StreamServer; prints its port."""

from gevent.server import StreamServer


def echo(sock, address):
    while data := sock.recv(65536):
        sock.sendall(data)


if __name__ == "__main__":
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()
