"""The programs of the how-to pages run, and do what the pages say."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "examples" / "howto"
LIMIT = 60


def run(script, *arguments, status=0, before=("-m", "greencore")):
    """Return what a program writes: (output, errors)."""
    command = [sys.executable, *before, str(PROGRAMS / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout, done.stderr


@contextlib.contextmanager
def running(script):
    """A server that prints its port first: (process, port)."""
    command = [sys.executable, "-m", "greencore", str(PROGRAMS / script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture
def chat():
    with running("chat.py") as (_, port), contextlib.ExitStack() as stack:

        def come_in(name):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))
            file = stack.enter_context(sock.makefile("rw"))
            file.connection = sock
            file.write(f"{name}\n")
            file.flush()
            return file

        yield come_in


def test_chat(chat):
    ann = chat("Ann")
    assert ann.readline() == "* Ann comes in\n"
    bob = chat("Bob")
    assert [ann.readline(), bob.readline()] == ["* Bob comes in\n"] * 2
    ann.write("hello\n")
    ann.flush()
    assert [ann.readline(), bob.readline()] == ["Ann: hello\n"] * 2


def test_chat_knows_each_name_once(chat):
    assert chat("Ann").readline() == "* Ann comes in\n"
    assert chat("Ann").readline() == "This name is taken, or none.\n"
    assert chat("").readline() == "This name is taken, or none.\n"


def test_chat_puts_out_who_does_not_read(chat):
    ann, _bob = chat("Ann"), chat("Bob")
    while ann.readline() != "* Bob comes in\n":
        pass
    line = "x" * 900 + "\n"
    said = ""
    while said != "* Bob leaves\n":  # who takes nothing of what Ann says and hears
        ann.write(line)
        ann.flush()
        said = ann.readline()


def test_chat_hears_who_leaves(chat):
    ann, bob = chat("Ann"), chat("Bob")
    while ann.readline() != "* Bob comes in\n":
        pass
    bob.write("bye\n")
    bob.flush()
    assert ann.readline() == "Bob: bye\n"
    bob.connection.shutdown(socket.SHUT_WR)
    assert ann.readline() == "* Bob leaves\n"


SITE = {
    "/": '<a href="one.html">1</a> <a href="two.html#part">2</a> <a href="http://elsewhere.invalid/">away</a>',
    "/one.html": '<a href="/">top</a> <a href="nowhere.html">lost</a>',
    "/two.html": '<a href="one.html">1</a>',
}


@pytest.fixture
def site():
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path in SITE else 404)
            self.end_headers()
            self.wfile.write(SITE.get(self.path, "").encode())

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("places", [1, 10])
def test_crawl(site, places):
    output, _ = run("crawl.py", site, places)
    assert output.splitlines() == ["3 pages", f"{site}nowhere.html: HTTP Error 404: Not Found"]


def test_pipeline():
    assert run("pipeline.py") == ("20 results, the last one 361\n", "")


def test_periodic():
    output, errors = run("periodic.py")
    assert output.splitlines() == [*(f"tick {number}" for number in range(1, 6)), "stopped"]
    assert errors.count("Traceback") == 1 and "this call fails" in errors


def test_service_finishes_what_was_begun():
    with running("service.py") as (process, port):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(urlopen(f"http://127.0.0.1:{port}/a", timeout=LIMIT).read()))
        asking.start()
        assert process.stdout.readline() == "asked for /a\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read().splitlines() == ["stops", "worked on /a", "has stopped"]
        asking.join()
        assert answers == [b"done\n"] and process.wait(LIMIT) == 0


@pytest.mark.parametrize("how", ["as it is", "patched"])
def test_threaded(how):
    output, errors = run("threaded.py", before=() if how == "as it is" else ("-m", "gevent.monkey"))
    answers, threads = output.splitlines()
    assert answers == "200 answers, 100 of them to hello" and errors == ""
    native = int(threads.rpartition(" ")[2])
    assert native > 100 if how == "as it is" else native < 10


@pytest.mark.service("PostgreSQL")
def test_database():
    pytest.importorskip("pg8000")
    try:
        socket.create_connection(("127.0.0.1", 5432), 5).close()
    except OSError as error:
        pytest.skip(f"no PostgreSQL on port 5432: {error}")
    output, _ = run("database.py", "postgres", "test")
    found = re.fullmatch(r"100 answers, the last one 198, by (\d+) connections\n", output)
    assert found and int(found[1]) <= 10, output


def test_hang_deadlock():
    _, errors = run("hang.py", "deadlock", status=1)
    assert "LoopExit" in errors
    assert re.search(r"<Greenlet .*: transfer> in RLock.acquire of .*_owner=<Greenlet .*: audit>", errors)
    assert re.search(r"<Greenlet .*: audit> in RLock.acquire of .*_owner=<Greenlet .*: transfer>", errors)


def test_hang_signal():
    output, errors = run("hang.py", "signal")
    assert re.search(r'hang.py", line \d+, in transfer\n.*with journal:', output + errors)


def test_hang_busy():
    output, errors = run("hang.py", "busy")
    assert "appears to be blocked" in output + errors
    assert re.search(r'hang.py", line \d+, in compute', output + errors)


def test_profiled():
    output, errors = run("profiled.py")
    assert errors == ""
    assert re.search(r"^ +3 .* profiled.py:\d+", output, re.MULTILINE)
    assert "sleep" not in output  # waiting costs nothing


def test_every_program_is_on_a_page():
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("**/*.rst"))
    shown = set(re.findall(r"literalinclude:: (?:\.\./)+examples/howto/(\S+)", pages))
    assert shown == {path.name for path in PROGRAMS.glob("*.py")}
