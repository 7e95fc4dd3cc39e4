"""Another libuv-based library joins the loop through its uv_loop_t."""

import shlex
import subprocess

import pytest
from extensions import loaded
from greencore import core


@pytest.fixture(scope="module")
def uvguest(tmp_path_factory):
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libuv"], check=True, capture_output=True, text=True
    ).stdout
    return loaded("uvguest", tmp_path_factory.mktemp("uvguest"), *shlex.split(flags))


def test_its_handles_keep_the_loop_running_and_fire(uvguest):
    loop = core.loop(default=False)
    seen = []
    uvguest.start(loop.uv_loop, 5, lambda: seen.append("called"))
    loop.run()
    assert seen == ["called"]
    loop.destroy()


def test_its_callbacks_may_wake_the_loop(uvguest):
    loop = core.loop(default=False)
    seen = []
    woken = loop.async_()
    woken.start(lambda: (seen.append("woken"), woken.stop()))
    uvguest.start(loop.uv_loop, 5, woken.send)
    loop.run()
    assert seen == ["woken"]
    loop.destroy()


def test_the_capsule_keeps_the_loop(uvguest):
    loop = core.loop(default=False)
    capsule = loop.uv_loop
    del loop
    uvguest.start(capsule, 1, lambda: None)
    with pytest.raises(ValueError):
        uvguest.start("no capsule", 1, print)
