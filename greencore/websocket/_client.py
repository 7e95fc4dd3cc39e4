"""The client's half: connect()."""

from urllib.parse import urlsplit

from greencore import socket, ssl
from greencore.timeout import Timeout
from greencore.websocket import _handshake as handshake
from greencore.websocket._connection import WebSocket
from greencore.websocket._deflate import Deflate
from greencore.websocket._errors import HandshakeError

MAX_HEAD = 16 * 1024  # bytes of the server's answer
PORTS = {"ws": 80, "wss": 443}


def connect(url, *, protocols=(), headers=(), compress=True, timeout=30.0, ssl_context=None, **options):
    """Open a WebSocket to a server. Return the WebSocket.

    url: ws://host[:port]/path?query, or wss:// for TLS. protocols: subprotocols offered. headers: further (name, value) of
    the request. compress: offer permessage-deflate. timeout: seconds for all of it, TimeoutError after that. ssl_context: for
    wss; by default one that checks the server's certificate. options: of WebSocket. Raises HandshakeError when the server
    opens no WebSocket, OSError when it can't be reached.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"not a WebSocket's URL: {url!r}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request, key = handshake.request(parts.netloc.rpartition("@")[2], target, protocols, compress, headers)
    with Timeout(timeout, TimeoutError(f"no WebSocket within {timeout} s")):
        sock = socket.create_connection((parts.hostname, parts.port or PORTS[parts.scheme]))
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "wss":
                context = ssl_context or ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=parts.hostname)
            sock.sendall(request)
            head, received = _read_head(sock)
            protocol, agreed = handshake.read_answer(head, key, protocols)
        except BaseException:
            sock.close()
            raise
    streams = agreed and Deflate(agreed, client=True)
    return WebSocket(sock, client=True, received=received, deflate=streams, protocol=protocol, **options)


def _read_head(sock):
    """Return (the server's head, what came behind it)."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(MAX_HEAD)
        data += more
        if not more or len(data) > MAX_HEAD:
            raise HandshakeError(0, "the server's answer has no end")
    head, _, received = data.partition(b"\r\n\r\n")
    return head, received
