"""What every test gets: the names gevent and greenlet, here and in the interpreters that tests start; an end, should
it hang; the rule for missing servers; and fixtures that several files use."""

import faulthandler
import os
import signal
import sysconfig
from pathlib import Path

import pytest

import _greencore_alias

ROOT = Path(__file__).resolve().parent.parent
collect_ignore = ["dependents", "stdlib"]  # not ours: a run.py there runs them
REQUIRE_SERVICES = os.environ.get("GREENCORE_REQUIRE_SERVICES", "0") not in ("", "0")

# Seconds until a test that hangs ends the run with a traceback of all threads.
LIMIT = 120
SLOW_LIMIT = 900

_greencore_alias.install()
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), str(ROOT / "tests" / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
)

# Programs that tests start print as they do for anybody, whatever the developer prefers.
os.environ.pop("PYTHONUNBUFFERED", None)

# A shell ignores them for what it runs in the background, and what is ignored is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

if sysconfig.get_config_var("Py_GIL_DISABLED"):
    # Or each program that tests start would be warned that the import turns the lock on.
    os.environ.setdefault("PYTHON_GIL", "1")


def pytest_configure(config):
    # Output is not captured yet: this is where a traceback will be seen.
    config.greencore_stderr = os.dup(2)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    limit = SLOW_LIMIT if item.get_closest_marker("slow") else LIMIT
    faulthandler.dump_traceback_later(limit, exit=True, file=item.config.greencore_stderr)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_SERVICES and report.skipped and item.get_closest_marker("service"):
        report.outcome = "failed"
        report.longrepr = f"a needed server is missing: {call.excinfo.value}"


@pytest.fixture
def log():
    return []


@pytest.fixture
def quiet(monkeypatch):
    """Errors that are meant to be are not reported to the hub."""
    import gevent

    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *args: None, raising=False)


@pytest.fixture
def no_tracebacks():
    """Errors that are meant to be are reported, but not printed."""
    import gevent

    gevent.get_hub().exception_stream = None
    yield
    del gevent.get_hub().exception_stream


@pytest.fixture
def pipe():
    """The descriptors of a pipe: to read from, to write to."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


@pytest.fixture
def pair():
    """Two connected sockets."""
    from gevent import socket

    a, b = socket.socketpair()
    with a, b:
        yield a, b


@pytest.fixture
def listener():
    """A listening socket on the loopback interface."""
    from gevent import socket

    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def tcp(listener):
    """Two sockets connected by TCP: the client's, the server's."""
    from gevent import socket

    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    with client, server:
        yield client, server
