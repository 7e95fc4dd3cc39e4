"""The `os` module: forking, waiting for children, and reading and writing descriptors, greenlet by greenlet.

`read` and `write` are not replaced. For a descriptor in non-blocking mode (`make_nonblocking`) there are `nb_read` and
`nb_write`; for any other, `tp_read` and `tp_write`, which use a native thread.

Children are waited for through the kernel's process descriptors. SIGCHLD and its handlers are left to the program, and a
child is a zombie until somebody waits for it, as without greenlets.
"""

import errno
import fcntl
import os
import sys
import time as _time
from _signal import SIGCHLD
from _thread import get_ident

from _greencore_alias import name_of
from greencore._base.config import config
from greencore._base.tools import copy_globals
from greencore._core import begin_epoch, forbid_switch, get_hub_if_exists, os_close, os_closing, sleep as _sleep
from greencore.hub import get_hub, reinit

__implements__ = ["close", "closerange", "fork", "forkpty", "posix_spawn", "posix_spawnp"]
__extensions__ = [
    "fork_and_watch",
    "fork_gevent",
    "forkpty_and_watch",
    "forkpty_gevent",
    "make_nonblocking",
    "nb_read",
    "nb_write",
    "tp_read",
    "tp_write",
]
_waits = ["wait", "wait3", "wait4", "waitid", "waitpid"]
(__extensions__ if config.disable_watch_children else __implements__).extend(_waits)

_read = os.read
_write = os.write
_close = os.close
_closerange = os.closerange
_raw_fork = os.fork
_raw_forkpty = os.forkpty
_waitpid = os.waitpid
_wait3 = os.wait3
_wait4 = os.wait4
_waitid = os.waitid

close = os_close  # built in, as the original: no method when a class has it

# A child starts in one step: there is nothing to wait for.
posix_spawn = os.posix_spawn
posix_spawnp = os.posix_spawnp

ignored_errors = [errno.EAGAIN, errno.EINTR]


def closerange(fd_low, fd_high, /):
    """Close all descriptors from `fd_low` up to, not including, `fd_high`, as `close` does; errors are ignored."""
    if get_hub_if_exists() is not None:
        for fd in sorted(int(name) for name in os.listdir("/proc/self/fd")):
            if fd_low <= fd < fd_high and not os_closing(fd):
                _closerange(fd_low, fd)
                fd_low = fd + 1
    _closerange(fd_low, fd_high)


def make_nonblocking(fd):
    """Put a descriptor into non-blocking mode. Return True if it was not, else None."""
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    if flags & os.O_NONBLOCK:
        return None
    fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    return True


def _retry(operation, fd, events):
    """Call `operation()` until it does not have to wait, and return its result."""
    watcher = None
    try:
        while True:
            try:
                return operation()
            except OSError as error:
                if error.errno not in ignored_errors:
                    raise
            hub = get_hub()
            if watcher is None:
                watcher = hub.loop.io(fd, events)
            hub.wait(watcher)
    finally:
        if watcher is not None:
            watcher.close()


def nb_read(fd, n):
    """Return up to `n` bytes read from a descriptor in non-blocking mode, waiting for some; b"" at the end of the file."""
    return _retry(lambda: _read(fd, n), fd, 1)


def nb_write(fd, buf):
    """Write some of `buf` to a descriptor in non-blocking mode, waiting for room. Return how many bytes."""
    return _retry(lambda: _write(fd, buf), fd, 2)


def tp_read(fd, n):
    """Return up to `n` bytes read from a descriptor in a thread of the hub's pool."""
    return get_hub().threadpool.apply(_read, (fd, n))


def tp_write(fd, buf):
    """Write some of `buf` to a descriptor in a thread of the hub's pool. Return how many bytes."""
    return get_hub().threadpool.apply(_write, (fd, buf))


# Locks that handlers of `os.register_at_fork` take: (module, its name there).
_handlers_locks = [("logging", "_lock"), ("concurrent.futures.thread", "_global_shutdown_lock")]


def _busy_lock():
    """Return a lock that a fork handler would have to wait for, or None."""
    for module, name in _handlers_locks:
        lock = getattr(sys.modules.get(module), name, None)
        if name_of(type(lock).__module__) and lock.locked():
            owned = getattr(lock, "_is_owned", None)
            # A plain lock does not know its owner.
            if not (owned and hasattr(lock, "_release_save") and owned()):
                return lock
    return None


_forking = set()  # the identifiers of native threads that are inside of `_fork`


def _fork(function):
    """Call a fork function. No other greenlet runs meanwhile, even if a fork handler would wait; the child's handlers may.

    In the child only this greenlet goes on, unless `config.fork_keeps_greenlets` is set.
    """
    while (lock := _busy_lock()) is not None:
        with lock:
            pass
    thread = get_ident()
    forbid_switch(1)
    _forking.add(thread)
    try:
        if sys.version_info >= (3, 12):
            import warnings

            # The interpreter warns of threads, and may count the pool's.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                return function()
        return function()
    finally:
        if thread in _forking:
            _forking.discard(thread)
            forbid_switch(-1)


def _fork_in_child():
    """Make the parent's greenlets stale in a child. The handlers that come after this one may wait: they start threads."""
    if get_ident() not in _forking:
        _forking.clear()
        return
    _forking.clear()
    try:
        if not config.fork_keeps_greenlets:
            begin_epoch()
            hub = get_hub_if_exists()
            if hub is not None:
                hub._forget_waits()
        reinit()
    finally:
        forbid_switch(-1)


