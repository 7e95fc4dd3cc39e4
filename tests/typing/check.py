"""Whether mypy and pyright accept the programs in accepted/ and nothing but the unmarked lines of those in rejected/.

`make lint` runs it, `pytest tests/typing/check.py`: it takes a minute, and mypy and pyright.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from build_support import stub_packages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MARK = re.compile(r"  # wrong: ([\w-]+)$")
PROGRAMS = [str(path) for path in sorted(HERE.glob("*ed/*.py"))]


@pytest.fixture(scope="session")
def stubs(tmp_path_factory):
    """A folder with stub packages named gevent and greenlet, for checkers that look there first."""
    folder = tmp_path_factory.mktemp("stubs")
    stub_packages.write(folder, suffix="")
    return folder


@pytest.fixture(scope="session")
def mypy(stubs):
    """What mypy says: {(file, line): the codes of its errors}."""
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--no-error-summary", *PROGRAMS],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, "MYPYPATH": str(stubs)},
    )
    assert not run.stderr
    said = {}
    for line in run.stdout.splitlines():
        if found := re.match(r"(.+?):(\d+): error: .*\[([\w-]+)\]$", line):
            said.setdefault((Path(found[1]).name, int(found[2])), set()).add(found[3])
    return said


def ask_pyright(folder, paths, **settings):
    """Return what pyright says of the files: (how many they are, the list of its errors)."""
    settings["include"] = [os.path.relpath(path, folder) for path in paths]  # it knows no absolute ones
    (folder / "pyrightconfig.json").write_text(json.dumps({**settings, "extraPaths": [str(ROOT)]}))
    line = [sys.executable, "-m", "pyright", "--outputjson", "-p", str(folder), "--pythonpath", sys.executable]
    report = json.loads(subprocess.run(line, capture_output=True, text=True).stdout)
    errors = [found for found in report["generalDiagnostics"] if found["severity"] == "error"]
    return report["summary"]["filesAnalyzed"], errors


@pytest.fixture(scope="session")
def pyright(stubs, tmp_path_factory):
    """What pyright says: {(file, line): its messages}."""
    count, errors = ask_pyright(tmp_path_factory.mktemp("pyright"), PROGRAMS, stubPath=str(stubs))
    assert count == len(PROGRAMS)
    said = {}
    for found in errors:
        said.setdefault((Path(found["file"]).name, found["range"]["start"]["line"] + 1), []).append(found["message"])
    return said


def marked():
    """Return {(file, line): the code of mypy's error} of the lines that are marked."""
    return {
        (path.name, number): mark[1]
        for path in HERE.glob("rejected/*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
    }


def test_mypy_objects_to_what_is_marked_and_nothing_else(mypy):
    assert mypy == {place: {code} for place, code in marked().items()}


def test_pyright_objects_to_what_is_marked_and_nothing_else(pyright):
    assert set(pyright) == set(marked()), pyright
    assert len(pyright) > 50


def test_pyright_finds_nothing_in_the_stubs(tmp_path):
    stubs = list((ROOT / "greencore").rglob("*.pyi"))
    assert ask_pyright(tmp_path, stubs) == (len(stubs), [])


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.14"])
def test_stubs_are_right_for(version, tmp_path):
    program = tmp_path / "all.py"
    program.write_text("".join(f"import {module}\n" for _, module in stub_packages.public_stubs()))
    line = [sys.executable, "-m", "mypy", "--config-file=", "--strict", "--python-version", version, str(program)]
    run = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stdout
