"""hang.py KIND: a program that hangs, and what it says of that. The kinds: deadlock, signal, busy."""

import os
import signal
import sys
import time

import gevent
import gevent.util
from gevent.lock import RLock

accounts, journal = RLock(), RLock()


def transfer():
    with accounts:
        gevent.sleep(0)  # others run
        with journal:
            pass


def audit():
    with journal:
        gevent.sleep(0)
        with accounts:
            pass


def deadlock():
    """Each has what the other waits for. Nothing is left that could end this: LoopExit lists who waits for what."""
    gevent.joinall([gevent.spawn(transfer), gevent.spawn(audit)])


def on_signal():
    """The same where a server keeps the loop busy, so that no LoopExit comes: a signal asks how things are."""
    signal.signal(signal.SIGUSR1, lambda number, frame: gevent.util.print_run_info())
    waiting = [gevent.spawn(transfer), gevent.spawn(audit)]
    gevent.spawn_later(0.1, os.kill, os.getpid(), signal.SIGUSR1)
    gevent.joinall(waiting, timeout=0.2)


def compute():
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        pass


def busy():
    """One greenlet runs and runs. The monitoring thread says where it is."""
    gevent.config.max_blocking_time = 0.1
    gevent.config.monitor_thread = True
    gevent.get_hub().start_periodic_monitoring_thread()
    gevent.spawn(compute).join()
    gevent.sleep(0.2)  # The interpreter aborts if it ends while another thread writes: let the last report be written.


if __name__ == "__main__":
    {"deadlock": deadlock, "signal": on_signal, "busy": busy}[sys.argv[1]]()
