from greencore._core import (
    async_ as async_,
    callback as callback,
    check as check,
    child as child,
    fork as fork,
    idle as idle,
    io as io,
    loop as _loop,
    prepare as prepare,
    signal as signal,
    stat as stat,
    timer as timer,
    watcher as watcher,
)

__all__ = [
    "embeddable_backends",
    "get_header_version",
    "get_version",
    "loop",
    "recommended_backends",
    "supported_backends",
    "time",
]

READ: int
WRITE: int

def get_version() -> str: ...
def get_header_version() -> str: ...
def supported_backends() -> list[str]: ...
def recommended_backends() -> list[str]: ...
def embeddable_backends() -> list[str]: ...
def time() -> float: ...

class loop(_loop):
    MINPRI: int
    MAXPRI: int
    CALLBACK_CHECK_COUNT: int
    WatcherType: type[watcher]
    approx_timer_resolution: float
    backend: str
    backend_int: int
    starting_timer_may_update_loop_time: bool
    @property
    def ptr(self) -> int: ...
    def install_sigchld(self) -> None: ...
    def reset_sigchld(self) -> None: ...
    def verify(self) -> None: ...
    def debug(self) -> list[str]: ...