os.register_at_fork(after_in_child=_fork_in_child)


def fork_gevent():
    """Fork, and make the child's hub usable. Return the child's process id, or 0 in the child."""
    return _fork(_raw_fork)


def forkpty_gevent():
    """Fork with a pseudo-terminal, and make the child's hub usable. Return (process id or 0, master descriptor)."""
    return _fork(_raw_forkpty)


def fork_and_watch(callback=None, loop=None, ref=False, fork=fork_gevent):
    """Fork, and call `callback(watcher)` in the parent when the child has ended.

    `watcher` is the child watcher: `pid`, `rstatus`. `loop` is the loop to watch in, by default the running hub's; `ref`:
    whether that keeps the loop running; `fork`: the function that forks. Returns what it returns. `waitpid` works for the
    child as for any other.
    """
    result = fork()
    pid = result[0] if isinstance(result, tuple) else result
    if pid:
        _reaped.pop(pid, None)
        if callback is not None:
            _watch(pid, callback, loop or get_hub().loop, ref)
    return result


def forkpty_and_watch(callback=None, loop=None, ref=False, forkpty=forkpty_gevent):
    """As `fork_and_watch`, with a pseudo-terminal. Returns (process id or 0, master descriptor)."""
    return fork_and_watch(callback, loop, ref, forkpty)


def fork(*args, **kwargs):
    """Fork as `fork_and_watch` does, with the same arguments."""
    return fork_and_watch(*args, **kwargs)


def forkpty(*args, **kwargs):
    """Fork as `forkpty_and_watch` does, with the same arguments."""
    return forkpty_and_watch(*args, **kwargs)


# Children that a watcher has waited for: {process id: (status, when)}.
_reaped = {}


def _note_reaped(pid, status):
    """A watcher has taken the status of a child: keep it for a while, for whoever calls `waitpid`."""
    _reap_children()
    _reaped[pid] = (status, _time.monotonic())


def _reap_children(timeout=60):
    """Forget children that nobody has asked about for `timeout` seconds."""
    limit = _time.monotonic() - timeout
    for pid in [pid for pid, (_, ended) in _reaped.items() if ended <= limit]:
        del _reaped[pid]


def _watch(pid, callback, loop, ref):
    watcher = loop.child(pid, ref=ref)

    def ended():
        watcher.stop()
        _note_reaped(pid, watcher.rstatus)
        try:
            callback(watcher)
        finally:
            watcher.close()

    watcher.start(ended)


def _waitpid_now(pid, options):
    try:
        return _waitpid(pid, options | os.WNOHANG)
    except ChildProcessError:
        if pid == -1:
            pid = next(iter(_reaped), -1)
        if pid not in _reaped:
            raise
        return pid, _reaped.pop(pid)[0]


def _wait_for_end(pid):
    """Wait until a child has ended, and return True; return False at once if the system can't watch it."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    hub = get_hub()
    watcher = hub.loop.io(fd, 1)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()
        _close(fd)
    return True


def _look_again(look, pid=None):
    """Return what `look()` returns, once that is true. In between, wait for the end of the child `pid`, or nap."""
    delay = 0.0005
    while not (result := look()):
        if pid is None or not _wait_for_end(pid):
            _sleep(delay)
            delay = min(delay * 2, 0.02)
    return result


def _wait_with(function, pid, options):
    """Return function(pid, options) of a function like `waitpid`; other greenlets run while it waits."""
    if options & os.WNOHANG:
        return function(pid, options)

    def look():
        result = function(pid, options | os.WNOHANG)
        return result if result[0] else None

    return _look_again(look, pid if pid > 0 and not options else None)


def waitpid(pid, options):
    """Wait for a child as `os.waitpid` does; other greenlets run meanwhile.

    Where the wait is not for the end of one child, it looks again and again, at most 20 ms apart.
    """
    return _wait_with(_waitpid_now, pid, options)


def wait():
    """Wait for any child as `os.wait` does."""
    return waitpid(-1, 0)


def wait3(options):
    """Wait for any child as `os.wait3` does."""
    return _wait_with(lambda _, options: _wait3(options), -1, options)


def wait4(pid, options):
    """Wait for a child as `os.wait4` does."""
    return _wait_with(_wait4, pid, options)


def _waitid_now(idtype, id, options):
    try:
        return _waitid(idtype, id, options | os.WNOHANG)
    except ChildProcessError:
        if idtype != os.P_PID or id not in _reaped or not options & os.WEXITED:
            raise
        status, _ = _reaped[id] if options & os.WNOWAIT else _reaped.pop(id)
        if os.WIFEXITED(status):
            how = os.WEXITSTATUS(status), os.CLD_EXITED
        else:
            how = os.WTERMSIG(status), os.CLD_DUMPED if os.WCOREDUMP(status) else os.CLD_KILLED
        return os.waitid_result((id, os.getuid(), SIGCHLD, *how))


def waitid(idtype, id, options, /):
    """Wait for a child as `os.waitid` does."""
    if options & os.WNOHANG:
        return _waitid_now(idtype, id, options)
    only_end = idtype == os.P_PID and options & ~os.WNOWAIT == os.WEXITED
    return _look_again(lambda: _waitid_now(idtype, id, options), id if only_end else None)


__imports__ = copy_globals(os, globals(), names_to_ignore=__implements__ + __extensions__, dunder_names_to_keep=())
__all__ = sorted({*__implements__, *__extensions__})
