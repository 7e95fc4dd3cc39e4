"""Names that dependents import from `gevent._compat`, on the Pythons and the system that we run on."""

import sys
from _imp import acquire_lock as imp_acquire_lock, release_lock as imp_release_lock
from abc import ABC
from io import StringIO as NativeStrIO
from os import PathLike, fsdecode, fsencode, fspath
from time import get_clock_info, monotonic, perf_counter

from greencore._base.tools import reraise
from greencore._monitor import get_this_psutil_process

PY311 = sys.version_info >= (3, 11)
PY312 = sys.version_info >= (3, 12)
PY313 = sys.version_info >= (3, 13)
PY314 = sys.version_info >= (3, 14)
PY315 = sys.version_info >= (3, 15)
PYPY = False
WIN = False
LINUX = sys.platform.startswith("linux")
OSX = MAC = sys.platform == "darwin"
PURE_PYTHON = GLOBAL_PURE_PYTHON = False

string_types = (str,)
integer_types = (int,)
text_type = str
native_path_types = (str, bytes)
hostname_types = (str, bytes, bytearray)
thread_mod_name = "_thread"

iteritems = dict.items
itervalues = dict.values
xrange = range
izip = zip
_fspath = fspath


def pure_python_module(name):
    """Whether the module avoids C: no module does."""
    return False


def exc_clear():
    """Do nothing: an exception that was handled is forgotten anyhow."""
