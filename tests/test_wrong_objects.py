"""C types and functions with objects that they aren't made for: exceptions, and never a crash."""

import gc
import pickle

import pytest

import gevent.core
import gevent.event
import gevent.socket
from gevent.exceptions import ConcurrentObjectUseError
from gevent.pywsgi import WSGIHandler, WSGIServer
from greencore import _core
from isolated.run import run_script


def test_everything_with_wrong_objects():
    printed = run_script("wrong_objects.py").split()
    assert {"loop", "callback", "Waiter", "Socket", "waiting"} <= set(printed)


def test_a_callback_comes_from_its_loop_alone():
    kind = type(gevent.core.loop(default=False).run_callback(len))
    for make in (kind, lambda: kind.__new__(kind), lambda: object.__new__(kind)):
        with pytest.raises(TypeError):
            make()


@pytest.mark.parametrize("error", [(len, (1,), None), (ValueError, None, 1), (None, None, None)])
def test_what_is_no_exception_is_not_handled(error):
    with pytest.raises(TypeError, match="a class of exceptions"):
        gevent.core.loop(default=False).handle_error(None, *error)


def test_an_error_nobody_handles_is_printed(capsys):
    loop = gevent.core.loop(default=False)
    for value in (None, "text", ValueError("text")):
        loop.handle_error(None, ValueError, value, None)
    assert capsys.readouterr().err.split() == ["ValueError", "ValueError:", "text", "ValueError:", "text"]
    loop.destroy()


def test_a_timeout_without_its_exception():
    timeout = gevent.Timeout(5, ValueError)
    del timeout.exception
    assert timeout.exception is None and "exception" not in repr(timeout)


class Lender:
    """What a handler asks its server for."""

    def __init__(self):
        self.service = _core.Service()

    def _lend(self):
        return self.service, None, False, None


def test_a_handler_keeps_its_connection_when_the_attribute_is_set():
    ours, theirs = gevent.socket.socketpair()
    handler = _core.WSGIHandlerBase(ours, ("x", 1), Lender())
    handler.socket = None
    del ours
    gc.collect()
    handler._sendall(b"here")
    with theirs:
        assert theirs.recv(10) == b"here"
    del handler.socket, handler.server, handler.client_address
    assert (handler.socket, handler.server, handler.client_address) == (None, None, None)


def test_a_handler_is_made_once():
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        handler = _core.WSGIHandlerBase(ours, ("x", 1), Lender())
        with pytest.raises(RuntimeError, match="made once"):
            handler.__init__(theirs, ("y", 2), Lender())
        assert handler.socket is ours


