"""C types and functions with objects that they aren't made for: exceptions, and never a crash."""

import gc

import pytest

import gevent.core
import gevent.socket
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
