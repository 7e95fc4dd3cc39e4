"""Files: pipes and terminals that wait in the hub, and files that work in the thread pool."""

import gc
import io
import os
import pty
import warnings

import pytest

import gevent
from gevent import fileobject
from greencore._fileobjectcommon import FileObjectClosed, OpenDescriptor, WriteallMixin
from greencore._fileobjectposix import GreenFileDescriptorIO, GreenOpenDescriptor
from greencore.exceptions import ConcurrentObjectUseError
from greencore.socket import cancel_wait_ex

MIB = 1 << 20
CLASSES = [fileobject.FileObjectBlock, fileobject.FileObjectPosix, fileobject.FileObjectThread]
GREEN = CLASSES[1:]


def test_the_default_is_for_pipes():
    assert fileobject.FileObject is fileobject.FileObjectPosix


@pytest.mark.parametrize("cls", GREEN)
def test_reading_lets_others_run(cls, pipe):
    r, w = pipe

    def write():
        with cls(w, "wb", buffering=0) as file:
            for part in (b"one\n", b"two\n"):
                gevent.sleep(0.001)
                file.write(part)

    gevent.spawn(write)
    with cls(r, "rb") as file:
        assert file.readline() == b"one\n"
        assert list(file) == [b"two\n"]


def test_writing_lets_others_run(pipe):
    r, w = pipe
    data = os.urandom(MIB)
    received = bytearray()

    def read():
        with fileobject.FileObject(r, "rb", buffering=0) as file:
            while chunk := file.read(65536):
                received.extend(chunk)

    reader = gevent.spawn(read)
    with fileobject.FileObject(w, "wb") as file:
        file.write(data)
    reader.get(timeout=10)
    assert received == data


@pytest.mark.parametrize("cls", CLASSES)
def test_text(cls, tmp_path):
    path = tmp_path / "file"
    with cls(path, "w", encoding="utf-8", newline="\r\n") as file:
        assert file.write("stra\u00dfe\n") == 7
        file.writelines(["two\n", "three"])
    assert path.read_bytes() == "stra\u00dfe\r\ntwo\r\nthree".encode()
    with cls(path, encoding="utf-8") as file:
        assert [line for line in file] == ["stra\u00dfe\n", "two\n", "three"]


