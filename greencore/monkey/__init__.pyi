from collections.abc import Sequence
from types import ModuleType
from typing import Any, overload

__all__ = [
    "MonkeyPatchWarning",
    "get_original",
    "is_module_patched",
    "is_object_patched",
    "main",
    "patch_all",
    "patch_builtins",
    "patch_dns",
    "patch_module",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
]

saved: dict[str, dict[str, Any]]

class MonkeyPatchWarning(RuntimeWarning): ...
class DoNotPatch(BaseException): ...

@overload
def get_original(mod_name: str, item_name: str) -> Any: ...
@overload
def get_original(mod_name: str, item_name: Sequence[str]) -> list[Any]: ...
def is_anything_patched() -> bool: ...
def is_module_patched(mod_name: str) -> bool: ...
def is_object_patched(mod_name: str, item_name: str) -> bool: ...
def main() -> None: ...
def patch_item(module: ModuleType, attr: str, newitem: object) -> None: ...
def remove_item(module: ModuleType, attr: str) -> None: ...
def patch_module(
    target_module: ModuleType,
    source_module: ModuleType,
    items: Sequence[str] | None = None,
    *,
    _call_hooks: bool = True,
    _notify_will_subscribers: bool = True,
    _notify_did_subscribers: bool = True,
    _patch_kwargs: dict[str, Any] | None = None,
    _warnings: list[Any] | None = None,
) -> bool: ...
def patch_all(
    socket: bool = True,
    dns: bool = True,
    time: bool = True,
    select: bool = True,
    thread: bool = True,
    os: bool = True,
    ssl: bool = True,
    subprocess: bool = True,
    sys: bool = False,
    aggressive: bool = True,
    Event: bool = True,
    builtins: bool = True,
    signal: bool = True,
    queue: bool = True,
    contextvars: bool = True,
    **kwargs: object,
) -> bool | None: ...
def patch_builtins() -> None: ...
def patch_contextvars() -> None: ...
def patch_dns() -> None: ...
def patch_os() -> None: ...
def patch_queue() -> None: ...
def patch_select(aggressive: bool = True) -> None: ...
def patch_selectors(aggressive: bool = True) -> None: ...
def patch_signal() -> None: ...
def patch_socket(dns: bool = True, aggressive: bool = True) -> None: ...
def patch_ssl(_warnings: list[Any] | None = None, _first_time: bool = True) -> None: ...
def patch_subprocess() -> None: ...
def patch_sys(stdin: bool = True, stdout: bool = True, stderr: bool = True) -> None: ...
def patch_thread(
    threading: bool = True,
    _threading_local: bool = True,
    Event: bool = True,
    logging: bool = True,
    existing_locks: bool = True,
    _warnings: list[Any] | None = None,
) -> None: ...
def patch_time() -> None: ...
