"""The server's half: what a WSGI application finds in environ["wsgi.websocket"]."""

from greencore.websocket import _deflate as deflate, _handshake as handshake
from greencore.websocket._connection import NORMAL, WebSocket
from greencore.websocket._errors import WebSocketError

INTERNAL_ERROR = 1011


class ServerWebSocket(WebSocket):
    """A request for a WebSocket, which becomes one by accept(): receive() and send() call it where the application has not.

    An application that answers with start_response() instead has sent an ordinary response.

    environ: the request's. hand_over: called once the request is to become a WebSocket; returns (socket, bytes received).
    options: of WebSocket.
    """

    def __init__(self, environ, hand_over, **options):
        self.environ = environ
        self.accepted = False
        self.closed = False
        self._hand_over = hand_over
        self._options = options

    @property
    def path(self):
        """The path of the request."""
        return self.environ["PATH_INFO"]

    @property
    def origin(self):
        """The site of the page that asks, or None for a client that is no browser."""
        return self.environ.get("HTTP_ORIGIN")

    @property
    def version(self):
        """The version of the protocol that the client speaks, a str."""
        return self.environ.get("HTTP_SEC_WEBSOCKET_VERSION")

    @property
    def protocols(self):
        """The subprotocols that the client offers, a list."""
        return handshake.tokens(self.environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", ""))

    def accept(self, protocol=None, headers=(), compress=True):
        """Open the WebSocket.

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
        sock, received = self._hand_over()
        self._hand_over = None
        self.accepted = True
        streams = agreed and deflate.Deflate(agreed, client=False)
        super().__init__(sock, received=received, deflate=streams, protocol=protocol, **self._options)
        sock.sendall(head)

    def _open(self):
        self.accept()

    def ping(self, payload=b""):
        if not self.accepted:
            self.accept()
        super().ping(payload)

    def close(self, code=NORMAL, reason=""):
        if not self.closed:
            if not self.accepted:
                self.accept()
            super().close(code, reason)

    def finish(self, failed=False):
        """End the WebSocket: the server calls this when the application is done with the request, failed or not."""
        if self.accepted:
            self.close(INTERNAL_ERROR if failed else NORMAL)
        self.closed = True
        self._hand_over = None


def offer(handler, environ):
    """Put a ServerWebSocket into the environ of a request for one, and return it; else return None."""
    if not handshake.is_request(environ):
        return None
    made = ServerWebSocket(environ, handler.hand_over, **handler.server.websocket_options)
    environ["wsgi.websocket"] = made
    return made
