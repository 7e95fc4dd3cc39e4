"""Make the standard library cooperative, by replacing what blocks in it.

Call `patch_all()` first thing in a program, before any other import that can wait, and while there is one thread:

    from gevent import monkey; monkey.patch_all()

or run an unchanged program with `python -m gevent.monkey program.py`.

Plug-ins and subscribers
========================
Objects appended to `greencore.events.subscribers`, and functions that installed packages name as entry points (the group is
`ENTRY_POINT_NAME` of the event's class), are called with each event, in this order: GeventWillPatchAllEvent; for each module
GeventWillPatchModuleEvent and GeventDidPatchModuleEvent; GeventDidPatchBuiltinModulesEvent, which is the time to patch more
(`patch_module`); GeventDidPatchAllEvent. Raising DoNotPatch at a "will" event prevents it.
"""

import sys

from _greencore_alias import name_of
from greencore._base import originals as _state  # as gevent's module of that name
from greencore._base.originals import is_anything_patched, is_module_patched, is_object_patched, saved
from greencore.monkey._errors import DoNotPatch, MonkeyPatchWarning, _BadImplements
from greencore.monkey._util import (
    _ignores_DoNotPatch,
    _notify_patch,
    _process_warnings,
    _queue_warning,
)
from greencore.monkey.api import _patch_module, get_original, patch_item, patch_module, remove_item

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

# Where patch_all notes what it was asked for; in `saved`, so that clearing that forgets it too.
_SETTINGS = "_gevent_saved_patch_all_module_settings"

# The order in which patch_all patches. `thread` needs the real `time`; `selectors` tries out what `select` has.
_ORDER = (
    "os",
    "thread",
    "time",
    "sys",
    "socket",
    "selectors",
    "select",
    "ssl",
    "subprocess",
    "builtins",
    "signal",
    "queue",
    "contextvars",
)


def patch_sys(stdin=True, stdout=True, stderr=True):
    """Does nothing: the interpreter flushes its standard streams at a time when nothing can wait any more."""


@_ignores_DoNotPatch
def patch_os():
    """Make `os.fork`, `forkpty`, `posix_spawn`, `close`, `closerange` and all waits for children (`waitpid`, ...) cooperative.

    Those are left alone with `GEVENT_NOWAITPID` in the environment. Goes together with `patch_signal`.
    """
    _patch_module("os")


@_ignores_DoNotPatch
def patch_queue():
    """Make the classes of `queue` cooperative: they become those of `greencore.queue`.

    `GEVENT_MONKEY_DISABLE_QUEUE_QUEUE=1` in the environment leaves `queue.Queue` as it is.
    """
    import os

    from greencore._base.config import validate_bool

    items = ["SimpleQueue", "PriorityQueue", "LifoQueue"]
    if not validate_bool(os.environ.get("GEVENT_MONKEY_DISABLE_QUEUE_QUEUE", "false")):
        items.append("Queue")
    _patch_module("queue", items=items)


@_ignores_DoNotPatch
def patch_time():
    """Make `time.sleep` cooperative."""
    _patch_module("time")


def patch_contextvars():
    """Does nothing: every greenlet has a context of its own, so `contextvars` is right as it is."""


def patch_builtins():
    """Does nothing: nothing in `builtins` blocks, and imports have a lock for each module."""


@_ignores_DoNotPatch
def patch_thread(threading=True, _threading_local=True, Event=True, logging=True, existing_locks=True, _warnings=None):
    """Make threads greenlets, and locks and events cooperative.

    `threading`: patch `threading` besides `_thread`. `_threading_local`: patch `_threading_local.local`. `Event`: patch
    `threading.Event`. `logging`: replace the locks of `logging` and its handlers, if it has been imported.
    `existing_locks`: replace locks that modules have made already, as long as there is one thread.

    Threads that run already stay native threads; so this comes as early as possible.
    """
    from greencore.monkey._patch_thread import patch

    patch(threading, _threading_local, Event, logging, existing_locks, _warnings)


@_ignores_DoNotPatch
def patch_socket(dns=True, aggressive=True):
    """Make sockets cooperative; with `dns`, what resolves names in `socket` too.

    `aggressive` is accepted for gevent's sake: there is nothing left to remove from `socket`.
    """
    from greencore import socket

    items = socket.__implements__
    if not dns:
        items = [name for name in items if name not in socket.__dns__]
    _patch_module("socket", items=items)


@_ignores_DoNotPatch
def patch_dns():
    """Make what resolves names in `socket` cooperative. `patch_socket` does this by default."""
    from greencore import socket

    _patch_module("socket", items=socket.__dns__)


@_ignores_DoNotPatch
def patch_ssl(_warnings=None, _first_time=True):
    """Make `ssl` cooperative, which needs `patch_socket` too.

    Warns when modules hold, or subclass, the class `ssl.SSLContext` already: those stay as they are.
    """
    late = _first_time and hasattr(sys.modules.get("ssl"), "SSLContext")
    original = sys.modules["ssl"].SSLContext if late else None
    source, _ = _patch_module("ssl", _warnings=_warnings)
    if late:
        _warn_of_references(original, {"ssl", source.__name__}, _warnings)


