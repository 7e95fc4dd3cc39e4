"""Waiter and MultipleWaiter: from the hub to one greenlet."""

import greencore
import pytest
from greencore._core import MultipleWaiter, Waiter
from greencore.exceptions import BlockingSwitchOutError, ConcurrentObjectUseError
from leaks import assert_no_leak


class Failed(Exception):
    pass


def later(function, *args):
    greencore.get_hub().loop.run_callback(function, *args)


def test_value_comes_while_waiting():
    waiter = Waiter()
    later(waiter.switch, 5)
    assert waiter.get() == 5
    later(waiter.switch_args, 1, 2)
    assert waiter.get() == (1, 2)


def test_value_came_before():
    waiter = Waiter()
    assert not waiter.ready()
    waiter.switch(5)
    assert waiter.ready() and waiter.successful() and waiter.value == 5
    assert waiter.get() == waiter.get() == 5
    waiter.clear()
    assert not waiter.ready() and waiter.value is None


def test_exception():
    waiter = Waiter()
    later(waiter.throw, Failed)
    with pytest.raises(Failed):
        waiter.get()
    waiter.throw(Failed("x"))
    assert waiter.ready() and not waiter.successful() and isinstance(waiter.exc_info[0], Failed)
    with pytest.raises(Failed):
        waiter.get()


def test_only_the_hub_reaches_a_waiting_greenlet():
    waiter = Waiter()
    g = greencore.spawn(waiter.get)
    greencore.sleep(0)
    assert waiter.greenlet is g
    with pytest.raises(AssertionError):
        waiter.switch(1)
    with pytest.raises(AssertionError):
        waiter.throw(Failed)
    later(waiter.switch, 2)
    assert g.get() == 2
    assert waiter.greenlet is None


def test_one_at_a_time():
    waiter = Waiter()
    g = greencore.spawn(waiter.get)
    greencore.sleep(0)
    with pytest.raises(ConcurrentObjectUseError):
        waiter.get()
    later(waiter.switch, None)
    g.join()


def test_get_in_the_hub():
    errors = []

    def callback():
        try:
            Waiter().get()
        except BlockingSwitchOutError as error:
            errors.append(error)

    later(callback)
    greencore.sleep(0)
    assert len(errors) == 1


def test_as_a_link():
    waiter = Waiter()
    greencore.spawn(lambda: 3).rawlink(waiter)
    assert waiter.get() == 3
    failed = Waiter()
    greencore.spawn(int, "x").rawlink(failed)
    with pytest.raises(ValueError):
        failed.get()


def test_bad_hub():
    with pytest.raises(TypeError):
        Waiter(5)
    with pytest.raises(ValueError):
        Waiter.__new__(Waiter).get()


def test_multiple():
    waiter = MultipleWaiter()
    waiter.switch(1)
    waiter.switch(2)
    assert [waiter.get(), waiter.get()] == [1, 2]
    later(waiter.switch, 3)
    assert waiter.get() == 3


def test_repr():
    waiter = Waiter()
    assert repr(waiter) == "<Waiter greenlet=None>"
    waiter.switch(1)
    assert repr(waiter) == "<Waiter greenlet=None value=1>"


def test_no_leak():
    def cycle():
        waiter = Waiter()
        later(waiter.switch, object())
        waiter.get()
        waiter.throw(Failed)
        try:
            waiter.get()
        except Failed:
            pass
        multiple = MultipleWaiter()
        multiple.switch(multiple)
        multiple.get()

    assert_no_leak(cycle)
