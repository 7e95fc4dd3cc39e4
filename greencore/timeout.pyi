from collections.abc import Callable
from typing import TypeVar, overload

from typing_extensions import ParamSpec

from greencore._core import Timeout as Timeout

__all__ = ["Timeout", "with_timeout"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_D = TypeVar("_D")

# ParamSpec has no place for a keyword of ours: with one, the function's arguments are not checked.
@overload
def with_timeout(
    seconds: float | Timeout | None, function: Callable[_P, _R], /, *args: _P.args, **kwds: _P.kwargs
) -> _R: ...
@overload
def with_timeout(
    seconds: float | Timeout | None, function: Callable[..., _R], *args: object, timeout_value: _D, **kwds: object
) -> _R | _D: ...
