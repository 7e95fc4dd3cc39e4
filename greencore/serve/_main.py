"""The command `serve`."""

import sys

import greencore.alias
from greencore.serve._master import Master
from greencore.serve._options import parse


def main(arguments):
    """Serve what the command line says. Returns the exit status."""
    options = parse(arguments)
    greencore.alias.install()
    try:
        master = Master(options)
    except OSError as error:
        print(f"greencore serve: {options.bind}: {error}", file=sys.stderr)
        return 1
    return master.run()
