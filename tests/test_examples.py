"""The examples run, and say what their docstrings promise."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def run(script, *arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "greencore", str(EXAMPLES / script), *arguments],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == status, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_determinism():
    first, second = run("determinism.py")
    assert first.split(":")[1].strip() == second.split(":")[1].strip()


def test_waiting():
    said = [line.split(": ")[1] for line in run("waiting.py")]
    assert said == ["one polls", "two polls", "something else runs meanwhile", "two is done", "one is done"]


def test_spawning():
    assert run("spawning.py") == ["Greenlet.spawn!", "gevent.spawn!", "gevent.spawn_later!", "a class!"]


def test_states():
    assert run("states.py") == [
        "begun: started=True ready=False successful=False value=None exception=None",
        "good: started=False ready=True successful=True value=2.0 exception=None",
        "bad : started=False ready=True successful=False value=None exception=ZeroDivisionError('division by zero')",
        "get() raises it again: division by zero",
    ]


def test_shutdown():
    lines = run("shutdown.py")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        lines[2:] = sorted(lines[2:])  # whom it finds first is the collector's order, which is none there
    assert lines == ["one serves", "two serves", "one tidies up", "two tidies up"]


def test_timeouts():
    assert run("timeouts.py") == [
        "a block that was left silently",
        "a call with a value instead: none yet",
        "an exception of one's own: after 50 ms",
        "join gave up: 0.05 seconds",
    ]


def test_events():
    assert run("events.py") == [
        "the shop opens",
        "Ann enters and pays 3.50",
        "Bob enters and pays 3.50",
        "Cleo enters and pays 3.50",
        "waiting now takes no time: True 3.50",
    ]


def test_queues():
    lines = run("queues.py")
    assert sorted(line for line in lines if "sells" in line or "closes" in line) == sorted(
        [f"{shop} sells {number}" for shop, number in zip(["north", "south", "north", "south", "north"], range(1, 6))]
        + ["north closes", "south closes"]
    )
    assert all(int(line.split()[3]) <= 2 for line in lines if line.startswith("baked"))


@pytest.fixture
def pages():
    server = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "pages" / "server.py"), "0.01"], stdout=subprocess.PIPE, text=True
    )
    yield server.stdout.readline().strip()
    server.terminate()
    server.wait()
    server.stdout.close()


@pytest.mark.parametrize("script", ["legacy.py", "green.py"])
def test_pages(pages, script):
    assert run(f"pages/{script}", pages)[-1].startswith("200 pages, 40")
    assert run(f"pages/{script}", pages, "1")[-1].startswith("1 pages, 20")


def test_every_example_is_in_the_tour():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import tour
    finally:
        sys.path.remove(str(EXAMPLES))
    assert {f"{topic}.py" for topic in tour.TOPICS} | {"tour.py"} == set(os.listdir(EXAMPLES)) - {"pages", "howto", "__pycache__"}