def test_no_environ_without_a_request():
    class WithEnviron(Lender):
        def get_environ(self):
            return {}

    ours, theirs = gevent.socket.socketpair()
    with ours, theirs:
        handler = _core.WSGIHandlerBase(ours, ("x", 1), WithEnviron())
        with pytest.raises(RuntimeError, match="no request"):
            handler.get_environ()
        theirs.sendall(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nrest")
        assert handler.read_request(handler.read_requestline())
        assert handler.get_environ()["PATH_INFO"] == "/a"
        with pytest.raises(RuntimeError, match="no request"):
            handler.get_environ()


def test_a_timeout_of_infinity_is_none():
    service = _core.Service()
    service.keepalive_timeout = float("inf")
    assert service.keepalive_timeout is None
    with pytest.raises(ValueError):
        service.keepalive_timeout = float("nan")


class Odd:
    """A socket of a class of its own, which receives and sends as it likes."""

    def __init__(self, receive, send=lambda view: None):
        self.recv_into = receive
        self.sendall = send

    def settimeout(self, seconds):
        pass

    def close(self):
        pass


REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n"


def one_request(view):
    view[: len(REQUEST)] = REQUEST
    return len(REQUEST)


def served(application, receive, send=lambda view: None):
    """Let a handler serve a connection that receives and sends by these functions."""
    server = WSGIServer(("127.0.0.1", 0), application, log=None)
    server.handler_class(Odd(receive, send), ("192.0.2.1", 1), server).handle()


@pytest.mark.parametrize("count, error", [(1 << 40, ValueError), (-2, ValueError), (-1, ValueError), (None, TypeError)])
def test_a_number_of_bytes_that_cannot_have_been_received(count, error):
    with pytest.raises(error):
        served(None, lambda view: count)


def test_a_view_that_a_socket_keeps_is_of_no_memory():
    kept = []

    def receive(view):
        kept.append(view)
        return one_request(view) if len(kept) == 1 else 0

    def application(environ, start_response):
        start_response("200 OK", [])
        return [b"text"]

    served(application, receive, kept.append)
    assert len(kept) >= 2
    for view in kept:
        with pytest.raises(ValueError, match="released"):
            bytes(view)


def test_a_view_that_is_still_in_use_when_its_socket_returns():
    used = []

    def receive(view):
        used.append(pickle.PickleBuffer(view))
        return 0

    with pytest.raises(BufferError):
        served(None, receive)


def test_a_socket_that_receives_after_its_connection_has_ended():
    """What it is given to receive into is no other connection's by then."""
    late = gevent.event.Event()
    calls = []

    def receive(view):
        calls.append(view)
        if len(calls) == 1:
            return one_request(view)
        late.wait()
        view[:3] = b"bad"
        return 3

    readers = []

    def application(environ, start_response):
        readers.append(gevent.spawn(environ["wsgi.input"].readline))
        gevent.sleep(0)
        start_response("204 No Content", [])
        return []

    queries = []

    def other(environ, start_response):
        queries.append(environ["QUERY_STRING"])
        start_response("204 No Content", [])
        return []

    served(application, receive)
    ours, theirs = gevent.socket.socketpair()
    server = WSGIServer(("127.0.0.1", 0), other, log=None)
    with ours, theirs:
        serving = gevent.spawn(server.handler_class(ours, ("192.0.2.1", 1), server).handle)
        theirs.sendall(b"GET /?" + b"x" * 500)
        gevent.sleep(0.001)
        late.set()
        with pytest.raises(OSError):
            readers[0].get()
        theirs.sendall(b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        serving.get()
    assert queries == ["x" * 500]


def test_a_connection_is_not_handed_over_while_its_body_is_read():
    handlers = []
    outcomes = []

    class Handler(WSGIHandler):
        def run_application(self):
            handlers.append(self)
            super().run_application()

    def application(environ, start_response):
        reader = gevent.spawn(environ["wsgi.input"].readline)
        gevent.sleep(0)
        with pytest.raises(ConcurrentObjectUseError):
            handlers[0].hand_over()
        theirs.sendall(b"a line\n" + b"x" * 93)
        outcomes.append(reader.get())
        environ["wsgi.input"].read()
        sock, rest = handlers[0].hand_over()
        outcomes.append((sock, rest))
        return []

    ours, theirs = gevent.socket.socketpair()
    server = WSGIServer(("127.0.0.1", 0), application, log=None, handler_class=Handler)
    with ours, theirs:
        theirs.sendall(REQUEST)
        Handler(ours, ("192.0.2.1", 1), server).handle()
    assert outcomes == [b"a line\n", (ours, b"")]


class Vague:
    """It says neither whether it is true nor what number it is."""

    def __bool__(self):
        raise ZeroDivisionError

    __float__ = __int__ = __index__ = __bool__


def task():
    return _core.Task(gevent.get_hub().loop, None, None, len, ())


STARTED = []


def started():
    g = gevent.spawn(gevent.sleep, 10)
    STARTED.append(g)
    gevent.sleep(0)
    return g


def odd_error():
    return type("Odd", (Exception,), {"__new__": lambda cls, *args: 5})


def pair():
    return gevent.socket.socketpair()[0]


def priority(value):
    with gevent.get_hub().loop.timer(100) as timer:
        timer.start(len)
        timer.priority = value


WRONG = {
    "write_unraisable": (lambda: _core.write_unraisable(5), TypeError),
    "waiting": (lambda: _core.waiting(5), TypeError),
    "set_socket_class": (lambda: _core.set_socket_class(int), TypeError),
    "wait_any": (lambda: _core.wait_any({}, 0, 5), TypeError),
    "os_close": (lambda: _core.os_close("text"), TypeError),
    "time_sleep": (lambda: _core.time_sleep(Vague()), ZeroDivisionError),
    "Task.handle_error": (lambda: task().handle_error(), TypeError),
    "Lock.acquire": (lambda: _core.Lock().acquire(timeout=1e300), OverflowError),
    "stat": (lambda: gevent.get_hub().loop.stat("/", float("nan")), ValueError),
    "io": (lambda: gevent.get_hub().loop.io(0, 1, priority="text"), TypeError),
    "priority": (lambda: priority(1), (AttributeError, ValueError)),
    "channel": (lambda: _core.channel(gevent.get_hub().loop, servers="text"), ValueError),
    "recv": (lambda: pair().recv(1, 1 << 40), OverflowError),
    "throw, arguments": (lambda: started().throw(KeyError, 2, None, 4), TypeError),
    "Greenlet, twice": (lambda: gevent.Greenlet(len, run=len), TypeError),
    "spawn_later": (lambda: gevent.Greenlet.spawn_later(1), TypeError),
    "joinall": (lambda: gevent.joinall([], raise_error=Vague()), ZeroDivisionError),
    "kill": (lambda: started().kill(block=Vague()), ZeroDivisionError),
    "wait": (lambda: gevent.wait(1, 2, 3, 4), TypeError),
    "iwait": (lambda: gevent.iwait([], count=Vague()), ZeroDivisionError),
}
if hasattr(_core, "track_asyncio"):  # up to 3.12: a thread has one running loop for all its greenlets
    WRONG["track_asyncio"] = (lambda: _core.track_asyncio(), TypeError)


@pytest.mark.parametrize("name", WRONG)
def test_refused(name):
    call, error = WRONG[name]
    try:
        with pytest.raises(error):
            call()
    finally:
        gevent.killall(STARTED)
        STARTED.clear()


def test_what_is_thrown_is_an_exception():
    g = started()
    with pytest.raises(TypeError):
        g.throw(odd_error(), "text")
    with pytest.raises(TypeError):
        g.kill((KeyError, None, "no traceback"))
    g.kill((KeyError, ("one", "two"), None))
    assert g.exception.args == ("one", "two")
