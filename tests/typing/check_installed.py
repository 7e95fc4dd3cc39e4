"""Who is asked about `import gevent` where greencore is installed with others, in any order.

`make lint` runs it: it needs mypy and pyright, and takes the others from the package index.
"""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent.parent
#: Without the clone on the path, which would count as installed.
OUTSIDE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
PROGRAM = """import gevent
import greenlet
reveal_type(gevent.Timeout(1))
reveal_type(greenlet.getcurrent())
"""
OURS, THEIRS = "greencore._core.", "gevent.timeout."
#: Classes by both of their names; the last two lines are wrong, and show that the names are known at all.
BOTH_NAMES = """import greenlet
import gevent.event
import gevent.pool
import gevent.pywsgi
import greencore.event
import greencore.hub
import greencore.pool
import greencore.pywsgi
a: type[greencore.event.Event] = gevent.event.Event
b: type[greencore.pool.Pool] = gevent.pool.Pool
c: type[greencore.pywsgi.WSGIServer] = gevent.pywsgi.WSGIServer
d: type[greencore.hub.RawGreenlet] = greenlet.greenlet
e: int = gevent.pool.Pool
f: int = greenlet.greenlet
"""
#: Of the real gevent: greencore has no stubs of it.
INTERNAL = "from gevent._config import config\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel as it is but for the extension, which no checker reads and which would take a minute."""
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "setup.py", "-q", "build_py", "bdist_wheel", "--skip-build", "-d", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True)
    return str(next(folder.glob("*.whl")))


class Environment:
    """A fresh virtual environment, and programs in it that checkers are asked about."""

    def __init__(self, folder):
        venv.create(folder / "venv", with_pip=False)
        self.python = str(folder / "venv" / "bin" / "python")
        self.folder = folder

    def pip(self, *args):
        line = [sys.executable, "-m", "pip", "--python", self.python, "-q", "--disable-pip-version-check", *args]
        subprocess.run(line, check=True, capture_output=True, cwd=self.folder, env=OUTSIDE)

    def ask(self, line, program):
        """Return the lines that a checker says of the program, each without the file's name."""
        path = self.folder / "program.py"
        path.write_text(program)
        line = [sys.executable, "-m", *line, str(path)]
        run = subprocess.run(line, capture_output=True, text=True, cwd=self.folder, env=OUTSIDE)
        return re.findall(r"program\.py:(\d.*)", run.stdout)

    def mypy(self, program=PROGRAM):
        line = ["mypy", "--config-file=", f"--cache-dir={self.folder / 'cache'}", "--python-executable", self.python]
        return self.ask(line, program)

    def pyright(self, program=PROGRAM):
        return self.ask(["pyright", "--pythonpath", self.python], program)

    def stubs_of_gevent(self):
        """Return whose class mypy takes gevent.Timeout for."""
        text = next(text for text in self.mypy() if text.startswith("3:"))
        assert (OURS in text) != (THEIRS in text), text
        return "ours" if OURS in text else "theirs"


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path)


def error_lines(said):
    return [int(text.split(":")[0]) for text in said if "error: " in text]


def assert_both_names_are_one(environment):
    assert [text.split('"')[1] for text in environment.mypy()] == [OURS + "Timeout", OURS + "greenlet"]
    assert error_lines(environment.mypy(BOTH_NAMES)) == [13, 14]
    assert error_lines(environment.pyright(BOTH_NAMES)) == [13, 14]


def test_names_are_typed_without_a_setting(environment, wheel):
    environment.pip("install", wheel)
    assert_both_names_are_one(environment)


@pytest.mark.parametrize("ours_first", [True, False])
def test_types_gevent_goes_before_and_either_can_be_removed(environment, wheel, ours_first):
    others = ["types-gevent", "types-greenlet"]
    for what in [[wheel], others] if ours_first else [others, [wheel]]:
        environment.pip("install", *what)
    assert environment.stubs_of_gevent() == "theirs"
    environment.pip("uninstall", "-y", *others)
    assert environment.stubs_of_gevent() == "ours"
    environment.pip("install", *others)
    environment.pip("uninstall", "-y", "greencore")
    assert environment.stubs_of_gevent() == "theirs"


def test_beside_the_real_gevent_the_types_are_of_what_is_imported(environment, wheel):
    environment.pip("install", "gevent", wheel)
    assert_both_names_are_one(environment)
    assert "[import-not-found]" in environment.mypy(INTERNAL)[0]
    assert not error_lines(environment.pyright(INTERNAL))
