from collections.abc import Callable, Iterable
from typing import Any, Generic, TextIO

from typing_extensions import ParamSpec, TypeVar, TypeVarTuple, Unpack

from greencore import _core
from greencore._core import (
    GreenletExit as GreenletExit,
    Waiter as Waiter,
    get_hub as get_hub,
    get_hub_if_exists as get_hub_if_exists,
    getcurrent as getcurrent,
    iwait as iwait,
    kill as kill,
    set_default_hub_class as set_default_hub_class,
    set_hub as set_hub,
    sleep as sleep,
    spawn_raw as spawn_raw,
    wait as wait,
    watcher as _Watcher,
)
from greencore.core import loop as _Loop
from greencore.resolver import AbstractResolver
from greencore.threadpool import ThreadPool

__all__ = [
    "GreenletExit",
    "Hub",
    "Waiter",
    "get_hub",
    "getcurrent",
    "kill",
    "reinit",
    "signal",
    "sleep",
    "spawn_raw",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

GEVENT_CONFIG: Any
GreenletError = _core.error
RawGreenlet = _core.greenlet
MAIN_THREAD_IDENT: int
get_hub_noargs = get_hub

def get_loop() -> _Loop | None: ...
def set_loop(loop: _Loop | None) -> None: ...
def idle(priority: int = 0) -> None: ...
def reinit(hub: Hub | None = None) -> None: ...

class signal:
    greenlet_class: type[RawGreenlet] | None
    hub: Hub | None
    handler: Callable[..., object] | None
    args: tuple[Any, ...] | None
    kwargs: dict[str, Any] | None
    watcher: _core.signal | None
    def __init__(
        self, signalnum: int, handler: Callable[_P, object], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> None: ...
    @property
    def ref(self) -> bool: ...
    @ref.setter
    def ref(self, value: bool) -> None: ...
    def cancel(self) -> None: ...
    def handle(self) -> None: ...

class Hub(_core.Hub):
    NOT_ERROR: tuple[type[BaseException], ...]
    SYSTEM_ERROR: tuple[type[BaseException], ...]
    name: str
    threadpool_size: int
    thread_ident: int
    minimal_ident: int
    loop: _Loop
    periodic_monitoring_thread: Any
    resolver: AbstractResolver
    threadpool: ThreadPool
    exception_stream: TextIO | None
    format_context: Callable[[Any], str]
    def __init__(self, loop: _Loop | int | str | None = None, default: bool | None = None) -> None: ...
    @property
    def loop_class(self) -> type[_Loop]: ...
    @property
    def backend(self) -> str | None: ...
    @property
    def resolver_class(self) -> type[AbstractResolver]: ...
    @property
    def threadpool_class(self) -> type[ThreadPool]: ...
    @property
    def ident_registry(self) -> Any: ...
    @property
    def main_hub(self) -> bool: ...
    def handle_error(self, context: object, type: Any, value: Any, tb: Any) -> None: ...
    def handle_system_error(self, type: Any, value: Any, tb: Any = None) -> None: ...
    def print_exception(self, context: object, t: Any, v: Any, tb: Any) -> None: ...
    def start_periodic_monitoring_thread(self) -> Any: ...
    def wait(self, watcher: _Watcher) -> None: ...
    def cancel_wait(
        self, watcher: Any, error: BaseException | type[BaseException], close_watcher: bool = False
    ) -> None: ...
    def cancel_waits_close_and_then(
        self,
        watchers: Iterable[_Watcher | None],
        exc_kind: BaseException | type[BaseException],
        then: Callable[[Unpack[_Ts]], object],
        *then_args: Unpack[_Ts],
    ) -> None: ...
    def join(self, timeout: float | None = None) -> bool: ...
    def destroy(self, destroy_loop: bool | None = None) -> None: ...

class linkproxy(Generic[_T]):
    callback: Callable[[_T], object] | None
    obj: _T | None
    def __init__(self, callback: Callable[[_T], object], obj: _T) -> None: ...
    def __call__(self, *args: object) -> None: ...
