"""Behind nginx: it and the server never see different numbers of requests in the same bytes."""

import shutil
import subprocess
import time
from contextlib import suppress

import pytest

import gevent
from gevent import socket
from test_pywsgi_strict import BODIES, HEADS
from wsgiservers import Lines, send_parts, serving

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream server {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen unix:{folder}/front;
        location / {{
            proxy_pass http://server; proxy_http_version 1.1; proxy_request_buffering {buffering};
            proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_read_timeout 5s;
        }}
    }}
}}
"""


NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


class Front:
    """nginx before a server whose application counts the requests that it gets."""

    def __init__(self, folder, buffering):
        self.folder = folder
        self.buffering = buffering
        self.seen = []

    def application(self, environ, start_response):
        self.seen.append(environ["PATH_INFO"])
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [body]

    def start(self, port):
        (self.folder / "conf").write_text(CONFIGURATION.format(folder=self.folder, port=port, buffering=self.buffering))
        self.process = subprocess.Popen([NGINX, "-c", self.folder / "conf"], stderr=subprocess.DEVNULL)
        for _ in range(1000):
            try:
                # The socket is there before nginx listens to it.
                with socket.socket(socket.AF_UNIX) as sock:
                    return sock.connect(str(self.folder / "front"))
            except OSError:
                time.sleep(0.01)
        raise AssertionError((self.folder / "error.log").read_text())

    def send(self, data):
        """Send the bytes; return how many answers came."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(1)
            sock.connect(str(self.folder / "front"))
            send_parts(sock, [data])
            answer = b""
            with suppress(OSError):  # reset, or nginx waits for more
                while got := sock.recv(65536):
                    answer += got
        return answer.count(b"HTTP/1.1 ")

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module", params=["on", "off"])
def front(request, tmp_path_factory):
    front = Front(tmp_path_factory.mktemp("nginx"), request.param)
    errors = gevent.get_hub().exception_stream
    gevent.get_hub().exception_stream = None  # uploads that nginx breaks off
    with serving(front.application, error_log=Lines(), body_timeout=2) as server:
        front.start(server.server_port)
        yield front
        front.stop()
    gevent.get_hub().exception_stream = errors


INPUTS = {**{name: data for name, (_, data) in HEADS.items()}, **BODIES}


@pytest.mark.parametrize("data", INPUTS.values(), ids=INPUTS)
def test_no_request_that_the_front_has_not_seen(front, data):
    front.seen.clear()
    answered = front.send(data + NEXT)
    assert len(front.seen) <= answered
    if "/smuggled" in front.seen:
        # nginx read the second one, too: it answered both.
        assert answered == 2


def test_good_requests_pass(front):
    front.seen.clear()
    chunked = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert front.send(chunked + NEXT) == 2
    assert front.seen == ["/a", "/smuggled"]
