import socket as _stdlib
from typing import Any, TextIO

from typing_extensions import Unpack

from greencore.baseserver import _Address
from greencore.server import StreamServer, _SSLArguments

__all__ = ["BackdoorServer"]

class _ServerArguments(_SSLArguments, total=False):
    backlog: int | None

class BackdoorServer(StreamServer):
    locals: dict[str, Any]
    banner: str | None
    stderr: TextIO
    def __init__(
        self,
        listener: _Address | _stdlib.socket,
        locals: dict[str, Any] | None = None,
        banner: str | None = None,
        **server_args: Unpack[_ServerArguments],
    ) -> None: ...
