import logging
import socket as _stdlib
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

from _typeshed.wsgi import WSGIApplication, WSGIEnvironment
from typing_extensions import Self, Unpack

from greencore._core import FileWrapper as FileWrapper, Input as Input, WSGIHandlerBase
from greencore.baseserver import _Address, _Spawn
from greencore.server import StreamServer, _SSLArguments
from greencore.socket import socket as _socket

__all__ = ["Environ", "LoggingLogAdapter", "SecureEnviron", "WSGIHandler", "WSGISecureEnviron", "WSGIServer"]

MAX_REQUEST_LINE: int

class _Writer(Protocol):
    def write(self, message: str, /) -> object: ...

_Log: TypeAlias = Literal["default"] | logging.Logger | _Writer | None

class Environ(dict[str, Any]):
    def copy(self) -> Self: ...

class SecureEnviron(Environ):
    default_secure_repr: ClassVar[bool]
    default_whitelist_keys: ClassVar[tuple[str, ...]]
    default_print_masked_keys: ClassVar[bool]
    secure_repr: bool
    whitelist_keys: Iterable[str]
    print_masked_keys: bool

class WSGISecureEnviron(SecureEnviron): ...

class LoggingLogAdapter:
    def __init__(self, logger: logging.Logger, level: int = 20) -> None: ...
    def write(self, message: str) -> None: ...
    def writelines(self, lines: Iterable[str]) -> None: ...
    def flush(self) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setattr__(self, name: str, value: Any) -> None: ...
    def __delattr__(self, name: str) -> None: ...

def headers_factory(_: object, lines: Iterable[bytes]) -> Any: ...
def format_date_time(timestamp: float) -> bytes: ...

class WSGIHandler(WSGIHandlerBase):
    protocol_version: str
    MessageClass: Callable[..., Any] | None
    ApplicationError: type[Exception]
    ignored_socket_errors: tuple[int, ...]
    headers: Any
    path: Any
    server: WSGIServer
    @property
    def command(self) -> str | None: ...
    @property
    def request_version(self) -> str | None: ...
    def log_error(self, msg: str, *args: object) -> None: ...
    def handle_error(self, t: type[BaseException], v: BaseException, tb: TracebackType | None) -> None: ...

class _Settings(_SSLArguments, total=False):
    header_timeout: float | None
    body_timeout: float | None
    write_timeout: float | None
    keepalive_timeout: float | None
    request_timeout: float | None
    linger_timeout: float | None
    min_rate: float | None
    max_request_line: int | None
    max_header_bytes: int | None
    max_headers: int | None
    max_chunk_line: int | None
    max_trailer_bytes: int | None
    max_body: int | None
    max_discard: int | None
    lenient_missing_host: bool
    lenient_folding: bool
    lenient_length_beside_chunked: bool
    lenient_chunk_extensions: bool
    max_connections: int | None
    watch_clients: Literal["event", "kill"] | None

class WSGIServer(StreamServer):
    application: WSGIApplication
    environ: WSGIEnvironment
    base_env: ClassVar[dict[str, Any]]
    log: Any
    error_log: Any
    handler_class: type[WSGIHandler]
    environ_class: Callable[..., dict[str, Any]]
    secure_environ_class: Callable[..., SecureEnviron]
    websocket_options: Mapping[str, Any]
    header_timeout: float | None
    body_timeout: float | None
    write_timeout: float | None
    keepalive_timeout: float | None
    request_timeout: float | None
    linger_timeout: float | None
    min_rate: float | None
    max_request_line: int | None
    max_header_bytes: int | None
    max_headers: int | None
    max_chunk_line: int | None
    max_trailer_bytes: int | None
    max_body: int | None
    max_discard: int | None
    lenient_missing_host: bool
    lenient_folding: bool
    lenient_length_beside_chunked: bool
    lenient_chunk_extensions: bool
    max_connections: int | None
    watch_clients: Literal["event", "kill"] | None
    def __init__(
        self,
        listener: _Address | _stdlib.socket,
        application: WSGIApplication | None = None,
        backlog: int | None = None,
        spawn: _Spawn = "default",
        log: _Log = "default",
        error_log: _Log = "default",
        handler_class: type[WSGIHandler] | None = None,
        environ: Mapping[str, Any] | None = None,
        **kwargs: Unpack[_Settings],
    ) -> None: ...
    @property
    def counters(self) -> dict[str, int]: ...
    def set_environ(self, environ: Mapping[str, Any] | None = None) -> None: ...
    def set_max_accept(self) -> None: ...
    def get_environ(self) -> dict[str, Any]: ...
    def update_environ(self) -> None: ...
    def upgrade(self, handler: WSGIHandler, environ: WSGIEnvironment) -> Any: ...
    def handle(self, sock: _socket, address: Any) -> None: ...