@pytest.mark.parametrize("cls", CLASSES)
def test_regular_file(cls, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with cls(path, "r+b") as file:
        assert file.seekable() and file.readable() and file.writable()
        assert file.seek(4) == 4 == file.tell()
        assert file.read(2) == b"45"
        file.seek(0)
        file.write(b"ab")
        file.flush()
        file.seek(8)
        file.truncate()
        assert file.name == str(path) or file.name == path
        buffer = bytearray(4)
        file.seek(0)
        assert file.readinto(buffer) == 4
        assert buffer == b"ab23"
    assert path.read_bytes() == b"ab234567"


@pytest.mark.parametrize("cls", CLASSES)
def test_use_after_close(cls, pipe):
    file = cls(pipe[1], "wb")
    name = file.name
    file.write(b"x")
    file.close()
    file.close()
    assert file.closed
    assert file.name == name
    for call in (lambda: file.write(b"x"), lambda: file.flush(), lambda: file.fileno()):
        with pytest.raises(FileObjectClosed):
            call()
    with pytest.raises(OSError):
        os.fstat(pipe[1])
    assert os.read(pipe[0], 10) == b"x"


@pytest.mark.parametrize("cls", CLASSES)
def test_closefd(cls, pipe):
    cls(pipe[0], "rb", closefd=False).close()
    cls(pipe[0], "rb", close=False).close()
    os.fstat(pipe[0])
    if cls is fileobject.FileObjectThread:
        return
    with open(pipe[0], "rb", closefd=False) as given:
        cls(given, "rb").close()
        assert given.closed


def test_dropped_file_flushes_and_closes(pipe):
    r, w = pipe
    file = fileobject.FileObject(w, "wb")
    file.write(b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del file
        gc.collect()
    assert os.read(r, 10) == b"x"
    with pytest.raises(OSError):
        os.fstat(w)


def test_closing_wakes_a_reader(pipe):
    file = fileobject.FileObject(pipe[0], "rb", buffering=0)
    reader = gevent.spawn(file.read, 1)
    gevent.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        file.read(1)
    file.close()
    with pytest.raises(cancel_wait_ex):
        reader.get(timeout=5)


def test_closing_ends_a_read_of_all(pipe):
    r, w = pipe
    os.write(w, b"so far")
    file = fileobject.FileObject(r, "rb", buffering=0)
    reader = gevent.spawn(file.read)
    gevent.sleep(0)
    file.close()
    assert reader.get(timeout=5) == b"so far"


def test_reader_gone(pipe):
    r, w = pipe
    file = fileobject.FileObject(w, "wb", buffering=0)
    os.close(r)
    with pytest.raises(BrokenPipeError):
        file.write(b"x")
    file.close()


def test_wrong_direction(pipe):
    with fileobject.FileObject(pipe[0], "rb", buffering=0) as reader:
        with pytest.raises(io.UnsupportedOperation):
            reader.write(b"x")
        assert not reader.seekable()
        with pytest.raises(OSError):
            reader.fileio.seek(0)
    with fileobject.FileObject(pipe[1], "wb", buffering=0) as writer:
        with pytest.raises(io.UnsupportedOperation):
            writer.read(1)


def test_terminal():
    leader, follower = pty.openpty()
    with fileobject.FileObject(leader, "rb", buffering=0) as left, fileobject.FileObject(follower, "w") as right:
        assert right.isatty()
        reader = gevent.spawn(left.readline)  # not a read(): a terminal may hand out a line in parts
        gevent.sleep(0)
        right.write("line\n")  # buffered by lines, being a terminal
        assert reader.get(timeout=5) == b"line\r\n"


def test_read1_and_mode(pipe):
    r, w = pipe
    with fileobject.FileObject(r, "rb", closefd=False) as reader:
        assert hasattr(reader, "read1")
        assert reader.mode == "rb"
    with fileobject.FileObject(r, "rt", closefd=False) as reader:
        assert not hasattr(reader, "read1")
        assert reader.mode == "rt"


def test_atomic_write(pipe):
    r, w = pipe
    file = GreenOpenDescriptor(w, "wb", buffering=0, atomic_write=True).opened()
    assert isinstance(file, WriteallMixin) and isinstance(file, GreenFileDescriptorIO)
    writer = gevent.spawn(file.write, b"x" * MIB)
    received = 0
    with fileobject.FileObject(r, "rb", buffering=0) as reader:
        while received < MIB:
            received += len(reader.read(MIB))
    assert writer.get(timeout=5) == MIB
    file.close()


def test_what_a_file_object_wraps_can_be_replaced():
    file = fileobject.FileObjectBlock(io.open(os.devnull, "rb"), "rb")
    assert file.read() == b""
    file.io.close()
    file.io = io.BytesIO(b"other")
    assert file.read() == b"other"
    file.close()


def test_thread_needs_a_lock_or_none(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with pytest.raises(TypeError):
        fileobject.FileObjectThread(path, "rb", lock=5)
    with fileobject.FileObjectThread(path, "rb", lock=False) as file:
        assert file.read() == b"x"


@pytest.mark.parametrize("cls", [OpenDescriptor, GreenOpenDescriptor])
@pytest.mark.parametrize(
    "kwargs, error, words",
    [
        ({"mode": 42}, TypeError, "mode"),
        ({"buffering": "x"}, TypeError, "buffering"),
        ({"encoding": 42}, TypeError, "encoding"),
        ({"errors": 42}, TypeError, "errors"),
        ({"mode": "aoeug"}, ValueError, "mode"),
        ({"mode": "rr"}, ValueError, "mode"),
        ({"mode": "wU"}, ValueError, "mode U cannot be combined"),
        ({"mode": "rtb"}, ValueError, "text and binary"),
        ({"mode": "rw"}, ValueError, "append mode at once"),
        ({"mode": "+"}, ValueError, "exactly one"),
        ({"mode": "rb", "encoding": "ascii"}, ValueError, "take an encoding"),
        ({"mode": "rb", "newline": "\n"}, ValueError, "take a newline"),
        ({"buffering": 1, "bufsize": 1}, TypeError, "both"),
        ({"closefd": True, "close": True}, TypeError, "both"),
    ],
)
def test_arguments_are_checked(cls, kwargs, error, words):
    with pytest.raises(error, match=words):
        cls(0, **kwargs)


def test_bad_descriptor(pipe):
    os.close(pipe[0])
    with pytest.raises(OSError, match="Bad file descriptor"):
        fileobject.FileObject(pipe[0], "rb")
    with pytest.raises(TypeError):
        fileobject.FileObject(1.5)
    with pytest.raises(FileNotFoundError):
        fileobject.FileObject("/nowhere/at/all")


def test_the_pool_that_is_given_is_used_though_it_is_idle(tmp_path):
    pool = gevent.threadpool.ThreadPool(1)
    with fileobject.FileObjectThread(str(tmp_path / "file"), "w", threadpool=pool) as file:
        assert file.threadpool is pool
    pool.kill()
