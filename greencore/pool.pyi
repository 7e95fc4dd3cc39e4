from collections.abc import Callable, Iterable, Iterator, Mapping
from queue import Full as QueueFull
from typing import Any, Protocol, overload

from typing_extensions import ParamSpec, TypeVar

from greencore._core import Greenlet, GroupBase, _ThrowArg, _Timeout, greenlet

__all__ = ["Group", "Pool", "PoolFull"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_A = TypeVar("_A")
_B = TypeVar("_B")
_C = TypeVar("_C")
_R_co = TypeVar("_R_co", covariant=True)

class _Results(Protocol[_R_co]):
    """What imap() returns: an iterator, and a greenlet underneath."""

    def __iter__(self) -> Iterator[_R_co]: ...
    def __next__(self) -> _R_co: ...
    def next(self) -> _R_co: ...
    def kill(self, exception: Any = None, block: bool = True, timeout: float | None = None) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...
    def ready(self) -> bool: ...

class GroupMappingMixin:
    # As in the standard library, the arguments that stand in a tuple and a dict are not checked.
    def apply(
        self, func: Callable[..., _R], args: Iterable[Any] | None = None, kwds: Mapping[str, Any] | None = None
    ) -> _R: ...
    def apply_cb(
        self,
        func: Callable[..., _R],
        args: Iterable[Any] | None = None,
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[_R], object] | None = None,
    ) -> _R: ...
    def apply_async(
        self,
        func: Callable[..., _R],
        args: Iterable[Any] | None = None,
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[_R], object] | None = None,
    ) -> Greenlet[_R]: ...
    def map(self, func: Callable[[_A], _R], iterable: Iterable[_A]) -> list[_R]: ...
    def map_cb(
        self, func: Callable[[_A], _R], iterable: Iterable[_A], callback: Callable[[list[_R]], object] | None = None
    ) -> list[_R]: ...
    def map_async(
        self, func: Callable[[_A], _R], iterable: Iterable[_A], callback: Callable[[list[_R]], object] | None = None
    ) -> Greenlet[list[_R]]: ...
    @overload
    def imap(
        self, func: Callable[[_A], _R], iterable: Iterable[_A], /, *, maxsize: int | None = None
    ) -> _Results[_R]: ...
    @overload
    def imap(
        self, func: Callable[[_A, _B], _R], a: Iterable[_A], b: Iterable[_B], /, *, maxsize: int | None = None
    ) -> _Results[_R]: ...
    @overload
    def imap(
        self,
        func: Callable[..., _R],
        a: Iterable[_A],
        b: Iterable[_B],
        c: Iterable[_C],
        /,
        *more: Iterable[Any],
        maxsize: int | None = None,
    ) -> _Results[_R]: ...
    @overload
    def imap_unordered(
        self, func: Callable[[_A], _R], iterable: Iterable[_A], /, *, maxsize: int | None = None
    ) -> _Results[_R]: ...
    @overload
    def imap_unordered(
        self, func: Callable[[_A, _B], _R], a: Iterable[_A], b: Iterable[_B], /, *, maxsize: int | None = None
    ) -> _Results[_R]: ...
    @overload
    def imap_unordered(
        self,
        func: Callable[..., _R],
        a: Iterable[_A],
        b: Iterable[_B],
        c: Iterable[_C],
        /,
        *more: Iterable[Any],
        maxsize: int | None = None,
    ) -> _Results[_R]: ...

class Group(GroupBase, GroupMappingMixin):
    greenlet_class: type[Greenlet]
    def __init__(self, greenlets: Iterable[greenlet] = ..., /) -> None: ...
    def __iter__(self) -> Iterator[Greenlet]: ...
    def spawn(self, func: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Greenlet[_R]: ...
    def join(self, timeout: _Timeout = None, raise_error: bool = False) -> bool: ...
    def kill(self, exception: _ThrowArg = ..., block: bool = True, timeout: _Timeout = None) -> None: ...
    def killone(
        self, greenlet: greenlet, exception: _ThrowArg = ..., block: bool = True, timeout: _Timeout = None
    ) -> None: ...
    def full(self) -> bool: ...
    def wait_available(self, timeout: _Timeout = None) -> int | None: ...

class PoolFull(QueueFull): ...

class Pool(Group):
    size: int | None
    def __init__(self, size: int | None = None, greenlet_class: type[Greenlet] | None = None) -> None: ...
    def wait_available(self, timeout: _Timeout = None) -> int: ...
    def free_count(self) -> int: ...

class pass_value:
    callback: Callable[[Any], object]
    def __init__(self, callback: Callable[[Any], object]) -> None: ...
    def __call__(self, source: Any) -> None: ...
