"""python -m greencore SCRIPT [ARGUMENTS]: run a script that was written for an older Python; `serve`: be a web server.

A script runs as `__main__`, with `gevent` and `greenlet` meaning greencore, and finds what listings of that time take for
granted: the name `xrange`, and processes of `multiprocessing` that begin as forks.
"""

import multiprocessing
import os
import runpy
import sys

import greencore
import greencore.alias
from greencore._base.tools import why_not_run

USAGE = """\
usage: python -m greencore SCRIPT [ARGUMENTS]
       python -m greencore serve MODULE:APPLICATION | FOLDER [OPTIONS]

Runs a script, or a folder or zip archive with a __main__.py, that was written for an older Python. `gevent` and
`greenlet` mean greencore in it.

`serve` serves a WSGI application, or the files of a folder; `serve --help` has its options.

  -h, --help   print this
  --version    print the version of greencore"""


def run_script(arguments):
    """Run the script `arguments[0]` as `__main__`, with `arguments` for `sys.argv`."""
    sys.argv[:] = arguments
    greencore.alias.install()
    multiprocessing.set_start_method("fork")
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], {"xrange": range}, "__main__")


def main(arguments):
    """Do what the command line asks. Returns the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE)
    elif arguments[:1] == ["--version"]:
        print(f"greencore {greencore.__version__}")
    elif arguments[:1] == ["serve"]:
        from greencore.serve._main import main as serve

        return serve(arguments[1:])
    elif not arguments or arguments[0].startswith("-"):
        print(
            USAGE if not arguments else f"python -m greencore: no option {arguments[0]!r}\n\n{USAGE}", file=sys.stderr
        )
        return 2
    elif fault := why_not_run(arguments[0]):
        print(f"python -m greencore: {fault}", file=sys.stderr)
        return 2
    else:
        run_script(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
