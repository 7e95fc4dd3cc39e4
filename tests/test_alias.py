"""The names gevent and greenlet: greencore's own modules under both names."""

import importlib
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import _greencore_alias

ROOT = Path(__file__).resolve().parent.parent


def run(code, *options, python=sys.executable, **env):
    """Run `code` in a new interpreter and return what it prints, read as JSON."""
    done = subprocess.run(
        [python, *options, "-c", textwrap.dedent(code)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_top_level_is_the_same_module():
    import gevent
    import greencore

    assert gevent is greencore
    assert gevent.__name__ == "gevent"
    assert gevent.__spec__.name == "gevent"


@pytest.mark.parametrize("name", ["event", "hub", "queue", "lock", "timeout", "greenlet"])
def test_submodule_is_the_same_module(name):
    ours = importlib.import_module(f"greencore.{name}")
    assert importlib.import_module(f"gevent.{name}") is ours
    assert ours.__spec__.name == f"gevent.{name}"
    assert ours.__spec__.loader.__class__.__name__ == "SourceFileLoader"


def test_import_as():
    import gevent.event as event
    import greencore.event

    assert event is greencore.event


def test_greenlet_is_the_raw_module():
    import greenlet
    import greenlet._greenlet
    from greencore import _core

    assert greenlet.greenlet is _core.greenlet
    assert greenlet._greenlet.greenlet is _core.greenlet
    assert hasattr(greenlet, "__path__")


def test_either_name_first():
    code = """
        import json, sys
        import {0}.event, {1}.event
        print(json.dumps({0}.event is {1}.event and sys.modules["gevent.event"] is sys.modules["greencore.event"]))
    """
    assert run(code.format("gevent", "greencore")) is True
    assert run(code.format("greencore", "gevent")) is True


def test_sys_modules_has_both_names():
    """Programs look for "gevent.monkey" in sys.modules, whichever way it was imported."""
    assert run(
        """
        import json, sys
        from gevent import monkey
        import gevent.lock, greencore.pool
        names = [name for name in sys.modules if name.startswith("greencore.")]
        from _greencore_alias import name_of
        missing = [name for name in names if sys.modules.get(name_of(name)) is not sys.modules[name]]
        print(json.dumps(["gevent.monkey" in sys.modules, missing]))
        """
    ) == [True, []]


@pytest.mark.parametrize("name", sorted(_greencore_alias.MOVED))
def test_private_module_by_gevents_name(name):
    """It is imported, and an attribute of its package, as in gevent, wherever greencore keeps it."""
    package, _, last = name.rpartition(".")
    ours = importlib.import_module(_greencore_alias.MOVED[name])
    assert importlib.import_module(name) is ours
    assert getattr(importlib.import_module(package), last) is ours
    assert ours.__spec__.name == ours.__name__ == _greencore_alias.name_of(name)
    assert ours.__name__ in (name, "gevent._base.originals")


def test_private_module_is_an_attribute_before_it_is_imported():
    assert run(
        """
        import gevent, json, sys
        before = "greencore.compat._semaphore" in sys.modules
        print(json.dumps([before, gevent._semaphore.Semaphore.__name__, gevent._config.config is gevent.config,
                          "gevent._semaphore" in sys.modules, "gevent.compat._semaphore" in sys.modules]))
        """
    ) == [False, "Semaphore", True, True, False]


def test_attribute_imports_the_submodule():
    assert run(
        """
        import gevent, json, sys
        before = "gevent.queue" in sys.modules
        print(json.dumps([before, gevent.queue is sys.modules["gevent.queue"]]))
        """
    ) == [False, True]


def test_unknown_submodule_is_reported_by_its_own_name():
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("gevent.no_such_module")
    assert caught.value.name == "gevent.no_such_module"
    assert importlib.util.find_spec("gevent.no_such_module") is None


def test_other_names_are_not_answered():
    for name in ("geventhttpclient", "greenletio", "json", "gevent_", "greencore_"):
        assert _greencore_alias.AliasFinder.find_spec(name) is None


def test_find_spec_without_import():
    """importlib.util.find_spec is how programs ask whether gevent is installed."""
    assert run(
        """
        import importlib.util, json, sys
        spec = importlib.util.find_spec("gevent")
        print(json.dumps([spec.origin.endswith("__init__.py"), len(spec.submodule_search_locations),
                          "greencore" in sys.modules]))
        """
    ) == [True, 1, False]


def test_source_and_resources_through_the_alias():
    spec = _greencore_alias.AliasFinder.find_spec("greencore.event")
    assert spec.loader.get_code("greencore.event").co_filename == spec.origin
    assert spec.loader.get_source("greencore.event") == Path(spec.origin).read_text()
    with pytest.raises(AttributeError):
        spec.loader.no_such_method


def test_reload_keeps_the_module():
    assert run(
        """
        import importlib, json, gevent.timeout as timeout
        again = importlib.reload(timeout)
        print(json.dumps(again is timeout and timeout.__spec__.name == "gevent.timeout"))
        """
    )


def test_pickle_by_either_name():
    import gevent.queue

    error = pickle.loads(pickle.dumps(gevent.queue.Full("x")))
    assert type(error) is gevent.queue.Full
    assert b"gevent" in pickle.dumps(gevent.queue.Channel) and b"greenlet" in pickle.dumps(gevent.GreenletExit)
    for package in ("gevent", "greencore"):
        assert pickle.loads(f"c{package}.queue\nChannel\n.".encode()) is gevent.queue.Channel
        assert pickle.loads(f"c{package}._socket3\nsocket\n.".encode()) is gevent.socket.socket
    for module in ("greenlet", "greencore._greenlet_module"):
        assert pickle.loads(f"c{module}\nGreenletExit\n.".encode()) is gevent.GreenletExit


def test_names_are_decided_once():
    """What was imported before the finder came keeps greencore's names; gevent's lead to it."""
    assert run(
        """
        import json, pickle, sys
        import greencore.alias, greencore.event
        greencore.alias.install()
        import gevent.event, gevent.queue, greenlet
        assert gevent is greencore and gevent.event is greencore.event and gevent.queue is sys.modules["greencore.queue"]
        print(json.dumps([gevent.__name__, greenlet.__name__, repr(gevent.queue.Queue), repr(gevent.GreenletExit),
                          pickle.loads(b"cgevent.event\\nEvent\\n.") is pickle.loads(pickle.dumps(greencore.event.Event)),
                          "gevent.event" in sys.modules]))
        """,
        GREENCORE_ALIAS="0",
    ) == [
        "greencore", "greencore._greenlet_module", "<class 'greencore.queue.Queue'>",
        "<class 'greencore._greenlet_module.GreenletExit'>", True, True,
    ]


def test_names_in_use_are_not_given_up():
    assert run(
        """
        import json
        import greencore.alias, gevent
        greencore.alias.uninstall()
        import gevent.queue, greencore.queue, greencore._greenlet_module, greenlet
        print(json.dumps(gevent.queue is greencore.queue and greencore._greenlet_module is greenlet))
        """
    ) is True


def test_import_error_of_a_module_is_not_hidden(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import _greencore_alias; _greencore_alias.install()\n")
    assert run(
        """
        import json, sys
        sys.modules["greencore._core"] = None
        try:
            import gevent.event
        except ImportError as error:
            print(json.dumps([error.name, "gevent.event" in sys.modules]))
        """,
        PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}",
    ) == ["greencore._core", False]


def test_module_run_through_the_alias(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import socket, sys, gevent.socket\nprint(socket.socket is gevent.socket.socket, sys.argv[1:])\n")
    done = subprocess.run(
        [sys.executable, "-m", "gevent.monkey", str(script), "one"],
        capture_output=True, text=True, timeout=60,
    )
    assert (done.stdout, done.returncode) == ("True ['one']\n", 0), done.stderr


def test_install_and_uninstall_are_idempotent(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    _greencore_alias.install()
    _greencore_alias.install()
    assert sys.meta_path.count(_greencore_alias.AliasFinder) == 1
    monkeypatch.delitem(sys.modules, "greencore")  # or its names would be in use
    _greencore_alias.uninstall()
    _greencore_alias.uninstall()
    assert _greencore_alias.AliasFinder not in sys.meta_path


def test_start_imports_nothing_but_the_finder():
    assert run(
        """
        import sys
        before = set(sys.modules)
        exec(open({!r}).read())
        added = sorted(set(sys.modules) - before)
        import json
        print(json.dumps(added))
        """.format(str(ROOT / "greencore-alias.pth")),
        PYTHONPATH=str(ROOT),
    ) == ["_greencore_alias"]
