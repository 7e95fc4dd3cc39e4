from typing import Any

from greencore.hub import Hub
from greencore.resolver import _AddressInfo, _Name

__all__ = ["Resolver"]

class Resolver:
    def __init__(self, hub: Hub | None = None) -> None: ...
    def close(self) -> None: ...
    @staticmethod
    def gethostbyname(hostname: str, /) -> str: ...
    @staticmethod
    def gethostbyname_ex(hostname: str, /) -> tuple[str, list[str], list[str]]: ...
    @staticmethod
    def gethostbyaddr(ip_address: str, /) -> tuple[str, list[str], list[str]]: ...
    @staticmethod
    def getnameinfo(sockaddr: tuple[Any, ...], flags: int, /) -> tuple[str, str]: ...
    @staticmethod
    def getaddrinfo(
        host: _Name | None,
        port: _Name | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[_AddressInfo]: ...
