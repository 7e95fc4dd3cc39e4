from greencore._core import (
    _C_API as _C_API,
    GreenletExit as GreenletExit,
    error as error,
    getcurrent as getcurrent,
    gettrace as gettrace,
    greenlet as greenlet,
    settrace as settrace,
)

__version__: str

__all__ = [
    "__version__",
    "_C_API",
    "GreenletExit",
    "error",
    "getcurrent",
    "greenlet",
    "gettrace",
    "settrace",
]

CLOCKS_PER_SEC: int
GREENLET_USE_CONTEXT_VARS: bool
GREENLET_USE_GC: bool
GREENLET_USE_TRACING: bool

def enable_optional_cleanup(flag: bool) -> None: ...
def get_clocks_used_doing_optional_cleanup() -> int | None: ...
