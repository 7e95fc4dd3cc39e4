"""What `threading` needs to make its threads greenlets.

`threading.Thread` itself stays: it uses the functions below, which `greencore.monkey.patch_thread` puts in place.
"""

import threading as _threading
from weakref import ref as _ref

from greencore import thread as _green
from greencore._base.native import get_thread_ident
from greencore._base.originals import is_object_patched
from greencore.hub import getcurrent
from greencore.local import local
from greencore.thread import LockType, RLock, get_ident

__implements__ = [
    "Lock",
    "Thread",
    "Timer",
    "_CRLock",
    "_DummyThread",
    "_allocate_lock",
    "get_ident",
    "local",
]
Lock = _allocate_lock = LockType
Thread = _threading.Thread
Timer = _threading.Timer
_CRLock = RLock


if _green.HAS_HANDLES:
    from greencore.thread import (
        _make_thread_handle,
        _shutdown as _thread_shutdown,
        _ThreadHandle,
        start_joinable_thread as _start_joinable_thread,
    )

    __implements__ += ["_ThreadHandle", "_make_thread_handle", "_start_joinable_thread", "_thread_shutdown"]
    HANDLE = "_os_thread_handle" if hasattr(_threading.main_thread(), "_os_thread_handle") else "_handle"
else:
    from greencore.thread import _set_sentinel, start_new_thread as _start_new_thread

    __implements__ += ["_set_sentinel", "_start_new_thread"]
    HANDLE = None
__all__ = __implements__


def main_native_thread():
    """Return the Thread object of the interpreter's main thread."""
    return _threading.main_thread()


def _native_thread():
    """Return the Thread of this native thread if that ran before patching and its main greenlet asks; else None."""
    if getcurrent().parent is not None or not is_object_patched("threading", "_DummyThread"):
        return None
    thread = _threading._active.get(get_thread_ident())
    if thread is not None and thread is _threading.main_thread():  # another thread has patched
        move_main_thread(thread)
    return thread


def move_main_thread(main_thread):
    """Give the main thread's Thread the main greenlet's identifier, and a new handle or lock for those who join it."""
    greenlet = getcurrent()
    while greenlet.parent is not None:
        greenlet = greenlet.parent
    ident = get_ident(greenlet)
    _threading._active.pop(main_thread.ident, None)
    _threading._active[ident] = main_thread
    main_thread._ident = ident
    if HANDLE is not None:
        setattr(main_thread, HANDLE, _make_thread_handle(ident))
    else:
        native = main_thread._tstate_lock
        lock = Lock()
        lock.acquire()
        main_thread._tstate_lock = lock
        if native in _threading._shutdown_locks:
            _threading._shutdown_locks.discard(native)
            _threading._shutdown_locks.add(lock)


def _template():
    """Return the attributes of a Thread object that runs, for all that a _DummyThread does not set itself."""
    thread = _threading.Thread(name="Dummy", daemon=True)
    _threading._dangling.discard(thread)
    thread._started.set()
    return vars(thread)


class _DummyThread(_threading._DummyThread):
    """The Thread object of a greenlet, or native thread, that `threading` did not start.

    Programs that log make one for each greenlet, so its attributes are copied, which is quicker than making them. It leaves
    `threading.enumerate()` when its greenlet ends.
    """

    _attributes: dict[str, object] = {}

    def __new__(cls):
        return _native_thread() or super().__new__(cls)

    def __init__(self):
        if not _DummyThread._attributes:
            _DummyThread._attributes = _template()
        greenlet = getcurrent()
        ident = id(greenlet)
        attributes = vars(self)
        attributes.update(_DummyThread._attributes)
        attributes["_name"] = _threading._newname("Dummy-%d")
        attributes["_ident"] = ident
        if HANDLE is not None:
            attributes[HANDLE] = _make_thread_handle(ident)
        if _threading._HAVE_THREAD_NATIVE_ID:
            self._set_native_id()
        _threading._active[ident] = self

        def forget(_, active=_threading._active):
            if active.get(ident) is self:
                del active[ident]

        if hasattr(greenlet, "rawlink"):
            greenlet.rawlink(forget)
        else:
            attributes["_greenlet_ref"] = _ref(greenlet, forget)

    def _stop(self):
        self._is_stopped = True

    def _wait_for_tstate_lock(self, *args, **kwargs):
        pass
