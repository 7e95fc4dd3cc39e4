"""Workers and servers in processes of their own; the counters by which tasks meet."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
LIMIT = 40  # seconds for anything to happen


class Process:
    """A command, run in this folder; its output is gathered."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(
            command, cwd=HERE, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        self.reader = threading.Thread(
            target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True
        )
        self.reader.start()

    @property
    def output(self):
        return "".join(self.lines)

    def wait_for(self, text, times=1):
        """Wait until the process has printed `text` so often."""
        until(lambda: self.output.count(text) >= times, lambda: f"no {text!r} in:\n{self.output}", self.is_running)

    def is_running(self):
        return self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Return the exit status."""
        status = self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        return status


def until(is_true, complaint, is_worth_it=lambda: True):
    """Look again and again until `is_true()`."""
    end = time.monotonic() + LIMIT
    while not is_true():
        if time.monotonic() > end or not is_worth_it():
            raise AssertionError(complaint())
        time.sleep(0.02)


@contextmanager
def running(*command, ready, **env):
    """Run a command of this environment's Python in the block, which begins when the command has printed `ready`."""
    process = Process([sys.executable, "-u", *command], env)
    try:
        process.wait_for(ready)
        yield process
    finally:
        if process.is_running():
            process.send(signal.SIGTERM)
            try:
                process.wait()
            except subprocess.TimeoutExpired:
                process.process.kill()
                raise


def script(name):
    """Return the path of a script that a package has installed."""
    return str(Path(sys.executable).parent / name)


def unique(name):
    """Return a name that no other run uses."""
    return f"greencore-{name}-{uuid.uuid4().hex[:10]}"


def meet(redis, key, count):
    """Wait until `count` calls with this key have come: what runs one after the other never gets on."""
    redis.incr(key)
    redis.expire(key, 600)
    until(lambda: int(redis.get(key)) >= count, lambda: f"only {redis.get(key)} of {count} came")
