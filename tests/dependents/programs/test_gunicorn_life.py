"""gunicorn's gevent workers come and go: reloads, worn-out and hung workers, ends; no request is lost."""

import http.client
import signal
import socket
import threading
from contextlib import contextmanager

import pytest
import requests
from clients import at_once, gunicorn
from processes import LIMIT, running, until

kinds = pytest.mark.parametrize("kind", ["gevent", "gevent_pywsgi"])


def get(server, path):
    return requests.get(server.url + path, timeout=LIMIT).text


class Traffic(threading.Thread):
    """Requests, one after the other, each with its connection."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.pids = []
        self.lost = []
        self.is_over = False

    def run(self):
        while not self.is_over:
            try:
                answer = requests.get(self.server.url + "/pid", timeout=LIMIT)
                answer.raise_for_status()
            except requests.RequestException as error:
                self.lost.append(error)
            else:
                self.pids.append(answer.text)


def spin(server):
    """Ask for what never ends. What comes in the end, an error or none, is the worker's affair."""
    try:
        requests.get(server.url + "/spin", timeout=LIMIT)
    except requests.ConnectionError:
        pass


@contextmanager
def traffic(server):
    """In the block four clients ask, and nothing is lost. Gives a function that returns which workers have answered."""
    clients = [Traffic(server) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        yield lambda: {pid for client in clients for pid in client.pids[:]}
    finally:
        for client in clients:
            client.is_over = True
        for client in clients:
            client.join(LIMIT)
    assert [error for client in clients for error in client.lost] == []


@kinds
def test_sighup_replaces_the_workers(kind):
    with gunicorn("-k", kind, "-w", "2") as server, traffic(server) as workers:
        for _ in range(2):
            until(lambda: len(workers()) >= 2, lambda: server.output)
            before = workers()
            started = server.output.count("Booting worker")
            server.send(signal.SIGHUP)
            server.wait_for("Booting worker", started + 2)
            until(lambda: len(workers() - before) >= 2, lambda: server.output)
            for pid in before:
                server.wait_for(f"Worker exiting (pid: {pid})")


def test_workers_that_have_done_their_share_are_replaced():
    """Not with gevent_pywsgi: gunicorn counts no requests there."""
    with gunicorn("-k", "gevent", "-w", "2", "--max-requests", "20") as server, traffic(server) as workers:
        until(lambda: len(workers()) >= 6, lambda: server.output)
        server.wait_for("Autorestarting worker after current request", 4)


@kinds
def test_a_hung_worker_is_killed(kind):
    with gunicorn("-k", kind, "-w", "1", "-t", "3") as server:
        before = get(server, "/pid")
        hung = threading.Thread(target=at_once, args=(lambda n: spin(server), 1))
        hung.start()
        server.wait_for(f"WORKER TIMEOUT (pid:{before})")
        hung.join(LIMIT)
        assert get(server, "/pid") != before


@kinds
def test_workers_share_what_was_loaded_before(kind):
    with gunicorn("-k", kind, "-w", "3", "--preload") as server:
        assert {get(server, "/loaded-in") for _ in range(20)} == {str(server.process.pid)}
        with traffic(server) as workers:
            until(lambda: len(workers()) == 3, lambda: server.output)
        answers = at_once(lambda n: requests.post(server.url, data=str(n), timeout=LIMIT).text, 50)
        assert sorted(answers) == sorted(str(n)[::-1] for n in range(50))


@kinds
def test_workers_are_added_and_taken_away(kind):
    with gunicorn("-k", kind, "-w", "1") as server, traffic(server) as workers:
        server.send(signal.SIGTTIN)
        until(lambda: len(workers()) >= 2, lambda: server.output)
        server.send(signal.SIGTTOU)
        server.wait_for("Worker exiting")


@kinds
def test_sigterm_does_not_wait_for_ever(kind):
    with gunicorn("-k", kind, "-w", "1", "--graceful-timeout", "2") as server:
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as client:
            client.sendall(b"GET /linger HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait_for("lingering")
            server.send(signal.SIGTERM)
            assert server.wait() == 0, server.output


@kinds
def test_requests_are_logged(kind):
    form = "%(h)s %(m)s %(U)s %(q)s %(s)s %({x-some}i)s"
    with gunicorn("-k", kind, "--access-logfile", "-", "--access-logformat", form) as server:
        requests.get(server.url + "/pid?a=b", headers={"X-Some": "told"}, timeout=LIMIT)
        server.wait_for("127.0.0.1 GET /pid a=b 200 told")
        requests.get(server.url + "/fail", timeout=LIMIT)
        server.wait_for("ValueError: as told")
        server.wait_for(" 500 -")  # of what has failed gunicorn tells no path in one kind of worker


class UnixConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(self.host)


@kinds
def test_a_unix_socket(kind, tmp_path):
    path = str(tmp_path / "socket")
    command = ["-m", "gunicorn", "-k", kind, "-w", "2", "-b", f"unix:{path}", "wsgi_app:app"]
    with running(*command, ready="Booting worker"):
        connection = UnixConnection(path)
        for length in (0, 10, 1_000_000):
            body = b"ab" * length
            connection.request("POST", "/", body, {"Host": "localhost"})
            assert connection.getresponse().read() == body[::-1]
        connection.close()
