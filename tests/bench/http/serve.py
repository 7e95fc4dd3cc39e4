"""A server to measure: serve.py KIND PORT APPLICATION, with the interpreter that has what KIND needs."""

import sys

PLAIN = [("Content-Type", "text/plain"), ("Content-Length", "12")]
TEN = [*PLAIN, *((f"X-Header-{i}", f"value {i}") for i in range(8))]
BLOCK = b"x" * 10_000_000


def hello(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"Hello world!"]


def ten(environ, start_response):
    start_response("200 OK", TEN)
    return [b"Hello world!"]


def sleep(environ, start_response):
    try:
        from gevent import sleep as wait
    except ImportError:  # with threads
        from time import sleep as wait
    wait(0.005)
    return hello(environ, start_response)


def down(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(BLOCK)))])
    return [BLOCK]


def up(environ, start_response):
    environ["wsgi.input"].read()
    return hello(environ, start_response)


def stream(sock, address):
    """Keep a connection of a StreamServer, after an answer."""
    sock.recv(65536)
    sock.sendall(b"Hello world!")
    sock.recv(65536)


def serve_socket(port, name):
    """Do what `down` and `up` do, for one client after the other, with a blocking socket and few calls."""
    import socket

    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
    answer = head % len(BLOCK) + BLOCK if name == "down" else head % 12 + b"Hello world!"
    room = bytearray(1 << 20)
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            client, _ = listener.accept()
            while request := client.recv(65536):
                left = len(BLOCK) - len(request.partition(b"\r\n\r\n")[2]) if name == "up" else 0
                while left:
                    left -= client.recv_into(room, min(left, len(room)))
                client.sendall(answer)


def main():
    kind, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    application = globals()[name]
    if kind == "socket":
        serve_socket(port, name)
    elif kind == "bjoern":
        import bjoern

        bjoern.run(application, "127.0.0.1", port)
    elif kind == "fastwsgi":
        import fastwsgi

        fastwsgi.run(wsgi_app=application, host="127.0.0.1", port=port, loglevel=0)
    elif name == "stream":
        from gevent.server import StreamServer

        StreamServer(("127.0.0.1", port), application).serve_forever()
    else:
        from gevent.pywsgi import WSGIServer

        WSGIServer(("127.0.0.1", port), application, log=None).serve_forever()


if __name__ == "__main__":
    main()
