"""py-spy sees the greenlet that runs, and the hub's stack below a main greenlet that waits."""

import subprocess
import sys

import pytest
from processes import HERE, running, script


def test_dump():
    with running("traced.py", "stay", ready="staying") as process:
        command = [script("py-spy"), "dump", "--pid", str(process.process.pid)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MainThread" in done.stdout


@pytest.mark.parametrize("words", [(), ("--native",)], ids=["python", "native"])
def test_record_of_busy_greenlets(tmp_path, words):
    code = (
        "import gevent, time\n"
        "def busy_in_a_greenlet():\n"
        "    end = time.monotonic() + 1\n"
        "    while time.monotonic() < end:\n"
        "        sum(range(1000))\n"
        "        gevent.sleep(0)\n"
        "gevent.joinall([gevent.spawn(busy_in_a_greenlet) for _ in range(5)])\n"
    )
    path = tmp_path / "record"
    command = [script("py-spy"), "record", *words, "-f", "raw", "-o", str(path), "--", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = path.read_text().splitlines()
    samples = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}
    busy = sum(count for stack, count in samples.items() if "busy_in_a_greenlet" in stack)
    assert busy > sum(samples.values()) / 2, path.read_text()
