"""Clients that know nothing of greenlets, monkey-patched, on real servers: a hundred at once, all of them in the middle
of what they do at the same time."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
COUNT = 100

# PostgreSQL lets no more than 100 in, other users included, as it comes.
SERVICES = {
    "redis": ("Redis", 6379, "redis", COUNT),
    "pymysql": ("MariaDB", 3306, "pymysql", COUNT),
    "pg8000": ("PostgreSQL", 5432, "pg8000", 80),
    "pika": ("RabbitMQ", 5672, "pika", COUNT),
}


def run_clients(name, count, port):
    command = [sys.executable, str(TESTS / "isolated" / "clients.py"), name, str(count), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and done.stdout.strip() == str(count), done.stdout + done.stderr


@pytest.fixture(scope="module")
def ports():
    command = [sys.executable, str(TESTS / "clientservers.py"), str(COUNT)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        yield json.loads(server.stdout.readline())
        server.stdin.close()


@pytest.mark.parametrize(
    "name, protocol", [("http_client", "http"), ("urllib", "http"), ("smtplib", "smtp"), ("ftplib", "ftp")]
)
def test_the_standard_librarys(ports, name, protocol):
    run_clients(name, COUNT, ports[protocol])


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.service(name)) for name in ("urllib3", "requests")])
def test_http_clients(ports, name):
    pytest.importorskip(name)
    run_clients(name, COUNT, ports["http"])


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.service(SERVICES[name][0])) for name in SERVICES])
def test_on_real_servers(name):
    service, port, library, count = SERVICES[name]
    pytest.importorskip(library)
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        pytest.skip(f"no {service} on port {port}: {error}")
    run_clients(name, count, port)
