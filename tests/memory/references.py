"""A pytest plugin for a debug build of Python: a test that leaks references fails.

    PYTHONPATH=tests/memory python3.11-dbg -m pytest -p references tests/test_raw_greenlet.py

Each test function without fixtures is called again and again, until the number of references that exist settles. One
that has more of them after every round leaks. Those with fixtures run once, and say nothing about references.
"""

import gc
import sys

import pytest

import _greencore_alias

_greencore_alias.install()  # before the types are made, which have their names from it
from greencore._core import get_hub_if_exists, sleep  # noqa: E402

WARM_UP = 3
ROUNDS = 4

# A parked greenlet of an exited thread or a destroyed hub can't be unwound: what only its C frames refer to is lost.
LOSING = ("exited_thread", "thread_that_ended", "destroyed_hub")


def settle():
    """Let go what the loop is to give up when it next polls."""
    if get_hub_if_exists() is not None:
        sleep(0.001)


def count(parameters):
    for parameter in parameters:
        if isinstance(parameter, BaseException):
            parameter.__traceback__ = None  # raised again in each round, it grows
    settle()
    gc.collect()
    gc.collect()
    return sys.gettotalrefcount()


def pytest_configure(config):
    if not hasattr(sys, "gettotalrefcount"):
        raise pytest.UsageError("references are only counted by a debug build of Python")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    result = yield
    params = getattr(pyfuncitem, "callspec", None)
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    if any(word in pyfuncitem.name for word in LOSING) or set(arguments) - set(params.params if params else ()):
        return result
    for _ in range(WARM_UP):
        pyfuncitem.obj(**arguments)
    counts = [count(arguments.values())]
    for _ in range(ROUNDS):
        pyfuncitem.obj(**arguments)
        counts.append(count(arguments.values()))
    growth = [after - before for before, after in zip(counts, counts[1:])]
    # One reference a round is the list of counts itself.
    assert min(growth) <= 1, f"references leaked in each round: {growth}"
    return result
