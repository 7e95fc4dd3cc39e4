"""A worker: a process that serves until it is told to stop, or a module's file changes."""

import os
import signal
import sys
import time
import traceback

import greencore
from greencore._core import count_greenlets
from greencore._wsgi.application import NoApplicationError
from greencore.pool import Pool
from greencore.pywsgi import WSGIHandler, WSGIServer
from greencore.serve._application import load
from greencore.serve._log import FORMATS, open_log
from greencore.serve._statistics import FIELDS, bucket
from greencore.serve._status import StatusPage

# How a worker ends: well; with an application that can't be loaded; to be started anew.
WELL, NO_APPLICATION, CHANGED = 0, 3, 4
CLOCK_STEP = 20_000_000  # ns by which the clock of files may be behind
LOOK_EVERY = 0.5  # seconds: at files, at the loop's lag
REQUESTS, FAILURES, CONNECTIONS, ACTIVE, GREENLETS, LAG = range(1, 7)
LATENCIES = len(FIELDS)


def module_files(more):
    """Return the modules' files and `more`, with the times of their last change."""
    names = {getattr(module, "__file__", None) for module in list(sys.modules.values())} | more
    return {name: os.stat(name).st_mtime_ns for name in names if name and os.path.exists(name)}


def files_of(error):
    """Return the files that an exception has come through: a module whose import failed is not in `sys.modules`."""
    names = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    return names | {getattr(error, "filename", None)}


def watch_files(on_change, began, more=frozenset()):
    """Call on_change() once a module's file, or one of `more`, is not as it was when the worker began (ns since the epoch)."""
    master = os.getppid()
    known = {name: 0 if changed > began - CLOCK_STEP else changed for name, changed in module_files(more).items()}
    while True:
        greencore.sleep(LOOK_EVERY)
        if os.getppid() != master:
            return on_change()
        now = module_files(more)
        if any(now.get(name) != changed for name, changed in known.items()):
            return on_change()
        known.update(now)


def watch_loop(server, part, on_orphaned):
    """Keep those statistics up to date that change without requests. Call on_orphaned() once the master is gone."""
    master = os.getppid()
    while os.getppid() == master:
        planned = time.monotonic() + LOOK_EVERY
        greencore.sleep(LOOK_EVERY)
        part[LAG] = max(int((time.monotonic() - planned) * 1e6), 0)
        part[GREENLETS] = count_greenlets()
        part[CONNECTIONS] = server.counters["connections"]
        part[ACTIVE] = server.counters["active"]
    on_orphaned()


def make_handler(part, log, form):
    """Return the class of the connections' handlers, which counts requests and logs them."""

    class Handler(WSGIHandler):
        def log_request(self):
            part[REQUESTS] += 1
            part[FAILURES] += (self.code or 0) >= 500
            part[LATENCIES + bucket(self.time_finish - self.time_start)] += 1
            if log is not None:
                log.write(form(self))

    return Handler


def find_application(options, began):
    """Return the application. One that can't be loaded ends the worker, with --reload once its files have changed."""
    try:
        return load(options.what)
    except NoApplicationError as error:
        print(f"greencore serve: {error}", file=sys.stderr)
        files = frozenset()
    except Exception as error:  # the user's module may raise anything
        traceback.print_exc()
        files = files_of(error)
    if options.reload:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        watch_files(lambda: sys.exit(CHANGED), began, files)
    sys.exit(NO_APPLICATION)


def run(options, listener, number, statistics):
    """Serve. Ends the process by SystemExit."""
    began = time.time_ns()
    if not options.no_patch:
        from greencore import monkey

        monkey.patch_all()
    part = statistics.part(number)
    part[0] = os.getpid()
    application = find_application(options, began)
    if options.status:
        application = StatusPage(application, options.status, statistics)
    log = open_log(options.access_log) if options.access_log else None
    server = WSGIServer(
        greencore.socket.socket(fileno=listener.detach()), application, log=None,
        spawn=Pool(),  # without a limit; stop() waits for its greenlets
        handler_class=make_handler(part, log, FORMATS[options.log_format]),
        environ={"wsgi.multiprocess": statistics.workers > 1},
    )  # fmt: skip
    done = greencore.event.Event()
    status = [WELL]

    def change():
        status[0] = CHANGED
        done.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        greencore.signal_handler(number, done.set)
    server.start()
    greencore.spawn(watch_loop, server, part, done.set)
    if options.reload:
        greencore.spawn(watch_files, change, began)
    done.wait()
    server.stop(options.stop_timeout)
    sys.exit(status[0])
