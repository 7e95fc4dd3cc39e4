"""The cooperative selector."""

import os
import selectors as standard
import time

import pytest

import gevent
from gevent import selectors, socket
from gevent.selectors import EVENT_READ, EVENT_WRITE


@pytest.fixture
def selector():
    with selectors.DefaultSelector() as made:
        yield made


def test_it_is_a_selector_and_the_default():
    assert selectors.DefaultSelector is selectors.GeventSelector
    assert issubclass(selectors.DefaultSelector, standard.BaseSelector)
    assert [name for name in vars(standard) if not name.startswith("__") and not hasattr(selectors, name)] == []


def test_select_waits_and_others_run(selector, pair):
    a, b = pair
    key = selector.register(a, EVENT_READ, "data")
    gevent.spawn_later(0.001, b.send, b"x")
    assert selector.select(5) == [(key, EVENT_READ)]
    assert selector.select() == [(key, EVENT_READ)]  # still
    a.recv(1)
    assert selector.select(0) == []


def test_events(selector, pair):
    a, b = pair
    selector.register(a, EVENT_READ | EVENT_WRITE)
    assert [events for _, events in selector.select()] == [EVENT_WRITE]
    b.send(b"x")
    assert [events for _, events in selector.select()] == [EVENT_READ | EVENT_WRITE]
    selector.modify(a, EVENT_READ)
    assert [events for _, events in selector.select()] == [EVENT_READ]
    selector.unregister(a)
    assert selector.select(0.001) == []
    assert len(selector.get_map()) == 0


@pytest.mark.parametrize("timeout", [0.001, 0.0125])
def test_never_ends_before_its_time(selector, pair, timeout):
    selector.register(pair[0], EVENT_READ)
    began = time.monotonic()
    assert selector.select(timeout) == []
    assert time.monotonic() - began >= timeout


@pytest.mark.parametrize("timeout", [0, -1])
def test_not_waiting_lets_others_run_once(selector, timeout):
    ran = []
    gevent.spawn(ran.append, 1)
    assert selector.select(timeout) == []
    assert ran == [1]


def test_registered_while_another_greenlet_selects(selector, pair):
    a, b = pair
    waiting = gevent.spawn(selector.select, 5)
    gevent.sleep(0.001)
    key = selector.register(a, EVENT_READ)
    b.send(b"x")
    assert waiting.get(timeout=5) == [(key, EVENT_READ)]


def test_refuses(selector, pair):
    a, _ = pair
    for events in (0, 4, -1):
        with pytest.raises(ValueError):
            selector.register(a, events)
    for file in (-1, "x", None):
        with pytest.raises(ValueError):
            selector.register(file, EVENT_READ)
    selector.register(a, EVENT_READ)
    with pytest.raises(KeyError):
        selector.register(a, EVENT_READ)
    with pytest.raises(KeyError):
        selector.unregister(pair[1])
    assert list(selector.get_map()) == [a.fileno()]


def test_number_that_is_not_open(selector):
    r, w = os.pipe()
    os.close(r)
    with pytest.raises(ValueError, match="Invalid file descriptor"):
        selector.register(r, EVENT_READ)
    assert len(selector.get_map()) == 0
    os.close(w)


def test_closed_while_it_is_selected(selector, pair):
    selector.register(pair[0], EVENT_READ)
    gevent.spawn(pair[0].close)
    assert selector.select(0.01) == []
    selector.unregister(pair[0])


def test_regular_files_are_always_ready(selector, pair, tmp_path):
    with open(tmp_path / "file", "w") as file:
        key = selector.register(file, EVENT_WRITE)
        socket_key = selector.register(pair[0], EVENT_WRITE)
        assert selector.select() == [(socket_key, EVENT_WRITE), (key, EVENT_WRITE)]
        assert selector.modify(file, EVENT_WRITE, "data").data == "data"
        assert selector.select()[-1][0].data == "data"
        selector.unregister(file)
        assert selector.select() == [(socket_key, EVENT_WRITE)]


def test_many(selector):
    pairs = [socket.socketpair() for _ in range(100)]
    for i, (a, b) in enumerate(pairs):
        selector.register(a, EVENT_READ, i)
        b.send(b"x")
    assert sorted(key.data for key, _ in selector.select(5)) == list(range(100))
    for a, b in pairs:
        a.close()
        b.close()


def test_asyncio_on_it():
    """An asyncio loop in a greenlet, while others run."""
    import asyncio

    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()

    async def main():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            answer = await reader.readline()
            await asyncio.sleep(0.01)
            writer.close()
            return answer

    def run():
        loop = asyncio.SelectorEventLoop(selectors.DefaultSelector())
        try:
            return loop.run_until_complete(main())
        finally:
            loop.close()

    ticks = []

    def tick():
        while True:
            ticks.append(1)
            gevent.sleep(0.001)

    ticking = gevent.spawn(tick)
    assert gevent.spawn(run).get(timeout=10) == b"hello\n"
    ticking.kill()
    assert len(ticks) > 1
