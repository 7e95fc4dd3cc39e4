import io
import os
from collections.abc import Iterable
from typing import Any, AnyStr, Generic, Literal, Protocol, TypeAlias, overload

from typing_extensions import Buffer, Self

from greencore.lock import DummySemaphore, Semaphore
from greencore.threadpool import ThreadPool

__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

_File: TypeAlias = int | str | bytes | os.PathLike[str] | os.PathLike[bytes] | _HasFileno
_TextMode: TypeAlias = Literal[
    "r", "w", "a", "x", "rt", "wt", "at", "xt", "r+", "w+", "a+", "x+", "+r", "+w", "+a", "+x", "rU", "U"
]
_BytesMode: TypeAlias = Literal[
    "rb", "wb", "ab", "xb", "br", "bw", "ba", "bx", "rb+", "r+b", "wb+", "w+b", "ab+", "a+b", "xb+", "x+b", "rbU", "rUb"
]

class _FileObjectBase(Generic[AnyStr]):
    io: Any
    @property
    def closed(self) -> bool: ...
    def close(self) -> None: ...
    def fileno(self) -> int: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool: ...
    def read(self, size: int | None = -1, /) -> AnyStr: ...
    def read1(self, size: int = -1, /) -> bytes: ...
    def readable(self) -> bool: ...
    def readinto(self, buffer: Buffer, /) -> int: ...
    def readline(self, size: int | None = -1, /) -> AnyStr: ...
    def readlines(self, hint: int | None = -1, /) -> list[AnyStr]: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def seekable(self) -> bool: ...
    def tell(self) -> int: ...
    def truncate(self, size: int | None = None, /) -> int: ...
    def writable(self) -> bool: ...
    @overload
    def write(self: _FileObjectBase[str], data: str, /) -> int: ...
    @overload
    def write(self: _FileObjectBase[bytes], data: Buffer, /) -> int: ...
    def writelines(self, lines: Iterable[AnyStr], /) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> AnyStr: ...
    def next(self) -> AnyStr: ...
    def __bool__(self) -> bool: ...

class FileObjectPosix(_FileObjectBase[AnyStr]):
    default_bufsize: int
    fileio: io.RawIOBase | None
    @overload
    def __init__(
        self: FileObjectPosix[str],
        fobj: _File,
        mode: _TextMode = "r",
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectPosix[bytes],
        fobj: _File,
        mode: _BytesMode,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectPosix[Any],
        fobj: _File,
        mode: str,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...

class FileObjectThread(_FileObjectBase[AnyStr]):
    threadpool: ThreadPool
    lock: Semaphore | DummySemaphore
    @overload
    def __init__(
        self: FileObjectThread[str],
        fobj: _File,
        mode: _TextMode = "r",
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
        *,
        lock: bool | Semaphore | DummySemaphore = True,
        threadpool: ThreadPool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectThread[bytes],
        fobj: _File,
        mode: _BytesMode,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
        *,
        lock: bool | Semaphore | DummySemaphore = True,
        threadpool: ThreadPool | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectThread[Any],
        fobj: _File,
        mode: str,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
        *,
        lock: bool | Semaphore | DummySemaphore = True,
        threadpool: ThreadPool | None = None,
    ) -> None: ...

class FileObjectBlock(_FileObjectBase[AnyStr]):
    @overload
    def __init__(
        self: FileObjectBlock[str],
        fobj: _File,
        mode: _TextMode = "r",
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectBlock[bytes],
        fobj: _File,
        mode: _BytesMode,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: FileObjectBlock[Any],
        fobj: _File,
        mode: str,
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None: ...

# GEVENT_FILE may choose another of the three.
FileObject = FileObjectPosix
