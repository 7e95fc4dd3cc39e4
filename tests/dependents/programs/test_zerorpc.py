"""zerorpc: a server and many clients in one process, over its green ZeroMQ sockets."""

import gevent
import pytest
import zerorpc
from gevent.event import Event
from processes import LIMIT

COUNT = 100


class Service:
    def __init__(self):
        self.here = 0
        self.all_here = Event()

    def come(self):
        self.here += 1
        if self.here == COUNT:
            self.all_here.set()
        return self.all_here.wait(LIMIT)

    def reversed(self, text):
        return text[::-1]

    def fail(self):
        raise ValueError("as told")

    def linger(self):
        gevent.sleep(1000)

    @zerorpc.stream
    def count(self, end):
        yield from range(end)


@pytest.fixture
def address(tmp_path):
    return f"ipc://{tmp_path}/socket"


@pytest.fixture
def server(address):
    server = zerorpc.Server(Service(), heartbeat=1)
    server.bind(address)
    runner = gevent.spawn(server.run)
    yield server
    server.stop()
    runner.join(LIMIT)
    server.close()
    runner.get(block=False)


@pytest.fixture
def client(server, address):
    client = zerorpc.Client(address, timeout=LIMIT)
    yield client
    client.close()


def test_a_call(client):
    assert client.reversed("abc" * 10000) == "cba" * 10000


def test_a_hundred_calls_at_once(client):
    callers = [gevent.spawn(client.come) for _ in range(COUNT)]
    assert [caller.get(timeout=LIMIT) for caller in callers] == [True] * COUNT


def test_a_hundred_clients(server, address):
    def call(n):
        client = zerorpc.Client(address, timeout=LIMIT)
        try:
            return client.reversed(str(n))
        finally:
            client.close()

    callers = [gevent.spawn(call, n) for n in range(COUNT)]
    assert [caller.get(timeout=LIMIT) for caller in callers] == [str(n)[::-1] for n in range(COUNT)]


def test_streams_at_once(client):
    callers = [gevent.spawn(lambda: list(client.count(300))) for _ in range(5)]
    assert [caller.get(timeout=LIMIT) for caller in callers] == [list(range(300))] * 5


def test_an_error_comes_back(client):
    with pytest.raises(zerorpc.RemoteError, match="as told"):
        client.fail()


def test_a_timeout(client):
    with pytest.raises(zerorpc.TimeoutExpired):
        client.linger(timeout=1)
    assert client.reversed("ab") == "ba"


def test_a_lost_server(address):
    server = zerorpc.Server(Service(), heartbeat=1)
    server.bind(address)
    runner = gevent.spawn(server.run)
    client = zerorpc.Client(address, timeout=LIMIT, heartbeat=1)
    caller = gevent.spawn(client.linger)
    gevent.sleep(2.5)  # until the two have heard each other's hearts
    assert not caller.ready()
    server.stop()
    server.close()
    with pytest.raises(zerorpc.LostRemote):
        caller.get(timeout=LIMIT)
    client.close()
    runner.kill()
