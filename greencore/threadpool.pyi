import concurrent.futures
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

from typing_extensions import ParamSpec, TypeVar

from greencore._core import AsyncResult, TaskQueue, _ExcInfo
from greencore.hub import Hub
from greencore.pool import GroupMappingMixin

__all__ = ["ThreadPool", "ThreadPoolExecutor", "ThreadResult"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T", default=Any)

class ThreadPool(GroupMappingMixin):
    hub: Hub
    task_queue: TaskQueue
    pid: int
    manager: object
    def __init__(self, maxsize: int, hub: Hub | None = None, idle_task_timeout: float = -1) -> None: ...
    def __len__(self) -> int: ...
    @property
    def maxsize(self) -> int: ...
    @maxsize.setter
    def maxsize(self, maxsize: int) -> None: ...
    @property
    def size(self) -> int: ...
    @size.setter
    def size(self, size: int) -> None: ...
    def adjust(self) -> None: ...
    def join(self) -> None: ...
    def kill(self) -> None: ...
    def apply(
        self, func: Callable[..., _R], args: Iterable[Any] | None = None, kwds: Mapping[str, Any] | None = None
    ) -> _R: ...
    def spawn(self, func: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> AsyncResult[_R]: ...

class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    kill: Callable[[], None]

class ThreadResult(Generic[_T]):
    context: object
    exc_info: _ExcInfo | tuple[()]
    hub: Hub | None
    receiver: Callable[[ThreadResult[_T]], object]
    value: _T | None
    def __init__(
        self, receiver: Callable[[ThreadResult[_T]], object], hub: Hub, call_when_ready: Callable[[], object]
    ) -> None: ...
    @property
    def exception(self) -> BaseException | None: ...
    def destroy_in_main_thread(self) -> None: ...
    def set(self, value: _T) -> None: ...
    def handle_error(self, context: object, exc_info: _ExcInfo) -> None: ...
    def successful(self) -> bool: ...
