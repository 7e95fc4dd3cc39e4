"""server.py SECONDS: serve pages that take so long each, on a port that the system chooses and this prints."""

import sys

import gevent
from gevent.server import StreamServer

SECONDS = float(sys.argv[1])


def serve(client, _address):
    request = client.makefile("rb")
    path = request.readline().split()[1]
    while request.readline().strip():
        pass  # the headers
    gevent.sleep(SECONDS)
    body = b"<title>%s</title>" % path + b"." * 2000
    client.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


server = StreamServer(("127.0.0.1", 0), serve, backlog=256)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
