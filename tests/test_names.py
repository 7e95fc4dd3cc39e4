"""Every public name of gevent 26.9 and greenlet 3.5 is there, with its attributes and its arguments.

Not those that speak of libev or Python 2, nor those that an instance alone has. data/names.txt has a line for each module
(`gevent.event: AsyncResult Event`) and for each class
(`gevent.event:Event: clear() value wait(timeout=)`). What it says of a call are the arguments that may be given by
position, in this order, and by name; `=` marks those that may be left out.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest

LINES = (Path(__file__).parent / "data" / "names.txt").read_text().splitlines()
ENTRIES = [line.rsplit(": ", 1) for line in LINES]


@pytest.mark.parametrize("owner, names", ENTRIES, ids=[owner for owner, _ in ENTRIES])
def test_names(owner, names):
    module, _, attribute = owner.partition(":")
    found = importlib.import_module(module)
    if attribute:
        found = getattr(found, attribute)
    missing = [name for name in re.sub(r"\(.*?\)", "", names).split() if not hasattr(found, name)]
    assert missing == []


CALLS = [
    (owner, *match.groups()) for owner, names in ENTRIES for match in re.finditer(r"(\w+)\((.*?)\)", names)
]


@pytest.mark.parametrize("owner, name, wanted", CALLS, ids=[f"{owner}.{name}" for owner, name, _ in CALLS])
def test_arguments(owner, name, wanted):
    module, _, attribute = owner.partition(":")
    found = importlib.import_module(module)
    function = getattr(getattr(found, attribute) if attribute else found, name)
    parameters = list(inspect.signature(function).parameters.values())
    if parameters and parameters[0].name == "self":
        del parameters[0]
    by_place = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    for place, argument in enumerate(wanted.split(",") if wanted else ()):
        optional = argument.endswith("=")
        same = by_place[place] if place < len(by_place) else None
        if same is None or same.name != argument.rstrip("="):
            # By name alone, if at all: what comes after `*args` there.
            same = next(each for each in parameters if each.name == argument.rstrip("=") and each.kind is each.KEYWORD_ONLY)
        assert not optional or same.default is not same.empty


def test_star_import_gives_what_is_declared():
    import gevent

    names = {}
    exec("from gevent import *", names)
    assert set(gevent.__all__) <= set(names)


def test_top_level_names_are_those_of_their_modules():
    import gevent.greenlet
    import gevent.hub
    import gevent.timeout

    assert gevent.Greenlet is gevent.greenlet.Greenlet
    assert gevent.spawn == gevent.greenlet.Greenlet.spawn
    assert gevent.sleep is gevent.hub.sleep
    assert gevent.Timeout is gevent.timeout.Timeout
    assert gevent.signal_handler is gevent.hub.signal


def test_top_level_function_can_be_replaced_and_restored(monkeypatch):
    import gevent

    before = gevent.sleep
    with monkeypatch.context() as patch:
        patch.setattr(gevent, "sleep", len)
        assert gevent.sleep is len
    assert gevent.sleep is before


def test_unknown_attribute():
    import gevent

    with pytest.raises(AttributeError, match="no_such_name"):
        gevent.no_such_name
    assert not hasattr(gevent, "__wrapped__")


def test_signal_is_a_module_and_a_function():
    import signal

    import gevent

    assert gevent.signal.SIGTERM is signal.SIGTERM
    watcher = gevent.signal(signal.SIGUSR1, len)
    watcher.cancel()
    assert isinstance(watcher, gevent.signal_handler)


def test_version_can_be_compared():
    from packaging.version import Version

    import gevent

    assert Version(gevent.__version__) >= Version("24.10.1")
    assert gevent.version_info[:2] == tuple(int(part) for part in gevent.__version__.split(".")[:2])
