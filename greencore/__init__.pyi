from collections.abc import Callable
from typing import TypeVar

from typing_extensions import ParamSpec

# Any of them is imported when it is first asked for.
from greencore import (
    ares as ares,
    backdoor as backdoor,
    baseserver as baseserver,
    builtins as builtins,
    contextvars as contextvars,
    core as core,
    event as event,
    events as events,
    exceptions as exceptions,
    fileobject as fileobject,
    greenlet as greenlet,
    hub as hub,
    local as local,
    lock as lock,
    monkey as monkey,
    os as os,
    pool as pool,
    pywsgi as pywsgi,
    queue as queue,
    resolver as resolver,
    resolver_ares as resolver_ares,
    resolver_thread as resolver_thread,
    select as select,
    selectors as selectors,
    server as server,
    signal as signal,
    socket as socket,
    ssl as ssl,
    subprocess as subprocess,
    thread as thread,
    threading as threading,
    threadpool as threadpool,
    time as time,
    timeout as timeout,
    util as util,
    websocket as websocket,
)
from greencore._base.config import config as config
from greencore._base.version import __version__ as __version__, version_info as version_info
from greencore._core import (
    Greenlet as Greenlet,
    GreenletExit as GreenletExit,
    Timeout as Timeout,
    get_hub as get_hub,
    getcurrent as getcurrent,
    iwait as iwait,
    joinall as joinall,
    kill as kill,
    killall as killall,
    sleep as sleep,
    spawn_raw as spawn_raw,
    wait as wait,
)
from greencore._shutdown import shutdown as shutdown
from greencore.hub import idle as idle, reinit as reinit
from greencore.os import fork as fork
from greencore.timeout import with_timeout as with_timeout

__all__ = [
    "Greenlet",
    "GreenletExit",
    "Timeout",
    "config",
    "fork",
    "get_hub",
    "getcurrent",
    "getswitchinterval",
    "idle",
    "iwait",
    "joinall",
    "kill",
    "killall",
    "reinit",
    "setswitchinterval",
    "signal_handler",
    "sleep",
    "spawn",
    "spawn_later",
    "spawn_raw",
    "wait",
    "with_timeout",
]

_P = ParamSpec("_P")
_R = TypeVar("_R")

signal_handler = hub.signal

def getswitchinterval() -> float: ...
def setswitchinterval(interval: float, /) -> None: ...
def spawn(run: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Greenlet[_R]: ...
def spawn_later(seconds: float, run: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Greenlet[_R]: ...
