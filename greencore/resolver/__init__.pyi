import socket as _stdlib
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

__all__: list[str] = []

_F = TypeVar("_F", bound=Callable[..., Any])
_Name: TypeAlias = str | bytes | bytearray
_AddressInfo: TypeAlias = tuple[_stdlib.AddressFamily, _stdlib.SocketKind, int, str, tuple[Any, ...]]

hostname_types: tuple[type, ...]

class AbstractResolver:
    EAI_NONAME_MSG: str
    EAI_FAMILY_MSG: str
    def close(self) -> None: ...
    @staticmethod
    def fixup_gaierror(func: _F) -> _F: ...
    def getaddrinfo(
        self,
        host: _Name | None,
        port: _Name | int | None,
        family: int = 0,
        socktype: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[_AddressInfo]: ...
    def gethostbyname(self, hostname: _Name, family: int = ...) -> str: ...
    def gethostbyname_ex(self, hostname: _Name, family: int = ...) -> tuple[str, list[str], list[str]]: ...
    def gethostbyaddr(self, ip_address: _Name) -> tuple[str, list[str], list[str]]: ...
    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int) -> tuple[str, str]: ...
