"""Files whose reads and writes let other greenlets run.

`FileObject(fobj, mode="r", buffering=-1, closefd=True, encoding=None, errors=None, newline=None)` has the arguments of
open(), where fobj is a path, a descriptor or an object with fileno(). It is one of three classes, which the setting
`greencore.config.fileobject` (the environment's GEVENT_FILE: "posix", "thread", "block") chooses when this module is
first imported:

- `FileObjectPosix`, the default, makes the descriptor non-blocking and waits in the hub: for pipes, terminals, sockets;
- `FileObjectThread` works in the thread pool: for regular files on slow disks;
- `FileObjectBlock` blocks.
"""

from greencore._base.config import config
from greencore._fileobjectcommon import FileObjectBlock, FileObjectThread
from greencore._fileobjectposix import FileObjectPosix

__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]

FileObject = config.fileobject
