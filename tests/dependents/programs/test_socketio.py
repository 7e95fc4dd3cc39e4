"""python-socketio's server in its gevent mode, and its client, in one process."""

import gevent
import pytest
import socketio
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from processes import LIMIT

COUNT = 30


@pytest.fixture
def server():
    server = socketio.Server(async_mode="gevent")
    server.on("connect", lambda sid, environ: server.enter_room(sid, "all"))
    server.on("echo", lambda sid, data: data)
    server.on("say", lambda sid, data: server.emit("said", data, room="all"))

    def later(sid, data):
        server.start_background_task(lambda: (server.sleep(0.01), server.emit("done", data, to=sid)))

    server.on("later", later)
    http = WSGIServer(("127.0.0.1", 0), socketio.WSGIApp(server), log=None)
    http.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    yield server
    http.stop(timeout=1)


@pytest.fixture(params=["polling", "websocket", "both"])
def transports(request):
    return {"polling": ["polling"], "websocket": ["websocket"], "both": None}[request.param]


@pytest.fixture
def clients(server, transports):
    clients = [socketio.Client(reconnection=False) for _ in range(COUNT)]
    connecting = [gevent.spawn(c.connect, server.url, transports=transports, wait_timeout=LIMIT) for c in clients]
    for greenlet in connecting:
        greenlet.get(timeout=LIMIT)
    yield clients
    for client in clients:
        client.disconnect()


def test_calls_are_answered(clients):
    callers = [gevent.spawn(client.call, "echo", {"n": n}, timeout=LIMIT) for n, client in enumerate(clients)]
    assert [caller.get(timeout=LIMIT) for caller in callers] == [{"n": n} for n in range(COUNT)]


def test_binary(clients):
    assert clients[0].call("echo", {"data": bytes(range(256)) * 100}, timeout=LIMIT) == {
        "data": bytes(range(256)) * 100
    }


def test_a_room_hears_all(clients):
    heard = []
    all_heard = Event()

    def hear(text):
        heard.append(text)
        if len(heard) == COUNT:
            all_heard.set()

    for client in clients:
        client.on("said", hear)
    clients[0].emit("say", "hello")
    assert all_heard.wait(LIMIT)
    assert heard == ["hello"] * COUNT


def test_a_background_task(clients):
    done = Event()
    clients[0].on("done", lambda data: done.set() if data == 7 else None)
    clients[0].emit("later", 7)
    assert done.wait(LIMIT)
