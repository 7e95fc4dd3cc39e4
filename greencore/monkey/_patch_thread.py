"""`patch_thread`: patches the names in `_thread` and `threading`, and what exists already: locks, and the main thread."""

import _thread
import os
import sys

from greencore._base.config import config
from greencore.monkey._util import _notify_patch, _queue_warning
from greencore.monkey.api import _patch_module, patch_item

_handles_fork = False


def patch(threading, threading_local, event, logging, existing_locks, warnings):
    """Patch as the arguments of `patch_thread` say."""
    # `threading` copies names from `_thread` when it is first imported, and must copy the native ones.
    threading_module = __import__("threading")
    # This imports the loop now: a hub is made in the middle of a wait, which may be one for an import.
    config.settings["loop"].get()
    main_thread = threading_module.main_thread()
    on_main_thread = threading_module.current_thread() is main_thread

    green_thread, _ = _patch_module("thread", _warnings=warnings, _notify_did_subscribers=False)
    green_threading = None
    if threading:
        first = not _is_patched(threading_module)
        green_threading, _ = _patch_module("threading", _warnings=warnings, _notify_did_subscribers=False)
        if event:
            from greencore.event import Event

            patch_item(threading_module, "Event", Event)
        if first:
            if existing_locks:
                replace_existing_locks(threading_module)
            make_joinable(threading_module, main_thread)
            if on_main_thread:
                green_threading.move_main_thread(main_thread)
            else:
                _queue_warning(
                    "Monkey-patching not on the main thread; threading.main_thread().join() will hang from a greenlet",
                    warnings,
                )
            _wrap_shutdown(threading_module)
            _handle_fork(threading_module)
        if logging and "logging" in sys.modules:
            replace_logging_locks(threading_module)
    if threading_local:
        from greencore.local import local

        patch_item(__import__("_threading_local"), "local", local)

    _notify_patch("GeventDidPatchModuleEvent", "_thread", green_thread, _thread)
    if green_threading is not None:
        _notify_patch("GeventDidPatchModuleEvent", "threading", green_threading, threading_module)


def _is_patched(threading):
    from greencore.thread import LockType

    return threading._allocate_lock is LockType


def replace_existing_locks(threading):
    """Replace native locks that nobody holds by green ones, where modules keep them.

    A native lock that a greenlet holds while it waits blocks the whole thread, and a native RLock keeps no greenlet out.
    Nothing can be done for those that hide in objects, so patching should come early. Does nothing if there are other threads.
    """
    if len(threading.enumerate()) != 1:
        return
    from greencore.monkey.api import get_original

    lock_type = type(get_original("_thread", "allocate_lock")())
    rlock_type = get_original("_thread", "RLock")
    green = {}  # id of a native lock: its replacement
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if type(names) is not dict:
            continue
        for name, value in list(names.items()):
            if type(value) is lock_type and not value.locked():
                names[name] = green.setdefault(id(value), threading._allocate_lock())
            elif type(value) is rlock_type and not _rlock_held(value):
                names[name] = green.setdefault(id(value), threading.RLock())
    _own_import_locks(threading)


def _rlock_held(lock):
    return not repr(lock).startswith("<unlocked")


def _own_import_locks(threading):
    """Modules that are being imported are locked by this native thread: hand the locks over to this greenlet, and make
    others wait for them in a green way."""
    try:
        from _frozen_importlib import _module_locks
    except ImportError:
        return
    for reference in list(_module_locks.values()):
        lock = reference()
        if lock is None:
            continue
        if lock.owner is not None:
            lock.owner = threading.get_ident()
        if not lock.wakeup.locked():
            lock.wakeup = threading._allocate_lock()


def replace_logging_locks(threading):
    """Give `logging` and its handlers green locks."""
    import logging

    if type(logging._lock) is not type(threading.RLock()):
        patch_item(logging, "_lock", threading.RLock())
    for reference in logging._handlerList:
        handler = reference() if callable(reference) else reference
        if getattr(handler, "lock", None) is not None:
            handler.lock = threading.RLock()


def make_joinable(threading, main_thread):
    """Let greenlets join the native threads that run already, by looking again and again. Let those threads also end,
    though `threading` knows them by other identifiers than they have after patching."""
    for thread in threading.enumerate():
        if thread is not main_thread:
            thread._delete = _deletion(thread.ident, threading)
            thread.join = _polling_join(thread, threading)


def _deletion(ident, threading):
    def delete():
        with threading._active_limbo_lock:
            threading._active.pop(ident, None)

    return delete


def _polling_join(thread, threading):
    def join(timeout=None):
        from time import monotonic

        from greencore.hub import sleep

        if threading.current_thread() is thread:
            raise RuntimeError("cannot join current thread")
        end = None if timeout is None else monotonic() + timeout
        while thread.is_alive() and (end is None or monotonic() < end):
            sleep(0.005)
        if not thread.is_alive():
            thread._delete()  # CPython 3.10 does not

    return join


def _wrap_shutdown(threading):
    """Replace what `threading` does at exit. What is ready runs once more; threads that wait for each other for ever are
    left alone; native threads that still run keep nobody waiting."""
    original = threading._shutdown

    def _join_all():
        from greencore.exceptions import LoopExit

        try:
            original()
        except LoopExit:
            pass

    def _shutdown():
        from greencore._core import get_hub_if_exists, heed_threads, sleep

        heed_threads(False)
        threading.current_thread()  # may be what tells who the main thread is
        try:
            if get_hub_if_exists() is not None:
                sleep(0)
        finally:
            _join_all()

    patch_item(threading, "_shutdown", _shutdown)


def _handle_fork(threading):
    """In a forked child the greenlet that forked is the main thread, and the only one. This runs after threading's handler."""
    global _handles_fork
    if _handles_fork:
        return
    _handles_fork = True

    def in_child():
        from greencore.thread import _after_fork_in_child

        _after_fork_in_child()
        main_thread = threading._main_thread
        if isinstance(main_thread, threading._DummyThread):
            main_thread.__class__ = threading._MainThread
            main_thread._name = "MainThread"
            main_thread._daemonic = False
        # Versions that change the class do this themselves.
        if getattr(main_thread, "_tstate_lock", False) is None:
            main_thread._set_tstate_lock()

    # threading's own handler needs an entry for the greenlet that forks.
    os.register_at_fork(before=threading.current_thread, after_in_child=in_child)
