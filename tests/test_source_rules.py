"""Rules of the sources that no compiler checks: of C's, and the length of every file."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
SOURCES = sorted(path for path in SRC.rglob("*") if path.suffix in (".c", ".h"))
PYTHON = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("greencore", "tests") for path in (ROOT / folder).rglob("*.py")
)
LAYERS = ["switch", "greenlet", "loop", "hub", "sync", "task", "net", "websocket", "http"]
MAX_LINES = 900

# A longer file, and why it is one.
LONG_FILES = {}

# Headers of the interpreter and of libuv: who may include them.
NO_PYTHON = "switch"
UV_USERS = re.compile(r"loop/[^/]+\.[ch]")
LLHTTP_USERS = re.compile(r"http/[^/]+\.[ch]")
BUILD_CORE_USERS = re.compile(r"greenlet/pystate[^/]*\.[ch]")


def name_of(path):
    return path.relative_to(SRC).as_posix()


def includes(path):
    return re.findall(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def layer_of(name):
    """The layer's number; module.c at the root is above them all."""
    folder = name.split("/")[0] if "/" in name else None
    return LAYERS.index(folder) if folder else len(LAYERS)


@pytest.fixture(params=SOURCES, ids=name_of)
def source(request):
    return request.param


def test_there_are_sources():
    assert {layer_of(name_of(path)) for path in SOURCES} == set(range(len(LAYERS) + 1))


def test_every_folder_is_a_layer(source):
    assert name_of(source).split("/")[0] in LAYERS or "/" not in name_of(source)


def test_includes_only_lower_layers(source):
    mine = layer_of(name_of(source))
    above = [
        header
        for header in includes(source)
        if (SRC / header).exists() and layer_of(header) > mine
    ]
    assert above == []


def test_own_headers_are_named_from_the_root(source):
    """`#include "hub/wait.h"`, so that the layer can be seen."""
    text = source.read_text()
    quoted = re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, re.MULTILINE)
    assert [header for header in quoted if not (SRC / header).exists()] == []


def test_c_file_includes_its_own_header_first(source):
    header = source.with_suffix(".h")
    if source.suffix != ".c" or not header.exists():
        return
    own = [name for name in includes(source) if (SRC / name).exists()]
    assert own[0] == name_of(header)


def test_interpreter_stays_out_of_the_switch_layer(source):
    if name_of(source).startswith(NO_PYTHON + "/"):
        assert not {"Python.h", "uv.h"} & set(includes(source))


def test_uv_stays_in_its_layer(source):
    if "uv.h" in includes(source):
        assert UV_USERS.fullmatch(name_of(source))


def test_llhttp_stays_in_its_layer(source):
    if "llhttp.h" in includes(source):
        assert LLHTTP_USERS.fullmatch(name_of(source))


def test_private_interpreter_state_stays_in_pystate(source):
    text = source.read_text()
    private = "Py_BUILD_CORE" in text or any(header.startswith("internal/") for header in includes(source))
    if private:
        assert BUILD_CORE_USERS.fullmatch(name_of(source))


def test_header_is_guarded_by_its_name(source):
    if source.suffix != ".h":
        return
    guard = "GREEN_" + re.sub(r"\W", "_", name_of(source)).upper()
    assert f"#ifndef {guard}\n#define {guard}\n" in source.read_text()


def test_file_is_not_too_long(source):
    lines = len(source.read_text().splitlines())
    assert lines <= MAX_LINES or LONG_FILES.get(name_of(source))


@pytest.mark.parametrize("name", PYTHON)
def test_python_file_is_not_too_long(name):
    assert len((ROOT / name).read_text().splitlines()) <= MAX_LINES


def test_no_long_file_is_listed_in_vain():
    for name in LONG_FILES:
        assert len((SRC / name).read_text().splitlines()) > MAX_LINES


def test_format():
    formatter = shutil.which("clang-format-14")
    if formatter is None:
        pytest.skip("clang-format 14 is not installed")
    changed = []
    for source in SOURCES:
        done = subprocess.run([formatter, source], capture_output=True, text=True, check=True, cwd=ROOT)
        if done.stdout != source.read_text():
            changed.append(name_of(source))
    assert changed == [], "run `make format`"
