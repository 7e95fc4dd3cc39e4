import socket as _stdlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ssl import SSLContext
from typing import Any, TypedDict

from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
from typing_extensions import Buffer, Self, Unpack

from greencore.baseserver import _Address, _Spawn
from greencore.pywsgi import WSGIHandler, WSGIServer, _Log, _Settings
from greencore.socket import socket as _socket

__all__ = [
    "HandshakeError",
    "ProtocolError",
    "ServerWebSocket",
    "WebSocket",
    "WebSocketError",
    "WebSocketServer",
    "connect",
]

class _Options(TypedDict, total=False):
    max_message: int
    ping_interval: float | None
    ping_timeout: float
    close_timeout: float

class _ServerSettings(_Settings, total=False):
    backlog: int | None
    spawn: _Spawn
    log: _Log
    error_log: _Log
    handler_class: type[WSGIHandler] | None
    environ: Mapping[str, Any] | None

class WebSocketError(OSError): ...

class ProtocolError(WebSocketError):
    code: int
    reason: str
    def __init__(self, code: int, reason: str) -> None: ...

class HandshakeError(WebSocketError):
    status: int
    reason: str
    def __init__(self, status: int, reason: str) -> None: ...

class WebSocket:
    socket: _socket
    client: bool
    protocol: str | None
    max_message: int
    ping_interval: float | None
    ping_timeout: float
    close_timeout: float
    closed: bool
    close_code: int | None
    close_reason: str
    def __init__(
        self,
        sock: _stdlib.socket,
        *,
        client: bool = False,
        received: bytes = b"",
        deflate: Any = None,
        max_message: int = 1048576,
        ping_interval: float | None = None,
        ping_timeout: float = 20.0,
        close_timeout: float = 5.0,
        protocol: str | None = None,
    ) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...
    def __iter__(self) -> Iterator[str | bytes]: ...
    def receive(self) -> str | bytes | None: ...
    def send(self, message: str | Buffer, binary: bool | None = None) -> None: ...
    def ping(self, payload: bytes = b"") -> None: ...
    def close(self, code: int = 1000, reason: str = "") -> None: ...

class ServerWebSocket(WebSocket):
    environ: WSGIEnvironment
    accepted: bool
    def __init__(
        self,
        environ: WSGIEnvironment,
        hand_over: Callable[[], tuple[_stdlib.socket, bytes]],
        **options: Unpack[_Options],
    ) -> None: ...
    @property
    def path(self) -> str: ...
    @property
    def origin(self) -> str | None: ...
    @property
    def version(self) -> str | None: ...
    @property
    def protocols(self) -> list[str]: ...
    def accept(
        self, protocol: str | None = None, headers: Iterable[tuple[str, str]] = (), compress: bool = True
    ) -> None: ...
    def finish(self, failed: bool = False) -> None: ...

class WebSocketServer(WSGIServer):
    protocols: tuple[str, ...]
    origins: frozenset[str] | None
    http: WSGIApplication
    def __init__(
        self,
        listener: _Address | _stdlib.socket,
        handle: Callable[[ServerWebSocket], object],
        *,
        protocols: Iterable[str] = (),
        origins: Iterable[str] | None = None,
        http: WSGIApplication | None = None,
        options: _Options | None = None,
        **wsgi: Unpack[_ServerSettings],
    ) -> None: ...
    def answer(self, environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]: ...

def connect(
    url: str,
    *,
    protocols: Sequence[str] = (),
    headers: Iterable[tuple[str, str]] = (),
    compress: bool = True,
    timeout: float | None = 30.0,
    ssl_context: SSLContext | None = None,
    **options: Unpack[_Options],
) -> WebSocket: ...
