"""The WSGI server as a browser sees it: a page, a stream of events, an upload, a WebSocket, and the status page."""

import json
import os
import shutil

import pytest

import gevent
from gevent import subprocess
from gevent.event import AsyncResult
from gevent.pywsgi import WSGIServer
from greencore.serve._statistics import Statistics
from greencore.serve._status import StatusPage

UPLOAD = 3_000_000  # bytes
PAGE = (
    """<!doctype html><meta charset=utf-8><title>test</title><script>
async function run() {
    const found = {};
    found.upload = await (await fetch("/upload", { method: "POST", body: new Blob([new Uint8Array(%d)]) })).text();
    found.events = await new Promise((resolve, reject) => {
        const got = [], source = new EventSource("/events");
        source.onmessage = event => { got.push(event.data); if (got.length == 3) { source.close(); resolve(got); } };
    });
    found.messages = await new Promise((resolve, reject) => {
        const got = [], ws = new WebSocket(`ws://${location.host}/socket`, ["chat"]);
        ws.binaryType = "arraybuffer";
        ws.onopen = () => { ws.send("text"); ws.send(new Uint8Array([1, 2, 3])); ws.send("long ".repeat(50000)); };
        ws.onmessage = event => {
            got.push(typeof event.data == "string" ? event.data.length : [...new Uint8Array(event.data)]);
            if (got.length == 3) ws.close(4000, "enough");
        };
        ws.onclose = event => resolve([...got, ws.protocol, event.code, event.wasClean]);
    });
    const frame = document.createElement("iframe");
    frame.src = "/status";
    document.body.append(frame);
    await new Promise(resolve => frame.onload = resolve);
    await new Promise(resolve => {
        const look = () => frame.contentDocument.querySelectorAll("dl div").length ? resolve() : setTimeout(look, 20);
        look();
    });
    found.status = frame.contentDocument.querySelector("dl").textContent;
    await fetch("/report", { method: "POST", body: JSON.stringify(found) });
}
onload = () => run().catch(error => fetch("/report", { method: "POST", body: JSON.stringify({ error: String(error) }) }));
</script><body>
"""
    % UPLOAD
)


class Application:
    """What the page talks to; `report` is what it has found."""

    def __init__(self):
        self.report = AsyncResult()
        self.goodbye = AsyncResult()

    def __call__(self, environ, start_response):
        return getattr(self, "on_" + (environ["PATH_INFO"].strip("/").replace(".", "_") or "page"))(
            environ, start_response
        )

    def on_page(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [PAGE.encode()]

    def on_favicon_ico(self, environ, start_response):
        start_response("404 Not Found", [])
        return []

    def on_upload(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(environ["wsgi.input"].read())).encode()]

    def on_events(self, environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")])
        for number in range(3):
            yield f"data: {number}\n\n".encode()
            gevent.sleep(0.01)

    def on_socket(self, environ, start_response):
        ws = environ["wsgi.websocket"]
        ws.accept("chat")
        for message in ws:
            ws.send(message)
        self.goodbye.set((ws.close_code, ws.close_reason))

    def on_report(self, environ, start_response):
        self.report.set(json.loads(environ["wsgi.input"].read()))
        start_response("204 No Content", [])
        return []


@pytest.mark.service("chromium")
@pytest.mark.slow
def test_chromium(tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    application = Application()
    site = WSGIServer(("127.0.0.1", 0), StatusPage(application, "/status", Statistics(1)), log=None)
    site.start()
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path}", f"http://127.0.0.1:{site.server_port}/",
    ]  # fmt: skip
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(tmp_path)},
        start_new_session=True,
    )
    try:
        found = application.report.get(timeout=100)
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        site.stop(timeout=1)
    status = found.pop("status", "")
    assert found == {
        "upload": str(UPLOAD), "events": ["0", "1", "2"], "messages": [4, [1, 2, 3], 250000, "chat", 4000, True],
    }  # fmt: skip
    assert "requests/s" in status and "loop lag" in status
    assert application.goodbye.get(timeout=10) == (4000, "enough")