def _warn_of_references(context_class, except_modules, warnings):
    """Queue a warning that names who refers to the unpatched SSLContext, if anybody does."""
    import gc

    holders, subclasses = [], []
    for referrer in gc.get_referrers(context_class):
        if isinstance(referrer, dict):
            name = referrer.get("__name__")
            if isinstance(name, str) and name not in except_modules and "__spec__" in referrer:
                if any(value is context_class for value in referrer.values()):
                    holders.append(f"{name} ({referrer.get('__file__', '<unknown>')})")
        elif isinstance(referrer, type) and context_class in referrer.__bases__:
            if name_of(referrer.__module__) is None:
                subclasses.append(str(referrer))
    if holders or subclasses:
        message = (
            "Monkey-patching ssl after ssl has already been imported may lead to errors, including RecursionError, "
            "and to connections that block every greenlet. Please monkey-patch earlier."
        )
        if holders:
            message += f" Modules that had direct imports (NOT patched): {sorted(set(holders))}."
        if subclasses:
            message += f" Subclasses (NOT patched): {sorted(subclasses)}."
        _queue_warning(message, warnings)


@_ignores_DoNotPatch
def patch_select(aggressive=True):
    """Make `select.select` and `select.poll` cooperative; `aggressive` removes what blocks and has no replacement
    (`select.epoll`)."""
    _patch_module("select", _patch_kwargs={"aggressive": aggressive})


@_ignores_DoNotPatch
def patch_selectors(aggressive=True):
    """Make `selectors.DefaultSelector` cooperative; `aggressive` removes the classes that block."""
    _patch_module("selectors", _patch_kwargs={"aggressive": aggressive})


@_ignores_DoNotPatch
def patch_subprocess():
    """Make `subprocess.Popen` cooperative, and with it `run`, `call`, `check_call` and `check_output`."""
    _patch_module("subprocess")


@_ignores_DoNotPatch
def patch_signal():
    """Make handlers of SIGCHLD and the watching of children get on with each other. Goes together with `patch_os`."""
    _patch_module("signal")


def _settings_to_patch(settings, warnings):
    """Return (is this the first call, what of `settings` is new)."""
    known = saved.setdefault(_SETTINGS, {})
    first = not known
    if not first and known != settings:
        _queue_warning(
            "Patching more than once will result in the union of all True parameters being patched", warnings
        )
    new = {name: value for name, value in settings.items() if value and not known.get(name) or name not in known}
    known.update(new)
    return first, new


def patch_all(
    socket=True,
    dns=True,
    time=True,
    select=True,
    thread=True,
    os=True,
    ssl=True,
    subprocess=True,
    sys=False,
    aggressive=True,
    Event=True,
    builtins=True,
    signal=True,
    queue=True,
    contextvars=True,
    **kwargs,
):
    """Patch everything, or what the arguments select.

    Each argument is true or false. `dns` and `aggressive` go to `patch_socket`, `patch_select` and `patch_selectors`,
    `Event` to `patch_thread`; `select` selects `selectors` too. Other keyword arguments are for subscribers and plug-ins.
    A later call can only add. Returns true, None if there was nothing to do, or False if a subscriber prevented it.
    Warns (MonkeyPatchWarning) of what comes too late and of combinations that do not work.
    """
    settings = dict(locals())
    del settings["kwargs"]
    warnings = []
    first, new = _settings_to_patch(settings, warnings)
    if not new:
        _process_warnings(warnings)
        return None

    try:
        _notify_patch("GeventWillPatchAllEvent", new, kwargs, warnings=warnings)
    except DoNotPatch:
        return False
    if new.get("signal") and not saved[_SETTINGS]["os"]:
        _queue_warning(
            "Patching signal but not os will result in SIGCHLD handlers installed after this not being called and "
            "os.waitpid may not function correctly if gevent.subprocess is used.",
            warnings,
        )
    options = {
        "thread": {"Event": Event, "_warnings": warnings},
        "socket": {"dns": dns, "aggressive": aggressive},
        "selectors": {"aggressive": aggressive},
        "select": {"aggressive": aggressive},
        "ssl": {"_warnings": warnings, "_first_time": first},
    }
    asked = {**settings, "selectors": select}
    for name in _ORDER:
        if asked[name]:
            globals()[f"patch_{name}"](**options.get(name, {}))
    if thread:
        from greencore.monkey import _patch_asyncio, _patch_multiprocessing

        _patch_asyncio.patch_when_imported()
        _patch_multiprocessing.patch_when_imported()
    _notify_patch("GeventDidPatchBuiltinModulesEvent", new, kwargs, warnings=warnings)
    _notify_patch("GeventDidPatchAllEvent", new, kwargs, warnings=warnings)
    _process_warnings(warnings)
    return True


def __getattr__(name):
    if name == "main":
        from greencore.monkey._main import main

        return main
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
