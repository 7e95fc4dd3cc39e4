import sys
from _thread import (
    TIMEOUT_MAX as TIMEOUT_MAX,
    error as error,
    exit as exit,
    exit_thread as exit_thread,
    get_native_id as get_native_id,
    interrupt_main as interrupt_main,
    stack_size as stack_size,
    start_new as start_new,
    start_new_thread as start_new_thread,
)

from greencore._core import Lock as _Lock, greenlet
from greencore.lock import RLock as _RLock

if sys.version_info >= (3, 12):
    from _thread import (
        daemon_threads_allowed as daemon_threads_allowed,
    )

if sys.version_info >= (3, 13):
    from _thread import (
        start_joinable_thread as start_joinable_thread,
    )

__all__: list[str]

HAS_HANDLES: bool
LockType = _Lock
allocate_lock = LockType
lock = LockType

class RLock(_RLock):
    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...  # type: ignore[override]

def get_ident(gr: greenlet | None = None) -> int: ...
def native_ident(ident: int) -> int: ...
def allocate() -> _Lock: ...
