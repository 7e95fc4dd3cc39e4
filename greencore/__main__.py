"""python -m greencore SCRIPT [ARGUMENTS]: run a script that was written for an older Python.

It runs as `__main__`, with `gevent` and `greenlet` meaning greencore, and finds what listings of that time take for
granted: the name `xrange`, and processes of `multiprocessing` that begin as forks.
"""

import multiprocessing
import os
import runpy
import sys

import greencore.alias


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: python -m greencore SCRIPT [ARGUMENTS]")
    del sys.argv[0]
    greencore.alias.install()
    multiprocessing.set_start_method("fork")
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], {"xrange": range}, "__main__")


if __name__ == "__main__":
    main()
