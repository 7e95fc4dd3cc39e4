"""WebSockets (RFC 6455) over cooperative sockets: a client, the server's side for WSGI applications, and a server."""

from greencore.websocket._client import connect
from greencore.websocket._connection import WebSocket
from greencore.websocket._errors import HandshakeError, ProtocolError, WebSocketError
from greencore.websocket._server import ServerWebSocket

__all__ = [
    "HandshakeError",
    "ProtocolError",
    "ServerWebSocket",
    "WebSocket",
    "WebSocketError",
    "WebSocketServer",
    "connect",
]


def __getattr__(name):
    if name != "WebSocketServer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from greencore.websocket._site import WebSocketServer

    globals()[name] = WebSocketServer
    return WebSocketServer
