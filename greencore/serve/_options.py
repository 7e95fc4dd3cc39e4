"""What the command line says."""

import argparse
import os

EPILOG = """\
signals: TERM and INT stop it once requests are answered, HUP starts all workers anew with the application as it is then.
"""


def port_of(text):
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError(text)
    return port


def address(text):
    """Return (host, port) of "host:port", "[v6]:port", ":port" or "port"; a str of "unix:path"."""
    if text.startswith("unix:") and len(text) > 5:
        return text[5:]
    host, _, port = text.rpartition(":")
    try:
        return host.strip("[]") or ("" if ":" in text else "127.0.0.1"), port_of(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no address: host:port, or unix:path") from None


def positive(text):
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def path_of_page(text):
    if not text.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no path: it begins with /")
    return text


def parse(arguments):
    """Return the options, a namespace; ends the process with a message where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m greencore serve",
        description="Serve a WSGI application, or the files of a folder.",
        epilog=EPILOG,
    )
    parser.add_argument("what", metavar="MODULE:APPLICATION | FOLDER", help="what to serve")
    parser.add_argument("--bind", "-b", type=address, default=("127.0.0.1", 8080), metavar="ADDRESS",
                        help="where to listen: host:port or unix:path (127.0.0.1:8080)")  # fmt: skip
    parser.add_argument("--workers", "-w", type=positive, default=1, metavar="N", help="how many processes (1)")
    parser.add_argument("--reload", action="store_true", help="start the workers anew when a module's file changes")
    parser.add_argument("--access-log", metavar="FILE", help="where each request is logged; - is the standard output")
    parser.add_argument("--log-format", choices=("common", "json"), default="common", help="of the access log (common)")
    parser.add_argument(
        "--status", type=path_of_page, metavar="/PATH", help="the path of a page that shows how it goes"
    )
    parser.add_argument("--no-patch", action="store_true", help="leave the standard library as it is")
    parser.add_argument("--stop-timeout", type=float, default=30.0, metavar="SECONDS",
                        help="how long requests may go on when it is stopped (30)")  # fmt: skip
    options = parser.parse_args(arguments)
    if not os.path.isdir(options.what) and not options.what.partition(":")[2]:
        parser.error(f"{options.what!r} is neither a folder nor MODULE:APPLICATION")
    return options
