from collections.abc import Callable, Sequence
from typing import Any

from greencore.core import loop as _loop
from greencore.fileobject import _FileObjectBase
from greencore.resolver import AbstractResolver as _AbstractResolver
from greencore.threadpool import ThreadPool as _ThreadPool

__all__ = ["config"]

def validate_bool(value: str | bool) -> bool: ...

class Config:
    """The settings. What is assigned may be text, as in the environment; what is read is what it means."""

    resolver: type[_AbstractResolver]
    threadpool: type[_ThreadPool]
    threadpool_idle_task_timeout: float
    loop: type[_loop]
    format_context: Callable[[Any], str]
    libev_backend: str | None
    fileobject: type[_FileObjectBase[Any]]
    disable_watch_children: bool
    trace_malloc: int | None
    track_greenlet_tree: bool
    stack_size: int | None
    fork_keeps_greenlets: bool
    monitor_thread: bool
    max_blocking_time: float | None
    print_blocking_reports: bool
    memory_monitor_period: float | None
    max_memory_usage: int | None
    ares_flags: int | None
    ares_timeout: float | None
    ares_tries: int | None
    ares_ndots: int | None
    ares_udp_port: int | None
    ares_tcp_port: int | None
    ares_servers: str | Sequence[str] | None
    resolver_nameservers: str | Sequence[str] | None
    resolver_timeout: float | None
    def __init__(self) -> None: ...
    def set(self, name: str, value: object) -> None: ...
    def print_help(self) -> None: ...

config: Config

def ares_options() -> dict[str, Any]: ...
