"""What goes wrong with WebSockets."""

from greencore._core import WebSocketError


class ProtocolError(WebSocketError):
    """The peer has broken the protocol, or sent a message that is too big. `code` is that of the close frame sent for it."""

    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")
        self.code = code
        self.reason = reason


class HandshakeError(WebSocketError):
    """A request or an answer that opens no WebSocket. `status` is the HTTP status that says so."""

    def __init__(self, status, reason):
        super().__init__(f"{reason} ({status})")
        self.status = status
        self.reason = reason
