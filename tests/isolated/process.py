"""Scripts in processes of their own: what a signal, a fork or an exit does to them."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60  # seconds: a process that takes longer hangs

BEGIN = """
import greencore.alias
greencore.alias.install()
import os, signal, sys, threading, time
sys.stdout.reconfigure(line_buffering=True)  # what was printed is there, whatever ends the process
import gevent, gevent.os, gevent.socket
from gevent import get_hub
from gevent.event import Event

def leave(*functions):
    # End a forked child: with code 0 if all of them return, with 1 and a traceback if one raises.
    code = 1
    try:
        for function in functions:
            function()
        code = 0
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
"""


class Process:
    """A running script, which says `ready` when it is to be dealt with."""

    def __init__(self, script, *options):
        command = [sys.executable, "-X", "faulthandler", "-W", "ignore::DeprecationWarning", *options]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        self.popen = subprocess.Popen(
            [*command, "-c", BEGIN + textwrap.dedent(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            start_new_session=True,
        )
        self.printed = ""

    def wait_for(self, line="ready"):
        """Read until the script prints `line`."""
        for printed in self.popen.stdout:
            self.printed += printed
            if printed.strip() == line:
                return
        raise AssertionError(self.end())

    def signal(self, number):
        self.popen.send_signal(number)

    def end(self):
        """Wait for the end; return (exit code, what it has printed, its errors)."""
        try:
            out, err = self.popen.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGABRT)  # for the traceback
            time.sleep(0.5)
            os.killpg(self.popen.pid, signal.SIGKILL)  # its children, too
            out, err = self.popen.communicate()
            raise AssertionError(f"it hangs: {out}\n{err}") from None
        return self.popen.returncode, self.printed + out, err


def run(script, *options):
    """Run a script to its end, which must be a success without a word on stderr; return what it printed."""
    code, out, err = Process(script, *options).end()
    assert (code, err) == (0, ""), f"{code}: {out}\n{err}"
    return out
