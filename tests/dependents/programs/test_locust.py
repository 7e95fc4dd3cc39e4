"""locust, alone and with processes of its own, against a server of the standard library."""

import csv
import socket
import subprocess
import sys
import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from processes import HERE, running

USERS = 40


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        pass


def reverse(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body[::-1]]


@pytest.fixture
def url():
    with make_server("127.0.0.1", 0, reverse, Server, Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def options(url, tmp_path):
    return ["-m", "locust", "-f", "locustfile.py", "--host", url, "-u", str(USERS), "-r", str(USERS),
            "--csv", str(tmp_path / "of"), "--exit-code-on-error", "1"]  # fmt: skip


def requests_made(tmp_path):
    with open(tmp_path / "of_stats.csv") as file:
        total = [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"][0]
    assert int(total["Failure Count"]) == 0
    return int(total["Request Count"])


@pytest.mark.parametrize("more", [(), ("--processes", "2")], ids=["alone", "two processes"])
def test_without_a_page(url, tmp_path, more):
    command = [sys.executable, *options(url, tmp_path), "--headless", "-t", "4s", *more]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert requests_made(tmp_path) >= USERS


def test_the_page(url, tmp_path):
    import requests

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [*options(url, tmp_path), "--web-host", "127.0.0.1", "--web-port", str(port), "--autostart", "-t", "3s"]
    with running(*command, ready="All users spawned") as locust:
        page = f"http://127.0.0.1:{port}"
        assert "Locust" in requests.get(page, timeout=20).text
        assert requests.get(page + "/stats/requests", timeout=20).json()["user_count"] == USERS
        locust.wait_for("--run-time limit reached")
