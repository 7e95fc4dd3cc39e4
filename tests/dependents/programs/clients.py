"""Clients of the programs' servers."""

import re
import socket
import threading
from contextlib import contextmanager

import requests
from processes import LIMIT, running, until


@contextmanager
def serving(application, **environ):
    """Serve an application, "module:name", with gevent.pywsgi in a process of its own; it has the attribute `url`."""
    with running("wsgi_server.py", application, ready="serving on port", **environ) as server:
        server.wait_for(".\n")
        server.url = f"http://127.0.0.1:{re.search(r'on port ([0-9]+)', server.output)[1]}"
        yield server


@contextmanager
def gunicorn(*options, application="wsgi_app:app"):
    """Run gunicorn; it has the attribute `url`."""
    port = free_port()
    command = ["-m", "gunicorn", "-b", f"127.0.0.1:{port}", "--graceful-timeout", "20", *options, application]
    with running(*command, ready="Booting worker") as server:
        server.url = f"http://127.0.0.1:{port}"
        until(lambda: answers(server.url), lambda: server.output, server.is_running)
        yield server


def answers(url):
    """Whether a server is there."""
    try:
        requests.get(url, timeout=LIMIT)
    except requests.ConnectionError:
        return False
    return True


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def at_once(function, count):
    """Return what `function` returns in `count` threads, which are given their numbers."""
    results = []
    threads = [threading.Thread(target=lambda n=n: results.append(function(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    return results
