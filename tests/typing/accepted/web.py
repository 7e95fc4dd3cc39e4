"""A WSGI server, its settings, and WebSockets on both sides."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from greencore import pywsgi, ssl
from greencore.pywsgi import WSGIHandler, WSGIServer
from greencore.websocket import ServerWebSocket, WebSocketError, WebSocketServer, connect


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


class Quiet(WSGIHandler):
    def log_request(self) -> None:
        pass


def serve() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("server.pem")
    server = WSGIServer(
        ("127.0.0.1", 8443),
        application,
        log=logging.getLogger("requests"),
        error_log=None,
        handler_class=Quiet,
        environ={"service": "example"},
        keepalive_timeout=10,
        max_body=1 << 20,
        ssl_context=context,
    )
    server.max_connections = 1000
    print(server.counters["requests"])
    pywsgi.WSGIServer(":8080", application, spawn=100).serve_forever(stop_timeout=5)


def chat(websocket: ServerWebSocket) -> None:
    for message in websocket:
        websocket.send(message if isinstance(message, str) else message.hex())


def talk() -> str | bytes | None:
    server = WebSocketServer(("127.0.0.1", 0), chat, protocols=["chat"], keepalive_timeout=5)
    server.start()
    try:
        with connect("ws://127.0.0.1:8080/", protocols=["chat"], max_message=100) as websocket:
            websocket.send("hello")
            return websocket.receive()
    except WebSocketError:
        return None
