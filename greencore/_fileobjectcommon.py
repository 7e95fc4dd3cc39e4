"""What the file objects have in common: arguments as open() has them, and delegation to an `io` object."""

import functools
import io
import os
from errno import EBADF

from greencore._core import cancel_wait_ex, get_hub, lookup  # noqa: F401 - programs import get_hub from here

_MODE_LETTERS = frozenset("axrwb+tU")


class FileObjectClosed(OSError):
    """The OSError (EBADF) of every use of a file object after its close()."""

    def __init__(self, *args):
        super().__init__(EBADF, "Bad file descriptor (FileObject was closed)")


class WriteallMixin:
    """Adds writeall() to a raw file."""

    def writeall(self, value):
        """Write all of `value`, with as many writes as it takes. Return its length."""
        rest = memoryview(value).cast("B")
        total = len(rest)
        while rest:
            rest = rest[super().write(rest) :]
        return total


class WriteIsWriteallMixin(WriteallMixin):
    """Makes write() of a raw file write everything."""

    def write(self, value):
        return self.writeall(value)


class WriteallFileIO(WriteIsWriteallMixin, io.FileIO):
    """A raw file whose write() writes everything."""


class OpenDescriptor:
    """The arguments of a file object, checked as open() checks its own, and what they open.

    fobj: a path, a descriptor, or an object with fileno(). mode: as for open(); `bufsize` is an older name of
    buffering, `close` of closefd. atomic_write: an unbuffered file's write() writes everything.
    Raises TypeError and ValueError as open() does.
    """

    default_buffer_size = io.DEFAULT_BUFFER_SIZE
    _raw_class = io.FileIO
    _raw_writeall_class = WriteallFileIO

    def __init__(
        self,
        fobj,
        mode="r",
        bufsize=None,
        close=None,
        encoding=None,
        errors=None,
        newline=None,
        buffering=None,
        closefd=None,
        atomic_write=False,
    ):
        closefd = self._choose("closefd", closefd, "close", close, True)
        buffering = self._choose("buffering", buffering, "bufsize", bufsize, -1)
        if not hasattr(fobj, "fileno") and not isinstance(fobj, int):
            fobj = os.fspath(fobj)
            closefd = True
        if not isinstance(mode, str):
            raise TypeError(f"invalid mode: {mode!r}")
        if not isinstance(buffering, int):
            raise TypeError(f"invalid buffering: {buffering!r}")
        for name, value in (("encoding", encoding), ("errors", errors)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"invalid {name}: {value!r}")
        letters = set(mode)
        if letters - _MODE_LETTERS or len(mode) > len(letters):
            raise ValueError(f"invalid mode: {mode!r}")
        if "U" in letters:
            if letters & set("xwa+"):
                raise ValueError("mode U cannot be combined with 'x', 'w', 'a', or '+'")
            letters.add("r")
        kind = letters & set("xrwa")
        if {"t", "b"} <= letters:
            raise ValueError("can't have text and binary mode at once")
        if len(kind) > 1:
            raise ValueError("can't have read/write/append mode at once")
        if not kind:
            raise ValueError("must have exactly one of read/write/append mode")
        self.binary = "b" in letters
        self.text = "t" in letters
        self.updating = "+" in letters
        if self.binary:
            for name, value in (("encoding", encoding), ("errors", errors), ("newline", newline)):
                if value is not None:
                    raise ValueError(f"binary mode doesn't take {'a' if name == 'newline' else 'an'} {name} argument")
            if buffering == 1:
                import warnings

                warnings.warn(
                    "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used",
                    RuntimeWarning,
                    stacklevel=4,
                )
        self.fileio_mode = kind.pop() + ("+" if self.updating else "")
        self.mode = self.fileio_mode + ("t" if self.text else "") + ("b" if self.binary else "")
        self.reading = "r" in letters
        self.can_read = self.reading or self.updating
        self.can_write = not self.reading or self.updating
        self.universal = "U" in letters
        self.native = not (self.text or self.binary or encoding or errors)
        self.encoding, self.errors, self.newline = encoding, errors, newline
        self.buffering, self.closefd, self.atomic_write = buffering, closefd, atomic_write
        self._fobj = fobj
        self._raw = self._opened = None

    @staticmethod
    def _choose(name, value, old_name, old_value, default):
        if value is not None and old_value is not None:
            raise TypeError(f"Cannot specify both {name}={value} and {old_name}={old_value}")
        return value if value is not None else old_value if old_value is not None else default

    def is_fd(self):
        """Whether a descriptor was given."""
        return isinstance(self._fobj, int)

    def opened_raw(self):
        """Return the raw file, which the first call opens."""
        if self._raw is None:
            self._raw = self._open_raw()
        return self._raw

    def opened(self):
        """Return the file with its buffer and codec, which the first call opens."""
        if self._opened is None:
            raw = self.opened_raw()
            try:
                self._opened = self._wrap(raw)
            except BaseException:
                raw.close()
                raise
        return self._opened

    def _writes_all(self):
        return self.atomic_write and self.buffering == 0

    def _open_raw(self):
        if hasattr(self._fobj, "fileno"):
            return self._fobj
        cls = self._raw_writeall_class if self._writes_all() else self._raw_class
        return cls(self._fobj, self.fileio_mode, self.closefd)

    @staticmethod
    def is_buffered(stream):
        """Whether `stream` has a buffer of its own."""
        return isinstance(stream, (io.BufferedIOBase, io.TextIOBase)) or getattr(stream, "buffer", None) is not None

    @classmethod
    def buffer_size_for_stream(cls, stream):
        """Return the block size of the stream's file system, or the default where it has none."""
        try:
            size = os.fstat(stream.fileno()).st_blksize
        except (OSError, AttributeError):
            size = 0
        return size if size > 1 else cls.default_buffer_size

    def _wrap(self, raw):
        if self.binary and isinstance(raw, io.TextIOBase):
            raise ValueError("Unable to perform binary IO on top of text IO stream")
        result = raw
        buffering = self.buffering
        line_buffering = buffering == 1 or (buffering < 0 and raw.isatty())
        if buffering < 0 or line_buffering:
            buffering = self.buffer_size_for_stream(raw)
        if buffering and not self.is_buffered(raw):
            cls = io.BufferedRandom if self.updating else io.BufferedReader if self.reading else io.BufferedWriter
            result = cls(raw, buffering)
        if not self.binary and not isinstance(raw, io.TextIOBase):
            result = io.TextIOWrapper(result, self.encoding, self.errors, self.newline, line_buffering)
        if result is not self._fobj:
            try:
                result.mode = self.mode
            except AttributeError:
                pass  # a buffer's mode is that of its raw file
        return result


