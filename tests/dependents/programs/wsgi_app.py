"""A WSGI application for test_gunicorn.py and test_gunicorn_life.py."""

import os
import threading

COUNT = 100
LOADED_IN = os.getpid()
lock = threading.Condition()
here = 0


def come():
    """Return once COUNT requests of this worker are in here."""
    global here
    with lock:
        here += 1
        lock.notify_all()
        return lock.wait_for(lambda: here >= COUNT, 30)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = environ["wsgi.input"].read()
    if path == "/come":
        answer = str(come()).encode()
    elif path == "/pid":
        answer = str(os.getpid()).encode()
    elif path == "/loaded-in":
        answer = str(LOADED_IN).encode()
    elif path == "/spin":
        while True:
            pass
    elif path == "/linger":
        print("lingering", flush=True)
        threading.Event().wait()
    elif path == "/fail":
        raise ValueError("as told")
    elif path == "/stream":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return (bytes([n % 256]) * 1000 for n in range(1000))
    else:
        answer = body[::-1]
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(answer)))])
    return [answer]
