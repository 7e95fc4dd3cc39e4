"""The process that starts the workers and keeps them running. It has no hub: it only waits for signals and children."""

import os
import signal
import socket
import sys
import time
import traceback

from greencore.serve import _worker as worker
from greencore.serve._statistics import Meter, Statistics
from greencore.serve._status import line

HEEDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
SHORT_LIFE = 1.0  # seconds: a worker that ends sooner is not replaced at once


def open_listener(address, shared):
    """Return a bound socket. shared: others will be bound to the same port, and the kernel spreads clients over them."""
    if isinstance(address, str):
        listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(address) and not os.path.isfile(address):
            os.unlink(address)  # the socket of a server that was killed
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    return listener


class Master:
    """Runs `options.workers` workers until a signal says to stop."""

    def __init__(self, options):
        self.options = options
        self.statistics = Statistics(options.workers)
        # Unless workers share a port, the listener is the master's: a new worker finds the clients that wait.
        self.shared = options.workers > 1 and not isinstance(options.bind, str)
        self.listener = open_listener(options.bind, self.shared)
        self.address = self.listener.getsockname()
        if not self.shared:
            self.listener.listen(1024)
        self.children = {}  # pid: (number, when it was started)
        self.due = dict.fromkeys(range(options.workers), 0.0)  # numbers without a child: when to start it
        self.stopping = False
        self.status = 0

    def run(self):
        """Run until all workers have ended. Return the exit status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HEEDED)
        self.say(
            f"serving {self.options.what} at {self.name()} with {self.options.workers} worker(s), process {os.getpid()}"
        )
        meter = Meter(self.statistics)
        shows = sys.stderr.isatty() and self.options.access_log != "-"
        while self.children or not self.stopping:
            self.start_due()
            info = signal.sigtimedwait(HEEDED, 1.0)
            if info is None:
                if shows:
                    self.show(line(meter.take()))
            elif info.si_signo == signal.SIGHUP:
                self.tell(signal.SIGTERM)
            elif info.si_signo != signal.SIGCHLD:
                self.stop()
            self.reap()
        if isinstance(self.address, str):
            os.unlink(self.address)
        return self.status

    def name(self):
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        host, port = self.address[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def say(self, text):
        print(f"greencore serve: {text}", file=sys.stderr, flush=True)

    def show(self, text):
        width = os.get_terminal_size(sys.stderr.fileno()).columns
        print(f"\r{text[: width - 1]}\x1b[K", end="", file=sys.stderr, flush=True)

    def start_due(self):
        now = time.monotonic()
        for number, when in list(self.due.items()):
            if when <= now and not self.stopping:
                del self.due[number]
                self.start(number)

    def start(self, number):
        pid = os.fork()
        if pid:
            self.children[pid] = number, time.monotonic()
            return
        status = 1
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEEDED)
            listener = self.listener
            if self.shared:
                listener = open_listener(self.address[:2], True)
                listener.listen(1024)
            worker.run(self.options, listener, number, self.statistics)
        except SystemExit as end:
            status = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def reap(self):
        """Replace the workers that have ended."""
        while self.children:
            pid, raw = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            number, started = self.children.pop(pid)
            status = os.waitstatus_to_exitcode(raw)
            if self.stopping:
                continue
            if status == worker.NO_APPLICATION:
                self.status = 1
                self.stop()
                continue
            if status not in (worker.WELL, worker.CHANGED):
                self.say(f"worker {number} (process {pid}) ended with {status}; another one is started")
            early = time.monotonic() - started < SHORT_LIFE and status not in (worker.WELL, worker.CHANGED)
            self.due[number] = time.monotonic() + SHORT_LIFE if early else 0.0

    def tell(self, signum):
        for pid in self.children:
            os.kill(pid, signum)

    def stop(self):
        """Let the workers finish. A second call kills them."""
        self.tell(signal.SIGKILL if self.stopping else signal.SIGTERM)
        self.stopping = True
