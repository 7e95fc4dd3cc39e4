"""The `subprocess` module, with which only the greenlet that asked waits for a child or its pipes."""

import io as _io
import os as _os
import subprocess as _subprocess
import types as _types
from subprocess import TimeoutExpired
from weakref import ref as _ref

from greencore._base.tools import copy_globals, rebind as _rebind
from greencore._fileobjectposix import GreenOpenDescriptor
from greencore.event import AsyncResult
from greencore.fileobject import FileObject
from greencore.greenlet import Greenlet, joinall
from greencore.hub import get_hub, getcurrent, linkproxy
from greencore.os import _note_reaped, _reaped, _waitpid
from greencore.timeout import Timeout

# Nothing else is patched: the functions of the standard module use whatever Popen it has.
__implements__ = ["Popen"]
__extensions__ = []
__imports__ = copy_globals(
    _subprocess,
    globals(),
    names_to_ignore=["Popen", *dir(_types.ModuleType)],
    dunder_names_to_keep=(),
)

# Bytes that a pipe with any room takes at once.
_CHUNK = 32768


class Popen(_subprocess.Popen):
    """A child process: `subprocess.Popen` with the same arguments.

    `returncode` is set as soon as the child has ended and the hub has run; any number of greenlets may wait. `result` is an
    AsyncResult of it, and an instance can itself be linked to and waited for. Only for threads with a default loop:
    the main one, and the one that first imported greencore (TypeError elsewhere, as in gevent).
    """

    _watcher = None
    _communicating_greenlets: list[Greenlet] | None = None  # before communicate()

    def __init__(self, args, bufsize=-1, *others, threadpool=None, **kwargs):
        hub = get_hub()
        if not hub.loop.default:
            self._child_created = False  # for __del__
            raise TypeError("child watchers are only available on the default loop")
        self._loop = hub.loop
        self._bufsize = bufsize
        self.result = AsyncResult()
        super().__init__(args, bufsize, *others, **kwargs)

    def _get_handles(self, stdin, stdout, stderr):
        handles = super()._get_handles(stdin, stdout, stderr)
        # A descriptor that we have made non-blocking would surprise the child.
        p2cread, _, _, c2pwrite, _, errwrite = handles
        for given, fd in (stdin, p2cread), (stdout, c2pwrite), (stderr, errwrite):
            if given is not None and (not isinstance(given, int) or given >= 0):
                _os.set_blocking(fd, True)
        return handles

    def _execute_child(self, *args):
        super()._execute_child(*args)
        self._watcher = watcher = self._loop.child(self.pid)
        reference = _ref(self)

        def ended():
            self = reference()
            if self is not None:
                self._on_child()
            else:
                watcher.stop()
                watcher.close()

        watcher.start(ended)
        for name in ("stdin", "stdout", "stderr"):
            stream = getattr(self, name)
            if stream is not None:
                setattr(self, name, _green_stream(stream, self._bufsize))

    def _on_child(self):
        """Called when the child has ended, and the watcher has its status."""
        watcher = self._watcher
        if watcher is not None:
            if self not in _subprocess._active:  # else it was dropped while the child ran
                _note_reaped(self.pid, watcher.rstatus)
            self._ended(watcher.rstatus)

    def _ended(self, status):
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.stop()
            watcher.close()
        if self.returncode is None:
            self._handle_exitstatus(status)
        if not self.result.ready():
            self.result.set(self.returncode)

    def _internal_poll(self, _deadstate=None, _waitpid=_waitpid, _WNOHANG=_os.WNOHANG, **_):
        # Called by __del__ too, when the module's names may be gone.
        if self.returncode is None and self.pid is not None:
            try:
                pid, status = _waitpid(self.pid, _WNOHANG)
            except ChildProcessError:
                if _deadstate is not None:
                    self.returncode = _deadstate
                else:
                    self._ended(0)
            else:
                if pid == self.pid:
                    self._ended(status)
        if self.returncode is not None:
            _reaped.pop(self.pid, None)
        return self.returncode

    def _wait(self, timeout):
        if self.returncode is None and self._internal_poll() is None:
            if timeout is None:
                self.result.wait()
            elif timeout <= 0 or self.result.wait(timeout) is None and self.returncode is None:
                raise TimeoutExpired(self.args, timeout)
            _reaped.pop(self.pid, None)
        return self.returncode

    def rawlink(self, callback):
        """Call `callback(self)` on the hub when the child has ended."""
        self.result.rawlink(linkproxy(callback, self))

    def unlink(self, callback):
        """Take back `rawlink(callback)`. Nothing happens if it is not linked (any more)."""
        self.result.unlink(linkproxy(callback, self))

    def ready(self):
        """Return whether the child has ended, as far as the hub has seen."""
        return self.returncode is not None

    def _communicate(self, input, endtime, orig_timeout):
        # One greenlet for each pipe. They outlive a time-out: another call goes on where this one ended.
        if not self._communication_started:
            self._received = {}
            communicating = [
                Greenlet.spawn(self._receive, stream, self._received.setdefault(stream, []))
                for stream in (self.stdout, self.stderr)
                if stream is not None
            ]
            if self.stdin is not None:
                self._save_input(input)
                communicating.append(Greenlet.spawn(self._send))
            self._communicating_greenlets = communicating
        remaining = None if endtime is None else max(0, endtime - _subprocess._time())
        communicating = self._communicating_greenlets or []
        joinall(communicating, timeout=remaining, raise_error=True)
        received = [self._received.get(stream) for stream in (self.stdout, self.stderr)]
        if not all(greenlet.ready() for greenlet in communicating):
            self._check_timeout(endtime, orig_timeout, *received, skip_check_and_raise=True)
        try:
            self.wait(timeout=None if endtime is None else max(0, endtime - _subprocess._time()))
        except TimeoutExpired as error:
            error.timeout = orig_timeout
            raise
        stdout, stderr = (None if chunks is None else b"".join(chunks) for chunks in received)
        if self.text_mode:
            if stdout is not None:
                stdout = self._translate_newlines(stdout, self.stdout.encoding, self.stdout.errors)
            if stderr is not None:
                stderr = self._translate_newlines(stderr, self.stderr.encoding, self.stderr.errors)
        return stdout, stderr

    def _receive(self, stream, chunks):
        source = getattr(stream, "buffer", stream)
        read = getattr(source, "read1", source.read)
        while chunk := read(_CHUNK):
            chunks.append(chunk)
        stream.close()

    def _send(self):
        try:
            self.stdin.flush()
            if self._input:
                sink = getattr(self.stdin, "buffer", self.stdin)
                sink.write(self._input)
                sink.flush()
        except BrokenPipeError:
            pass
        except ValueError:
            if not self.stdin.closed:  # by the program, before
                raise
        try:
            self.stdin.close()
        except BrokenPipeError:
            pass

    def __exit__(self, exc_type, value, traceback):
        # Greenlets that are left over from communicate() hold the pipes' locks.
        for greenlet in self._communicating_greenlets or ():
            greenlet.kill()
        streams = self.stdout, self.stderr
        for stream in streams:
            if stream is not None:
                _close_under_reader(stream)
        self.stdout = self.stderr = None
        try:
            return super().__exit__(exc_type, value, traceback)
        finally:
            self.stdout, self.stderr = streams


