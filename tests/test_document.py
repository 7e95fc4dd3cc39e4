"""Every listing of the document that greencore follows, unchanged, in an interpreter of its own.

`GREENCORE_DOCUMENT` names the document, a text in which a listing is a column of line numbers followed by as many
lines: code, and what it printed. All listings run at once, since most of what they do is sleep.
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

DOCUMENT = os.environ.get("GREENCORE_DOCUMENT")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(DOCUMENT is None, reason="GREENCORE_DOCUMENT does not name the document"),
]

# The listings in order, and how many lines at the end of each are what it printed.
PRINTED = {
    "imports": 0,
    "determinism": 2,
    "select": 5,
    "spawn": 3,
    "subclass": 1,
    "state": 0,
    "shutdown": 0,
    "launcher": 0,
    "timeout": 0,
    "timeout_with": 0,
    "event": 12,
    "async_result": 2,
    "queue": 27,
    "bounded_queue": 24,
}
INTERACTIVE = {"shutdown", "launcher"}


def listings(text):
    """Return the blocks of numbered lines: each a list of lines."""
    lines = iter(text.splitlines())
    found = []
    count = 0
    for line in lines:
        if line.strip() == str(count + 1):
            count += 1
        elif count:
            found.append([line, *(next(lines) for _ in range(count - 1))])
            count = 0
    return found


@pytest.fixture(scope="session")
def document():
    """The listings by name: (code, lines printed)."""
    found = listings(Path(DOCUMENT).read_text())
    assert len(found) == len(PRINTED)
    return {
        name: ("\n".join(lines[: len(lines) - count]) + "\n", lines[len(lines) - count :])
        for (name, count), lines in zip(PRINTED.items(), found)
    }


def start(script, *options):
    return subprocess.Popen(
        [sys.executable, "-u", *options, "-m", "greencore", str(script)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def finish(process, timeout=60):
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        pytest.fail(f"still running after {timeout} s; printed {out!r} {err!r}")
    return out.splitlines(), err, process.returncode


@pytest.fixture(scope="session")
def running(document, tmp_path_factory):
    """All listings that end by themselves, started."""
    folder = tmp_path_factory.mktemp("listings")
    processes = {}
    for name, (code, _) in document.items():
        script = folder / f"listing_{name}.py"
        script.write_text(code)
        if name not in INTERACTIVE:
            processes[name] = start(script)
    yield processes
    for process in processes.values():
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def result(running, request):
    """(lines printed, standard error, exit status) of the listing that the test is named after."""
    return finish(running[request.node.name.removeprefix("test_")])


@pytest.fixture
def printed(document, request):
    return document[request.node.name.removeprefix("test_")][1]


def test_every_listing_has_a_test():
    assert {f"test_{name}" for name in PRINTED} <= set(globals())


def test_imports(result):
    assert result == ([], "", 0)


def test_determinism(result, printed):
    lines, err, status = result
    assert printed == ["False", "True"]
    # The first answer is of processes that race: it may come out either way.
    assert lines[1:] == ["True"] and lines[0] in ("True", "False"), err
    assert status == 0


def test_select(result, printed):
    lines, err, status = result
    assert status == 0, err

    def untimed(line):
        return re.sub(r"at \d+\.\d seconds", "at ... seconds", line)

    # The document leaves out what the third greenlet prints last.
    assert [untimed(line) for line in lines if line != "gr3 fin"] == [untimed(line) for line in printed]
    assert lines.index("gr3 fin") == 3
    # Both selects wait at once: two seconds in all, not four.
    assert all(2.0 <= float(line.split()[-2]) < 4.0 for line in lines[4:])


def test_spawn(result, printed):
    lines, err, status = result
    assert status == 0, err
    # "6" is the value of the third greenlet, which the script itself does not print.
    assert ["6", *lines] == printed


def test_subclass(result, printed):
    assert result == (printed, "", 0)


def test_state(result):
    lines, err, status = result
    assert status == 0
    assert lines == [
        "True", "True", "You win!", "None", "True", "True", "True", "False", "You fail at failing.",
    ]
    assert "Exception: You fail at failing." in err


def catches(process, number):
    """Wait until the process has a handler for the signal."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        mask = int(status.read_text().split("SigCgt:")[1].split()[0], 16)
        if mask & 1 << (number - 1):
            return
        time.sleep(0.01)
    pytest.fail(f"ended at once: {process.communicate()}")


@pytest.mark.parametrize("handler", ["kill", "shutdown"])
def test_shutdown(document, tmp_path, handler):
    """SIGQUIT ends the program in order: by the line that is there, and by the one that is commented out."""
    code = document["shutdown"][0]
    lines = code.splitlines()
    assert "    # gevent.signal(signal.SIGQUIT, gevent.shutdown)" in lines
    assert "    gevent.signal(signal.SIGQUIT, gevent.kill)" in lines
    script = tmp_path / "listing_shutdown.py"
    if handler == "shutdown":
        code = code.replace("gevent.kill", "gevent.shutdown")
    script.write_text(code)
    process = start(script)
    catches(process, signal.SIGQUIT)
    process.send_signal(signal.SIGQUIT)
    assert finish(process) == ([], "", 0)


def test_launcher(document, tmp_path):
    """A fragment: the names that it takes from elsewhere are given to it."""
    (tmp_path / "launcher.py").write_text(document["launcher"][0])
    driver = tmp_path / "driver.py"
    driver.write_text(textwrap.dedent("""
        import gevent, gevent.signal, os, runpy, signal, threading
        from types import SimpleNamespace

        class ArgumentParser:
            def add_argument(self, *names, **options):
                assert names == ("--start",)
            def parse_args(self):
                return SimpleNamespace(start=True)

        class Launcher:
            def setup_procmanager(self):
                print("set up in", threading.current_thread().name)
            def start_proc_manager(self):
                gevent.spawn_later(0.01, os.kill, os.getpid(), signal.SIGTERM)
            def shutdown(self):
                print("shut down")

        def sig_handler(number, frame):
            print("signal", number)
            raise KeyboardInterrupt

        runpy.run_path("launcher.py", dict(globals()), "__main__")
    """))
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "greencore", str(driver)], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    lines, err, status = finish(process)
    assert status == 0, err
    assert lines == [
        "set up in something", f"signal {int(signal.SIGTERM)}", "Shutdown requested. Exiting...", "shut down",
    ]


def test_timeout(result):
    assert result == (["Could not complete"], "", 0)


def test_timeout_with(result):
    lines, err, status = result
    assert (lines, status) == ([], 1)
    assert err.splitlines()[-1].removeprefix("__main__.") == "TooLong"  # CPython 3.10 names the module


def test_event(result, printed):
    assert result == (printed, "", 0)


def test_async_result(result, printed):
    assert result == (printed, "", 0)


def test_queue(result, printed):
    assert result == (printed, "", 0)


def test_bounded_queue(result, printed):
    assert result == (printed, "", 0)
