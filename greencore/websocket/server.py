"""The server's half: what a WSGI application finds in environ["wsgi.websocket"], and a server of one's own."""

from http import HTTPStatus

from greencore.websocket import deflate, handshake
from greencore.websocket.connection import NORMAL, WebSocket
from greencore.websocket.errors import HandshakeError, WebSocketError

INTERNAL_ERROR = 1011


class ServerWebSocket(WebSocket):
    """A request for a WebSocket, which becomes one by accept(): receive() and send() call it where the application has not.

    An application that answers with start_response() instead has sent an ordinary response.
    """

    def __init__(self, environ, sock, received=b"", **options):
        self.environ = environ
        self.socket = sock
        self.accepted = False
        self.closed = False
        self._received = received
        self._options = options

    @property
    def path(self):
        return self.environ["PATH_INFO"]

    @property
    def origin(self):
        return self.environ.get("HTTP_ORIGIN")

    @property
    def version(self):
        return self.environ.get("HTTP_SEC_WEBSOCKET_VERSION")

    @property
    def protocols(self):
        """The subprotocols that the client offers, a list."""
        return handshake.tokens(self.environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", ""))

    def accept(self, protocol=None, headers=(), compress=True):
        """Open it.

        protocol: one of `protocols`. headers: further (name, value) of the response. compress: agree on
        permessage-deflate if the client offers it. Raises HandshakeError for a request that opens none.
        """
        if self.accepted:
            raise WebSocketError("the WebSocket is open already")
        if self.closed:
            raise WebSocketError("the request is over")
        handshake.check_request(self.environ)
        agreed = deflate.choose(self.environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS", "")) if compress else None
        head = handshake.answer(self.environ, protocol, agreed, headers)
        self.accepted = True
        self.socket.sendall(head)
        streams = agreed and deflate.Deflate(agreed, client=False)
        super().__init__(self.socket, received=self._received, deflate=streams, protocol=protocol, **self._options)

    def receive(self):
        if not self.accepted:
            self.accept()
        return super().receive()

    def send(self, message, binary=None):
        if not self.accepted:
            self.accept()
        super().send(message, binary)

    def ping(self, payload=b""):
        if not self.accepted:
            self.accept()
        super().ping(payload)

    def close(self, code=NORMAL, reason=""):
        if not self.accepted and not self.closed:
            self.accept()
        super().close(code, reason)

    def finish(self, failed=False):
        """For the server: the application is done with the request. Return whether a WebSocket was opened."""
        if self.accepted:
            self.close(INTERNAL_ERROR if failed else NORMAL)
        self.closed = True
        return self.accepted
