"""`python -m greencore serve`: its files, its options, its log, and its processes."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from greencore.serve import _log, _options, _statistics, _status
from greencore.serve._files import Files

MTIME = 1_000_000_000  # Sun, 09 Sep 2001 01:46:40 GMT
DATE, EARLIER = "Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001 01:46:39 GMT"


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "empty").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (root / "ten.txt").write_text("0123456789")
    (root / "none.txt").write_text("")
    (root / "sub" / "index.html").write_text("<p>index")
    (root / ".hidden").write_text("hidden")
    (root / "<&>.txt").write_text("odd")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path)
    (root / "in.txt").symlink_to(root / "ten.txt")
    os.mkfifo(root / "fifo")
    os.utime(root / "ten.txt", (MTIME, MTIME))
    return root


def ask(folder, path, method="GET", **fields):
    """(status, headers, body) of one request."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "wsgi.file_wrapper": lambda file: [file.read()],
    }
    environ.update({f"HTTP_{name.upper()}": value for name, value in fields.items()})
    said = []
    result = Files(folder)(environ, lambda status, headers: said.append((status, dict(headers))))
    body = b"".join(result)
    if hasattr(result, "close"):
        result.close()
    return int(said[0][0][:3]), said[0][1], body


def test_a_file(folder):
    status, headers, body = ask(folder, "/ten.txt")
    assert (status, body) == (200, b"0123456789")
    assert headers["Content-Length"] == "10" and headers["Content-Type"] == "text/plain"
    assert headers["Last-Modified"] == DATE
    assert ask(folder, "/ten.txt", "HEAD") == (200, headers, b"")
    assert ask(folder, "/in.txt")[2] == b"0123456789"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/../secret.txt", "/sub/../../secret.txt", "/out.txt", "/out/secret.txt", "/.hidden", "/fifo", "/ten.txt\0", "/\xff"],
)  # fmt: skip
def test_what_is_not_there(folder, path):
    assert ask(folder, path)[0] == 404


def test_other_methods(folder):
    status, headers, _ = ask(folder, "/ten.txt", "POST")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_folders(folder):
    assert ask(folder, "/sub/")[2] == b"<p>index"
    assert ask(folder, "/sub")[:2][1]["Location"] == "/sub/"
    status, _, page = ask(folder, "/")
    assert status == 200
    assert b'<a href="./%3C%26%3E.txt">&lt;&amp;&gt;.txt</a>' in page
    assert b"hidden" not in page
    assert ask(folder, "/empty/")[0] == 200


def test_a_redirection_names_no_other_host(folder):
    assert ask(folder, "//sub")[1]["Location"] == "/sub/"


@pytest.mark.parametrize(
    "asked, status, body, content_range",
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=8-", 206, b"89", "bytes 8-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-100", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=10-", 416, b"Range Not Satisfiable\n", "bytes */10"),
        ("bytes=-0", 416, b"Range Not Satisfiable\n", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
    ],
)
def test_ranges(folder, asked, status, body, content_range):
    got = ask(folder, "/ten.txt", range=asked)
    assert (got[0], got[2], got[1].get("Content-Range")) == (status, body, content_range)
    assert got[1]["Content-Length"] == str(len(body))


def test_ranges_of_nothing(folder):
    assert ask(folder, "/none.txt", range="bytes=0-")[0] == 416
    assert ask(folder, "/none.txt", range="bytes=-1")[0] == 416


def test_ranges_of_what_has_changed(folder):
    tag = ask(folder, "/ten.txt")[1]["ETag"]
    for condition, status in ((tag, 206), ('"other"', 200), (DATE, 206), (EARLIER, 200), ("nonsense", 200)):
        assert ask(folder, "/ten.txt", range="bytes=0-1", if_range=condition)[0] == status


