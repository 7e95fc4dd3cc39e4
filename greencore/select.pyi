from collections.abc import Iterable
from select import (
    EPOLL_CLOEXEC as EPOLL_CLOEXEC,
    EPOLLERR as EPOLLERR,
    EPOLLET as EPOLLET,
    EPOLLEXCLUSIVE as EPOLLEXCLUSIVE,
    EPOLLHUP as EPOLLHUP,
    EPOLLIN as EPOLLIN,
    EPOLLMSG as EPOLLMSG,
    EPOLLONESHOT as EPOLLONESHOT,
    EPOLLOUT as EPOLLOUT,
    EPOLLPRI as EPOLLPRI,
    EPOLLRDBAND as EPOLLRDBAND,
    EPOLLRDHUP as EPOLLRDHUP,
    EPOLLRDNORM as EPOLLRDNORM,
    EPOLLWRBAND as EPOLLWRBAND,
    EPOLLWRNORM as EPOLLWRNORM,
    PIPE_BUF as PIPE_BUF,
    POLLERR as POLLERR,
    POLLHUP as POLLHUP,
    POLLIN as POLLIN,
    POLLMSG as POLLMSG,
    POLLNVAL as POLLNVAL,
    POLLOUT as POLLOUT,
    POLLPRI as POLLPRI,
    POLLRDBAND as POLLRDBAND,
    POLLRDHUP as POLLRDHUP,
    POLLRDNORM as POLLRDNORM,
    POLLWRBAND as POLLWRBAND,
    POLLWRNORM as POLLWRNORM,
    epoll as epoll,
)
from typing import TypeVar

from greencore._core import _FileLike

__all__ = ["error", "select", "poll"]

_R = TypeVar("_R", bound=_FileLike)
_W = TypeVar("_W", bound=_FileLike)
_X = TypeVar("_X", bound=_FileLike)

error = OSError

def get_fileno(fileobj: _FileLike) -> int: ...
def select(
    rlist: Iterable[_R], wlist: Iterable[_W], xlist: Iterable[_X], timeout: float | None = None
) -> tuple[list[_R], list[_W], list[_X]]: ...

class poll:
    def __init__(self) -> None: ...
    def register(self, fd: _FileLike, eventmask: int = ...) -> None: ...
    def modify(self, fd: _FileLike, eventmask: int) -> None: ...
    def unregister(self, fd: _FileLike) -> None: ...
    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]: ...
