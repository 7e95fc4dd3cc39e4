"""Run a piece of code, or a script of this folder, in an interpreter of its own, where `gevent` is greencore."""

import subprocess
import sys
import textwrap
from pathlib import Path

FOLDER = Path(__file__).parent
LIMIT = 60  # seconds; a hang is a failure


def run_code(code, patched=True):
    """Return (exit status, what it wrote) of `code`, run after everything was patched unless told otherwise."""
    # Lines are written as they are printed, whatever ends the process.
    head = "import sys; sys.stdout.reconfigure(line_buffering=True)\n"
    head += "import greencore.alias\ngreencore.alias.install()\n"
    if patched:
        head += "from gevent import monkey\nmonkey.patch_all()\n"
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    return done.returncode, done.stdout


def check_code(code, expected, patched=True):
    """Assert that `code` ends with status 0, having written `expected` (lines, stripped)."""
    status, output = run_code(code, patched)
    assert (status, output.strip()) == (0, textwrap.dedent(expected).strip()), f"status {status}:\n{output}"


def run_script(name, *args, prefix=()):
    """Run a script of this folder, after the words of `prefix`. Return its output; a failure is an AssertionError."""
    command = [*prefix, sys.executable, "-X", "faulthandler", str(FOLDER / name), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
