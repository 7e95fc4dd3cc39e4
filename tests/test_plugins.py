"""Plug-ins: entry points of installed packages, made here by hand in folders of `sys.path`."""

import importlib.metadata
import json
import os
import subprocess
import sys
import textwrap

import pytest

PATCH = """
    import json, sys
    from gevent import monkey
    monkey.patch_all()
    import greencore.socket, socket
    print(json.dumps([socket.socket is greencore.socket.socket, "importlib.metadata" in sys.modules, getattr(monkey, "seen", [])]))
"""
# What each release of gevent from 22.10 to 26.9 has.
OWN = "[gevent.plugins.monkey.will_patch_all]\nsignal_os_incompat = gevent.monkey:_subscribe_signal_os\n"
OTHERS = "\n".join(
    f"[gevent.plugins.monkey.{event}]\nother = plugin_of_others:note\n"
    for event in ("will_patch_all", "will_patch_module", "did_patch_module", "did_patch_builtins", "did_patch_all")
)


def install(folder, name, entry_points):
    """Lay into `folder` what pip leaves of a package, the name that of its folder."""
    info = folder / name
    info.mkdir(parents=True)
    distribution = name.partition("-")[0].partition(".")[0]
    (info / ("METADATA" if name.endswith(".dist-info") else "PKG-INFO")).write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(entry_points)


def run(code, folder):
    """Run `code` in a new interpreter with `folder` in its path and return what it prints, read as JSON."""
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(folder)])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def others(tmp_path):
    """A folder with a package whose plug-in notes each event."""
    install(tmp_path, "Other_Package-1.0.dist-info", OTHERS)
    (tmp_path / "plugin_of_others.py").write_text(
        "from gevent import monkey\nmonkey.seen = []\n\n\ndef note(event):\n"
        "    monkey.seen.append(type(event).__name__)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["gevent-26.9.0.dist-info", "gevent-22.10.1.dist-info", "gevent-21.12.0-py3.11.egg-info", "gevent.egg-info"],
)
def test_gevents_own_are_left_alone(tmp_path, name):
    install(tmp_path, name, OWN)
    patched, looked, _ = run(PATCH, tmp_path)
    assert patched and not looked


def test_gevents_own_in_an_egg_are_left_alone(tmp_path):
    egg = tmp_path / "gevent-21.12.0-py3.11-linux-x86_64.egg"
    install(egg, "EGG-INFO", OWN)
    (egg / "EGG-INFO" / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: gevent\nVersion: 21.12.0\n")
    code = f"import sys; sys.path.append({str(egg)!r})\n" + textwrap.dedent(PATCH)
    assert run(code, tmp_path)[0]


@pytest.mark.parametrize("beside", [False, True])
def test_others_get_each_event(others, beside):
    if beside:
        install(others, "gevent-26.9.0.dist-info", OWN)
    seen = run(PATCH, others)[2]
    assert (seen[0], *seen[-2:]) == (
        "GeventWillPatchAllEvent", "GeventDidPatchBuiltinModulesEvent", "GeventDidPatchAllEvent",
    )
    assert {"GeventWillPatchModuleEvent", "GeventDidPatchModuleEvent"} == set(seen[1:-2])


def test_names_that_begin_like_gevents(tmp_path):
    install(tmp_path, "gevent_websocket-0.10.dist-info", OTHERS)
    (tmp_path / "plugin_of_others.py").write_text(
        "def note(event):\n    from gevent import monkey\n    monkey.seen = ['noted']\n"
    )
    assert run(PATCH, tmp_path)[2] == ["noted"]


def test_a_plugin_that_cannot_be_loaded_is_reported(others):
    (others / "plugin_of_others.py").write_text("")
    with pytest.raises(AssertionError, match="has no attribute 'note'"):
        run(PATCH, others)


def test_beside_the_installed_one():
    """The real gevent of the tests' environment has such entry points, and programs are patched all the same."""
    if not importlib.metadata.packages_distributions().get("gevent"):
        pytest.skip("run without the real gevent")
    assert any(point.dist.name == "gevent" for point in importlib.metadata.entry_points(group="gevent.plugins.monkey.will_patch_all"))
    assert run(PATCH, "")[0]