class _ClosedIO:
    """Takes the place of a file object's io after close(). It has the name; all else raises FileObjectClosed."""

    __slots__ = ("name",)

    def __init__(self, stream):
        if hasattr(stream, "name"):
            self.name = stream.name

    def __getattr__(self, name):
        if name == "name":
            raise AttributeError(name)
        raise FileObjectClosed

    def __bool__(self):
        return False


class FileObjectBase:
    """A file made of another one, its `io`, which does the work."""

    # These are called most, so they are kept in the instance once they were looked up.
    _delegate_methods = (
        "fileno",
        "flush",
        "read",
        "read1",
        "readable",
        "readinto",
        "readline",
        "readlines",
        "seek",
        "seekable",
        "tell",
        "truncate",
        "writable",
        "write",
        "writeall",
        "writelines",
    )

    def __init__(self, descriptor):
        self._io = descriptor.opened()
        self._close = descriptor.closefd

    @property
    def io(self):
        """The file that does the work."""
        return self._io

    @io.setter
    def io(self, stream):
        self._io = stream
        self._forget_methods()

    def _forget_methods(self):
        for name in self._delegate_methods:
            self.__dict__.pop(name, None)

    def _wrap_method(self, method):
        """Return what is called in the place of a method of the io."""
        return method

    def __getattr__(self, name):
        if name == "_io":
            raise AttributeError(name)  # not initialized
        value = getattr(self._io, name)
        if name in self._delegate_methods:
            value = self.__dict__[name] = self._wrap_method(value)
        return value

    @property
    def closed(self):
        """Whether close() was called."""
        return isinstance(self._io, _ClosedIO)

    def close(self):
        """Flush, and close the io, and the descriptor unless closefd was false. Harmless when it is closed."""
        stream = self._io
        if isinstance(stream, _ClosedIO):
            return
        self.io = _ClosedIO(stream)
        self._do_close(stream, self._close)

    def _do_close(self, stream, closefd):
        raise NotImplementedError

    def __repr__(self):
        closed = "closed" if self.closed else ""
        return f"<{type(self).__name__} at {id(self):#x} {closed}_fobj={self._io!r}{self._extra_repr()}>"

    def _extra_repr(self):
        return ""

    def __iter__(self):
        return self

    __enter__ = __iter__

    def __exit__(self, *error):
        self.close()

    def __next__(self):
        if line := self.readline():
            return line
        raise StopIteration

    def next(self):
        """Return the next line, as next(file) does. Raises StopIteration at the end."""
        return self.__next__()

    def __bool__(self):
        return True


class FileObjectBlock(FileObjectBase):
    """A file object whose operations block every greenlet; for tests, and to compare with."""

    def __init__(self, fobj, *args, **kwargs):
        super().__init__(OpenDescriptor(fobj, *args, **kwargs))

    def _do_close(self, stream, closefd):
        stream.close()


class FileObjectThread(FileObjectBase):
    """A file object whose operations run in the hub's thread pool, for what can't be made non-blocking.

    lock: True for one operation at a time; a semaphore for that together with others who use it; False for no lock.
    threadpool: another pool. All other arguments are open()'s.
    """

    def __init__(self, *args, lock=True, threadpool=None, **kwargs):
        descriptor = OpenDescriptor(*args, **kwargs)
        self.threadpool = get_hub().threadpool if threadpool is None else threadpool  # an idle pool is false
        if lock is True or not lock:
            lock = lookup("greencore.lock", "Semaphore" if lock is True else "DummySemaphore")()
        self.lock = lock
        if not hasattr(self.lock, "__enter__"):
            raise TypeError(f"Expected a Semaphore or boolean, got {type(self.lock)!r}")
        super().__init__(descriptor)

    def _do_close(self, stream, closefd):
        try:
            with self.lock:
                self.threadpool.apply(stream.flush)
        finally:
            if closefd:
                # The pool would report an exception, and one may well come here.
                error = self.threadpool.apply(self._close_quietly, (stream,))
                if error is not None:
                    raise error

    @staticmethod
    def _close_quietly(stream):
        try:
            stream.close()
        except Exception as error:
            return error

    def _extra_repr(self):
        return f" threadpool={self.threadpool!r}"

    def _wrap_method(self, method):
        # No reference to self: that would be a cycle.
        lock, threadpool = self.lock, self.threadpool

        @functools.wraps(method)
        def in_thread(*args, **kwargs):
            with lock:
                return threadpool.apply(method, args, kwargs)

        return in_thread
