from typing import Any

from greencore.hub import Hub
from greencore.resolver import _AddressInfo, _Name
from greencore.threadpool import ThreadPool

__all__ = ["Resolver"]

class Resolver:
    pool: ThreadPool
    def __init__(self, hub: Hub | None = None) -> None: ...
    def close(self) -> None: ...
    def gethostbyname(self, hostname: str, /) -> str: ...
    def gethostbyname_ex(self, hostname: str, /) -> tuple[str, list[str], list[str]]: ...
    def gethostbyaddr(self, ip_address: str, /) -> tuple[str, list[str], list[str]]: ...
    def getnameinfo(self, sockaddr: tuple[Any, ...], flags: int, /) -> tuple[str, str]: ...
    def getaddrinfo(
        self,
        host: _Name | None,
        port: _Name | int | None,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[_AddressInfo]: ...
