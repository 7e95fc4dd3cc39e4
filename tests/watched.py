"""A child process that is given up when it does nothing for too long."""

import os
import signal
import subprocess
import time


def run_watched(command, events, limit, **how):
    """Run `command` until it ends, or the file `events` has not changed for `limit` seconds.

    Return the exit status, or None if it was given up. What it has started ends with it. `how`: more for Popen.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True, **how
    )
    try:
        last, since = None, time.monotonic()
        while time.monotonic() - since < limit:
            try:
                return process.wait(1)
            except subprocess.TimeoutExpired:
                now = events.stat().st_size if events.exists() else 0
                if now != last:
                    last, since = now, time.monotonic()
        return None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
