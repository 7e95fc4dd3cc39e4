"""Files on non-blocking descriptors: pipes, terminals, sockets."""

import io
import os

from greencore._core import Readiness, cancel_wait_ex
from greencore._fileobjectcommon import FileObjectBase, OpenDescriptor, WriteIsWriteallMixin

__all__ = ["FileObjectPosix"]


class GreenFileDescriptorIO(io.RawIOBase):
    """A raw file on a descriptor, which is made non-blocking: reads and writes wait in the hub."""

    def __init__(self, fileno, open_descriptor, closefd=True):
        super().__init__()
        self._fileno = -1
        self._keep_alive = None  # the file that owns the descriptor, and is closed with this one
        self._owner = None  # a file that owns the descriptor, and stays open
        self._readable = open_descriptor.can_read
        self._writable = open_descriptor.can_write
        self._closefd = closefd
        self.name = fileno
        self.mode = open_descriptor.mode
        os.set_blocking(fileno, False)
        self._readiness = Readiness(fileno)
        self._fileno = fileno

    def readable(self):
        return self._readable

    def writable(self):
        return self._writable

    def seekable(self):
        try:
            os.lseek(self._fileno, 0, os.SEEK_CUR)
        except OSError:
            return False
        return True

    def fileno(self):
        return self._fileno

    def isatty(self):
        return os.isatty(self._fileno)

    @property
    def closed(self):
        return self._fileno < 0

    def close(self):
        if self._fileno < 0:
            return
        self.flush()
        fileno, owner = self._fileno, self._keep_alive
        self._fileno = -1
        self._keep_alive = None
        self._readiness.close()
        try:
            if self._closefd:
                os.close(fileno)
        finally:
            if hasattr(owner, "close"):
                owner.close()

    def readinto(self, buffer):
        if not self._readable:
            raise io.UnsupportedOperation("read")
        while True:
            try:
                return os.readv(self._fileno, (buffer,))
            except BlockingIOError:
                self._readiness.wait_read()

    def readall(self):
        chunks = []
        try:
            while chunk := self.read(io.DEFAULT_BUFFER_SIZE):
                chunks.append(chunk)
        except cancel_wait_ex:
            pass  # closed meanwhile: what there is counts, as for a buffered file
        return b"".join(chunks)

    def write(self, data):
        if not self._writable:
            raise io.UnsupportedOperation("write")
        while True:
            try:
                return os.write(self._fileno, data)
            except BlockingIOError:
                self._readiness.wait_write()

    def seek(self, offset, whence=os.SEEK_SET):
        return os.lseek(self._fileno, offset, whence)

    def truncate(self, size=None):
        if size is None:
            size = self.tell()
        os.ftruncate(self._fileno, size)
        return size

    def __repr__(self):
        return f"<{type(self).__name__} at {id(self):#x} fileno={self._fileno} mode={self.mode!r}>"


class GreenFileDescriptorIOWriteall(WriteIsWriteallMixin, GreenFileDescriptorIO):
    """A GreenFileDescriptorIO whose write() writes everything."""


class GreenOpenDescriptor(OpenDescriptor):
    """An OpenDescriptor that opens a GreenFileDescriptorIO."""

    def _open_raw(self):
        cls = GreenFileDescriptorIOWriteall if self._writes_all() else GreenFileDescriptorIO
        if self.is_fd():
            return cls(self._fobj, self, closefd=self.closefd)
        # The file that was given, or is opened here, owns the descriptor.
        owner = self._fobj if hasattr(self._fobj, "fileno") else io.FileIO(self._fobj, self.fileio_mode)
        raw = cls(owner.fileno(), self, closefd=False)
        if self.closefd:
            raw._keep_alive = owner
        else:
            raw._owner = owner
        if hasattr(owner, "name"):
            raw.name = owner.name
        else:
            del raw.name
        return raw


class FileObjectPosix(FileObjectBase):
    """A file object for what can be waited for: pipes, terminals, sockets. All arguments are open()'s.

    Regular files can be used, but reading from a slow disk blocks every greenlet: see FileObjectThread. `fileio` is the
    raw file.
    """

    default_bufsize = io.DEFAULT_BUFFER_SIZE

    def __init__(self, *args, **kwargs):
        descriptor = GreenOpenDescriptor(*args, **kwargs)
        super().__init__(descriptor)
        self.fileio = descriptor.opened_raw()

    def _do_close(self, stream, closefd):
        try:
            stream.close()
            self.fileio.close()
        finally:
            self.fileio = None
