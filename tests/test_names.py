"""Every public name of gevent 26.9 and greenlet 3.5 is there, with its attributes and its arguments.

Not those that speak of libev or Python 2, nor those that an instance alone has. data/names.txt has a line for each module
(`gevent.event: AsyncResult Event`) and for each class
(`gevent.event:Event: clear() value wait(timeout=)`). What it says of a call are the arguments that may be given by
position, in this order, and by name; `=` marks those that may be left out.

data/modules.txt has the `__module__` of each class; `compiled` where that names one of gevent's extensions.
"""

import contextvars
import importlib
import inspect
import json
import os
import pickle
import queue
import re
import subprocess
import sys
import threading
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


# Made again in gevent; here the standard class does what it is needed for.
STANDARD = {
    "gevent.contextvars:Context": contextvars.Context,
    "gevent.contextvars:ContextVar": contextvars.ContextVar,
    "gevent.contextvars:Token": contextvars.Token,
    "gevent.subprocess:CompletedProcess": subprocess.CompletedProcess,
    "gevent.threading:Thread": threading.Thread,
    "gevent.threading:Timer": threading.Timer,
}
if hasattr(queue, "ShutDown"):  # CPython 3.13
    STANDARD["gevent.queue:ShutDown"] = queue.ShutDown
HOMES = [line.split() for line in (Path(__file__).parent / "data" / "modules.txt").read_text().splitlines()]


@pytest.mark.parametrize("place, home", HOMES, ids=[place for place, _ in HOMES])
def test_where_a_class_is_said_to_be(place, home):
    module, _, name = place.partition(":")
    cls = getattr(importlib.import_module(module), name)
    if place in STANDARD:
        assert cls is STANDARD[place]
    elif home != "compiled":
        assert cls.__module__ == home
    else:
        assert cls.__module__.startswith("gevent.")


# Prints, of each class of the modules that are its arguments and of what it derives from, how it reads; asserts that it is
# found there.
WALK = """
import importlib, json, sys

homes = {}
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    assert module.__name__ in sys.modules
    for value in list(vars(module).values()):
        for cls in value.__mro__ if isinstance(value, type) else ():
            top = cls.__module__.split(".")[0]
            if top in ("greencore", "gevent", "greenlet"):
                home = importlib.import_module(cls.__module__)
                assert home.__name__ == cls.__module__ or home.__name__ in ("gevent.compat", "greencore.compat"), cls
                found = home
                for part in cls.__qualname__.split("."):
                    found = getattr(found, part)
                assert found is cls, cls
                assert repr(cls) == f"<class '{cls.__module__}.{cls.__qualname__}'>"
                homes[f"{cls.__module__}.{cls.__qualname__}"] = top
print(json.dumps(homes))
"""


@pytest.mark.parametrize("alias", ["0", "1"])
def test_every_class_is_found_by_its_name(alias):
    """And reads as gevent's where the names gevent and greenlet are answered, else as greencore's."""
    modules = sorted({owner.partition(":")[0] for owner, _ in ENTRIES})
    if alias == "0":
        modules = [re.sub("^greenlet", "greencore._greenlet_module", re.sub("^gevent", "greencore", name)) for name in modules]
    done = subprocess.run(
        [sys.executable, "-c", WALK, *modules],
        env={**os.environ, "GREENCORE_ALIAS": alias}, capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stderr
    homes = json.loads(done.stdout)
    assert len(homes) > 120
    assert set(homes.values()) == ({"greencore"} if alias == "0" else {"gevent", "greenlet"})
    assert ("greenlet.GreenletExit" in homes) == (alias == "1")


def test_objects_and_modules_read_as_gevents():
    import greenlet

    import gevent.lock
    import gevent.socket
    import gevent.thread

    assert gevent.__name__ == "gevent" and gevent.socket.__name__ == "gevent.socket"
    assert (greenlet.__name__, greenlet._greenlet.__name__) == ("greenlet", "greenlet._greenlet")
    assert repr(gevent.lock).startswith("<module 'gevent.lock'")
    assert type(gevent.thread.allocate_lock()).__module__ == "gevent.thread"
    assert repr(gevent.thread.allocate_lock()).startswith("<unlocked gevent.thread.LockType object at 0x")
    assert repr(greenlet.getcurrent()).startswith("<greenlet.greenlet object at 0x")
    assert repr(gevent.socket.socket) == "<class 'gevent._socket3.socket'>"
    with gevent.socket.socket() as sock:
        assert repr(sock).startswith(f"<gevent._socket3.socket at {id(sock):#x} object, fd={sock.fileno()}, family=")
    assert repr(sock).startswith(f"<gevent._socket3.socket [closed] at {id(sock):#x} object, fd=-1, ")


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


def test_the_sleep_of_time_is_found_by_its_name():
    import gevent.time

    sleep = gevent.time.sleep
    assert (sleep.__module__, sleep.__name__) == (gevent.time.__name__, "sleep")
    assert pickle.loads(pickle.dumps(sleep)) is sleep
