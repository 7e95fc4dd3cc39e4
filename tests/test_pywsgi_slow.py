"""slowhttptest against the WSGI server: clients that are slow on purpose are closed, and others are served meanwhile."""

import shutil
from pathlib import Path

import gevent
import pytest
from gevent import subprocess

from wsgiservers import Answer, ask, serving

PROGRAM = shutil.which("slowhttptest")
GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CLIENTS = 100
LONGEST = 60  # seconds
LISTEN, TIME_WAIT = "0A", "06"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="slowhttptest is not installed")]


def application(environ, start_response):
    size = len(environ["wsgi.input"].read())
    start_response("200 OK", [])
    return [b"x" * (10_000_000 if environ["PATH_INFO"] == "/much" else size)]


def kernel_has(port):
    """How many connections of the server the kernel still has, whoever has closed them."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(f":{port:04X}") and line[3] not in (LISTEN, TIME_WAIT) for line in lines)


@pytest.mark.parametrize(
    "path, arguments",
    [
        ("/", ["-H", "-i", "1", "-x", "8"]),
        ("/", ["-B", "-i", "1", "-x", "2", "-s", "100000"]),
        ("/much", ["-X", "-w", "256", "-y", "512", "-n", "1", "-z", "8", "-k", "2"]),
    ],
    ids=["headers", "body", "read"],
)
def test_slow_clients_are_closed(path, arguments):
    times = {"header_timeout": 2, "body_timeout": 2, "write_timeout": 2, "keepalive_timeout": 2}
    with serving(application, **times) as server:
        url = f"http://127.0.0.1:{server.server_port}{path}"
        command = [PROGRAM, *arguments, "-c", str(CLIENTS), "-r", str(CLIENTS), "-l", str(LONGEST), "-u", url]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as attack, gevent.Timeout(LONGEST / 2):
            asked = 0
            while sum(server.counters[name] for name in ("requests", "refused", "connections")) < CLIENTS + asked:
                gevent.sleep(0.1)
            while server.counters["connections"] or kernel_has(server.server_port):
                assert Answer(ask(server, GET)).status == 200
                asked += 1
                gevent.sleep(0.1)
            attack.kill()
        assert server.counters["requests"] + server.counters["refused"] >= CLIENTS + asked
