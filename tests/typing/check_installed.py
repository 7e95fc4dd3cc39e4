"""Who is asked about `import gevent` where greencore is installed with others, in any order. `make lint` runs it."""

import os
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


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    line = [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", str(folder)]
    subprocess.run(line, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "GREENCORE_LTO": "0"})
    return str(next(folder.glob("*.whl")))


class Environment:
    """A fresh virtual environment, and a program in it that checkers are asked about."""

    def __init__(self, folder):
        venv.create(folder / "venv", with_pip=True)
        self.python = str(folder / "venv" / "bin" / "python")
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)

    def pip(self, *args):
        line = [self.python, "-m", "pip", "-q", "--disable-pip-version-check", *args]
        subprocess.run(line, check=True, capture_output=True, cwd=self.program.parent, env=OUTSIDE)

    def ask(self):
        """Return the types of the program's two expressions, by mypy and by pyright."""
        mypy = [sys.executable, "-m", "mypy", "--config-file=", "--cache-dir=/dev/null", "--python-executable", self.python]
        pyright = [sys.executable, "-m", "pyright", "--pythonpath", self.python]
        said = []
        for line in (mypy, pyright):
            line = [*line, str(self.program)]
            run = subprocess.run(line, capture_output=True, text=True, cwd=self.program.parent, env=OUTSIDE)
            said += [text for text in run.stdout.splitlines() if "Revealed type" in text or "Type of" in text]
        return said

    def stubs_of_gevent(self):
        """Return whose class mypy takes gevent.Timeout for."""
        text = next(text for text in self.ask() if ".py:3:" in text)
        assert (OURS in text) != (THEIRS in text), text
        return "ours" if OURS in text else "theirs"


@pytest.fixture
def environment(tmp_path):
    return Environment(tmp_path)


def test_names_are_typed_without_a_setting(environment, wheel):
    environment.pip("install", wheel)
    said = environment.ask()
    assert len(said) == 4
    assert "greencore._core.Timeout" in said[0]
    assert "greencore._core.greenlet" in said[1]
    assert said[2].endswith('is "Timeout"')
    assert said[3].endswith('is "greenlet"')


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
    said = environment.ask()
    assert "greencore._core.Timeout" in said[0]
    assert "greencore._core.greenlet" in said[1]
