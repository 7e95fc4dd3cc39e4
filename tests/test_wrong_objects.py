"""C types and functions with objects that they aren't made for: exceptions, and never a crash."""

import pytest

import gevent.core
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
