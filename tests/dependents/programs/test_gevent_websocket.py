"""gevent-websocket on pywsgi, and the websocket-client package, all in one process."""

import gevent
import pytest
import websocket
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler
from geventwebsocket.resource import Resource, WebSocketApplication
from processes import LIMIT

COUNT = 100


class Chat(WebSocketApplication):
    def on_open(self):
        pass

    def on_message(self, message):
        if message is None:
            return
        for client in self.ws.handler.server.clients.values():
            client.ws.send(message)

    def on_close(self, reason):
        pass


def echo(environ, start_response):
    socket = environ.get("wsgi.websocket")
    if socket is None:
        start_response("400 Bad Request", [])
        return [b"no WebSocket"]
    while (message := socket.receive()) is not None:
        socket.send(message)
    return []


@pytest.fixture
def serve():
    servers = []

    def serve(application):
        server = WSGIServer(("127.0.0.1", 0), application, handler_class=WebSocketHandler, log=None)
        server.start()
        servers.append(server)
        return f"ws://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.stop(timeout=1)


def test_a_hundred_clients(serve):
    url = serve(echo)

    def talk(n):
        client = websocket.create_connection(url, timeout=LIMIT)
        for length in (1, 200, 70_000):
            client.send(str(n % 10) * length)
            assert client.recv() == str(n % 10) * length
            client.send_binary(bytes([n]) * length)
            assert client.recv() == bytes([n]) * length
        client.close()
        return n

    talkers = [gevent.spawn(talk, n) for n in range(COUNT)]
    assert [talker.get(timeout=LIMIT) for talker in talkers] == list(range(COUNT))


def test_what_one_says_all_hear(serve):
    url = serve(Resource([("/", Chat)]))
    clients = [websocket.create_connection(url, timeout=LIMIT) for _ in range(20)]
    clients[0].send("hello")
    assert [client.recv() for client in clients] == ["hello"] * 20
    for client in clients:
        client.close()


def test_ping_and_close(serve):
    client = websocket.create_connection(serve(echo), timeout=LIMIT)
    client.ping("x")
    assert client.recv_frame().opcode == websocket.ABNF.OPCODE_PONG
    client.send_close(1000)
    assert client.recv_frame().opcode == websocket.ABNF.OPCODE_CLOSE
    client.shutdown()


def test_a_plain_request(serve):
    import requests

    url = serve(echo).replace("ws:", "http:")
    assert requests.get(url, timeout=LIMIT).status_code == 400
