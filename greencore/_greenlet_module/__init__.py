"""What `import greenlet` gives: the raw greenlets, without hub and loop."""

from greencore._greenlet_module import _greenlet  # type: ignore[attr-defined]
from greencore._greenlet_module._names import (
    _C_API,
    CLOCKS_PER_SEC,
    GREENLET_USE_CONTEXT_VARS,
    GREENLET_USE_GC,
    GREENLET_USE_TRACING,
    GreenletExit,
    enable_optional_cleanup,
    error,
    get_clocks_used_doing_optional_cleanup,
    getcurrent,
    gettrace,
    greenlet,
    settrace,
)

#: The release of greenlet whose interface this is.
__version__ = "3.5.6"

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