def test_conditions(folder):
    tag = ask(folder, "/ten.txt")[1]["ETag"]
    for field, value, status in (
        ("if_none_match", tag, 304),
        ("if_none_match", f'"other", W/{tag}', 304),
        ("if_none_match", "*", 304),
        ("if_none_match", '"other"', 200),
        ("if_modified_since", DATE, 304),
        ("if_modified_since", EARLIER, 200),
        ("if_modified_since", "nonsense", 200),
        ("if_match", tag, 200),
        ("if_match", '"other"', 412),
        ("if_unmodified_since", EARLIER, 412),
        ("if_unmodified_since", DATE, 200),
    ):
        got = ask(folder, "/ten.txt", **{field: value})
        assert got[0] == status, (field, value)
        assert got[1]["ETag"] == tag
        assert (got[2] == b"") is (status != 200)


@pytest.mark.parametrize(
    "text, address",
    [
        ("host:80", ("host", 80)),
        ("[::1]:80", ("::1", 80)),
        (":80", ("", 80)),
        ("80", ("127.0.0.1", 80)),
        ("unix:/a", "/a"),
    ],
)
def test_addresses(text, address):
    assert _options.address(text) == address


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["a:b", "--bind", "x:y"],
        ["a:b", "--bind", "x:70000"],
        ["a:b", "--workers", "0"],
        ["a:b", "--status", "x"],
    ],
)
def test_wrong_options(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        _options.parse(arguments)
    assert caught.value.code == 2
    assert "usage: python -m greencore serve" in capsys.readouterr().err


def handled(**changes):
    fields = {
        "client_address": ("192.0.2.1", 5), "requestline": "GET / HTTP/1.1", "code": 200, "response_length": 99, "time_start": 0.0,
        "time_finish": 0.25, "environ": {"HTTP_USER_AGENT": "a\"b\n"},
    }  # fmt: skip
    return SimpleNamespace(**{**fields, **changes})


def test_log_lines():
    line = _log.common(handled())
    assert line.startswith("192.0.2.1 - - [") and line.endswith('] "GET / HTTP/1.1" 200 99 0.250000\n')
    assert _log.common(handled(requestline='x"\n\x1b')).count("\n") == 1
    assert '"x\\"\\n\\u001b"' in _log.common(handled(requestline='x"\n\x1b'))
    assert _log.common(handled(client_address="", code=None, requestline=None)).split('"')[1] == "-"
    fields = json.loads(_log.as_json(handled()))
    assert (fields["client"], fields["status"], fields["bytes"], fields["seconds"], fields["agent"]) == (
        "192.0.2.1",
        200,
        99,
        0.25,
        'a"b\n',
    )


def test_statistics():
    statistics = _statistics.Statistics(2)
    meter = _statistics.Meter(statistics)
    first = len(_statistics.FIELDS)
    for seconds, worker in ((0.001, 0), (0.001, 0), (0.001, 1), (1.0, 1)):
        part = statistics.part(worker)
        part[1] += 1
        part[first + _statistics.bucket(seconds)] += 1
    now = meter.take()
    assert now["requests"] == 4 and now["rate"] > 0
    assert 0.001 <= now["p50"] < 0.0012 and 1.0 <= now["p99"] < 1.2
    assert [row["requests"] for row in now["workers"]] == [2, 2]
    again = meter.take()
    assert (again["rate"], again["p99"]) == (0, 0)
    assert "requests/s" in _status.line(again)
    assert _statistics.bucket(0) == 0 and _statistics.bucket(1e9) == _statistics.LATENCIES - 1


# ---- processes ----

APPLICATION = """
import os, time
def application(environ, start_response):
    if environ["PATH_INFO"] == "/die":
        os._exit(9)
    if environ["PATH_INFO"] == "/slow":
        print("in it", flush=True)
        time.sleep(0.2)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} one".encode()]
"""


class Served:
    """The command in a process of its own."""

    def __init__(self, folder, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "greencore", "serve", *arguments, "--bind", "127.0.0.1:0"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.said = self.process.stderr.readline()
        self.url = self.said.split(" at ")[-1].split()[0]

    def get(self, path="/"):
        """The answer's text; asks again while a worker is being started."""
        for _ in range(2000):
            try:
                with urlopen(self.url + path, timeout=20) as answer:
                    return answer.read().decode()
            except OSError as error:
                if isinstance(error, HTTPError):
                    raise
                time.sleep(0.01)
        raise AssertionError("nobody answers")

    def until(self, wanted):
        """Ask until the answer is `wanted` (a function of it)."""
        for _ in range(2000):
            answer = self.get()
            if wanted(answer):
                return answer
            time.sleep(0.01)
        raise AssertionError(f"the answer stays {answer}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.terminate()
        self.out, self.err = self.process.communicate(timeout=60)


@pytest.fixture
def program(tmp_path):
    (tmp_path / "app.py").write_text(textwrap.dedent(APPLICATION))
    return tmp_path


def test_workers_are_replaced(program):
    with Served(program, "app:application") as served:
        first = served.get()
        with pytest.raises(OSError):
            urlopen(served.url + "/die", timeout=20)
        second = served.get()
        assert second != first and second.endswith(" one")
    assert served.process.returncode == 0
    assert "ended with 9; another one is started" in served.err


def test_hup_loads_the_application_anew(program):
    with Served(program, "app:application", "--workers", "2") as served:
        assert served.get().endswith("one")
        (program / "app.py").write_text(APPLICATION.replace("one", "other"))
        served.process.send_signal(signal.SIGHUP)
        served.until(lambda answer: answer.endswith("other"))
    assert served.process.returncode == 0


def test_reload(program):
    with Served(program, "app:application", "--reload") as served:
        assert served.get().endswith("one")
        (program / "app.py").write_text("1 / 0")
        while "ZeroDivisionError" not in served.process.stderr.readline():
            pass
        (program / "app.py").write_text(APPLICATION.replace("one", "mended"))
        served.until(lambda answer: answer.endswith("mended"))


def test_requests_are_finished_before_the_end(program):
    with Served(program, "app:application") as served:
        asking = subprocess.Popen(
            [sys.executable, "-c", f"import urllib.request as u; print(u.urlopen('{served.url}/slow').read())"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert served.process.stdout.readline() == "in it\n"
        served.process.terminate()
        assert asking.communicate(timeout=60)[0].endswith("one'\n")
    assert served.process.returncode == 0


@pytest.mark.parametrize(
    "what, words",
    [("app:nothing", "has no attribute 'nothing'"), ("app:os", "can't be called"), ("nosuch:x", "nosuch")],
)
def test_an_application_that_is_not_there(program, what, words):
    with Served(program, what) as served:
        assert served.process.wait(timeout=60) == 1
    assert words in served.err


def test_log_and_status(program):
    log = program / "log"
    with Served(
        program, "app:application", "--access-log", str(log), "--log-format", "json", "--status", "/status"
    ) as served:
        served.get()
        shown = json.loads(served.get("/status?json"))
        assert shown["requests"] == 1 and len(shown["workers"]) == 1
        assert "<title>greencore</title>" in served.get("/status")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["request"] for line in lines] == [
        "GET / HTTP/1.1",
        "GET /status?json HTTP/1.1",
        "GET /status HTTP/1.1",
    ]


def test_a_folder_is_served(folder):
    with Served(folder.parent, str(folder)) as served:
        assert served.get("/ten.txt") == "0123456789"
        part = urlopen(Request(served.url + "/ten.txt", headers={"Range": "bytes=2-3"}), timeout=20)
        assert (part.status, part.read()) == (206, b"23")
        with pytest.raises(HTTPError):
            urlopen(served.url + "/%2e%2e/secret.txt", timeout=20)


def test_an_address_that_is_taken(program):
    with Served(program, "app:application") as served:
        address = served.url.removeprefix("http://")
        command = [sys.executable, "-m", "greencore", "serve", "app:application", "--bind", address]
        done = subprocess.run(command, cwd=program, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert "Address already in use" in done.stderr
