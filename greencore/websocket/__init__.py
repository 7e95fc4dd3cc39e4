"""WebSockets (RFC 6455) over cooperative sockets: a client, and the server's side for WSGI applications."""

from greencore.websocket.client import connect
from greencore.websocket.connection import WebSocket
from greencore.websocket.errors import HandshakeError, ProtocolError, WebSocketError
from greencore.websocket.server import ServerWebSocket

__all__ = ["HandshakeError", "ProtocolError", "ServerWebSocket", "WebSocket", "WebSocketError", "connect"]
