"""A server of WebSockets, for programs that are no WSGI application."""

from http import HTTPStatus

from greencore.pywsgi import WSGIServer
from greencore.websocket import _handshake as handshake
from greencore.websocket._errors import HandshakeError


class WebSocketServer(WSGIServer):
    """Calls handle(websocket) for each WebSocket, in a greenlet of its own; when that returns, the WebSocket is closed.

    listener, and all else by name: see `WSGIServer`. protocols: the subprotocols that are spoken, the preferred first; a
    client gets the first one that it offers, too. origins: the Origin fields of pages that may connect; None: any page, so
    that a page of anybody's can act for a user who is logged in by a cookie. http: a WSGI application for other requests;
    None: they are answered with 426. options: of WebSocket, for each of them.
    """

    def __init__(self, listener, handle, *, protocols=(), origins=None, http=None, options=None, **wsgi):
        self.handle_websocket = handle
        self.protocols = tuple(protocols)
        self.origins = None if origins is None else frozenset(origins)
        self.http = http or refuse
        if options is not None:
            self.websocket_options = options
        super().__init__(listener, self.answer, **wsgi)

    def answer(self, environ, start_response):
        """The WSGI application."""
        websocket = environ.get("wsgi.websocket")
        if websocket is None:
            return self.http(environ, start_response)
        try:
            handshake.check_request(environ, self.origins)
        except HandshakeError as error:
            return refuse(environ, start_response, error.status)
        websocket.accept(next((name for name in self.protocols if name in websocket.protocols), None))
        self.handle_websocket(websocket)
        return ()


def refuse(environ, start_response, status=HTTPStatus.UPGRADE_REQUIRED):
    """The WSGI application for requests that open no WebSocket."""
    headers = [("Content-Type", "text/plain")]
    if status == HTTPStatus.UPGRADE_REQUIRED:
        headers += [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", handshake.VERSION)]
    start_response(f"{status.value} {status.phrase}", headers)
    return [f"{status.phrase}\n".encode()]
