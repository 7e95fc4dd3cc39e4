import socket as _stdlib
from collections.abc import Callable
from ssl import SSLContext
from typing import Any, TypedDict

from typing_extensions import Buffer, Unpack

from greencore.baseserver import BaseServer, _Address, _Spawn
from greencore.socket import socket as _socket
from greencore.ssl import SSLSocket

__all__ = ["DatagramServer", "StreamServer"]

DEFAULT_REUSE_ADDR: int

class _SSLArguments(TypedDict, total=False):
    ssl_context: SSLContext
    keyfile: str | None
    certfile: str | None
    server_side: bool
    cert_reqs: int
    ssl_version: int
    ca_certs: str | None
    do_handshake_on_connect: bool
    suppress_ragged_eofs: bool
    ciphers: str | None
    server_hostname: str | None

class StreamServer(BaseServer):
    backlog: int
    reuse_addr: int | None
    ssl_args: dict[str, Any] | None
    socket: _socket
    wrap_socket: Callable[..., SSLSocket]
    # A TLS server's handler gets an SSLSocket, which is a socket too.
    def __init__(
        self,
        listener: _Address | _stdlib.socket,
        handle: Callable[[Any, Any], object] | None = None,
        backlog: int | None = None,
        spawn: _Spawn = "default",
        **ssl_args: Unpack[_SSLArguments],
    ) -> None: ...
    @property
    def ssl_enabled(self) -> bool: ...
    @classmethod
    def get_listener(cls, address: Any, backlog: int | None = None, family: int | None = None) -> _socket: ...
    def do_read(self) -> tuple[_socket, Any] | None: ...
    def do_close(self, *args: Any) -> None: ...
    def wrap_socket_and_handle(self, client_socket: _socket, address: Any) -> Any: ...

class DatagramServer(BaseServer):
    reuse_addr: int | None
    socket: _socket
    def __init__(
        self,
        listener: _Address | _stdlib.socket,
        handle: Callable[[bytes, Any], object] | None = None,
        spawn: _Spawn = "default",
    ) -> None: ...
    @classmethod
    def get_listener(cls, address: Any, family: int | None = None) -> _socket: ...
    def do_read(self) -> tuple[bytes, Any] | None: ...
    def sendto(self, data: Buffer, *args: Any) -> int: ...