def _close_under_reader(stream):
    """Close a pipe, even if another greenlet reads from it."""
    try:
        stream.close()
    except RuntimeError:  # a reader is inside the buffer
        _raw_of(stream).close()


def _raw_of(stream):
    for name in ("buffer", "raw"):
        stream = getattr(stream, name, stream)
    return stream


def _green_stream(stream, bufsize):
    """Return the file that takes the place of one that `subprocess.Popen` has opened on its end of a pipe."""
    text = stream if isinstance(stream, _io.TextIOWrapper) else None
    if text is not None:
        settings: dict = {
            "encoding": text.encoding,
            "errors": text.errors,
            "line_buffering": text.line_buffering,
            "write_through": text.write_through,
        }
        stream = text.detach()
    mode = "wb" if stream.writable() else "rb"
    raw = stream if isinstance(stream, _io.FileIO) else stream.detach()
    fd = _os.dup(raw.fileno())
    raw.close()
    green = GreenOpenDescriptor(fd, mode, -1 if bufsize in (None, 1) else bufsize).opened()
    return green if text is None else _io.TextIOWrapper(green, **settings)


call = _rebind(_subprocess.call, globals())
check_call = _rebind(_subprocess.check_call, globals())
check_output = _rebind(_subprocess.check_output, globals())
getoutput = _rebind(_subprocess.getoutput, globals())
getstatusoutput = _rebind(_subprocess.getstatusoutput, globals())
run = _rebind(_subprocess.run, globals())

__all__ = [*_subprocess.__all__]
