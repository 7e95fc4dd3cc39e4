"""Installing and uninstalling, beside the real gevent and greenlet; what a build says that cannot be; a folder that was not built."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BARE = {"PATH": os.environ["PATH"]}  # nothing that points to this work tree
NAMES = """
    import gevent.hub, greenlet, importlib.metadata, json
    print(json.dumps([gevent.hub.__file__, greenlet.__file__, importlib.metadata.version("gevent"),
                      importlib.metadata.version("greenlet")]))
"""
PATCH = """
    from gevent import monkey
    monkey.patch_all()
    import gevent, greenlet, socket
    print(gevent.__name__, greenlet.__name__, socket.socket is gevent.socket.socket)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the work tree where nothing is built."""
    folder = tmp_path_factory.mktemp("clone") / "greencore"
    leave_out = shutil.ignore_patterns(
        ".git", ".venv*", ".cache", "build", "dist", "*.egg-info", "*.so", "__pycache__", ".hypothesis", ".pytest_cache"
    )
    shutil.copytree(ROOT, folder, ignore=leave_out)
    return folder


class Environment:
    """A virtual environment with the real gevent and greenlet, outside of the work tree."""

    def __init__(self, folder):
        self.folder = folder
        venv.create(folder / "venv", with_pip=True)
        self.python = folder / "venv" / "bin" / "python"

    def pip(self, *args):
        """Run pip with the network as it is set up here; return the finished process."""
        keep = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return subprocess.run(
            [self.python, "-m", "pip", "-q", "--disable-pip-version-check", *args],
            env={**BARE, **keep, "HOME": os.environ.get("HOME", "/"), "GREENCORE_DEBUG": "1", "GREENCORE_LTO": "0"},
            cwd=self.folder, capture_output=True, text=True, timeout=500,
        )

    def install(self, *args):
        done = self.pip("install", *args)
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, code, **env):
        """Return what `code` prints in a new interpreter, which has no word to say on stderr."""
        done = subprocess.run(
            [self.python, "-c", textwrap.dedent(code)],
            env={**BARE, **env}, cwd=self.folder, capture_output=True, text=True, timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    made = Environment(tmp_path_factory.mktemp("peer"))
    got = made.pip("install", "--only-binary=:all:", "gevent", "greenlet", "setuptools>=77", "wheel")
    if got.returncode:
        pytest.skip(f"no real gevent for this interpreter: {got.stderr[-200:]}")
    return made


# What pip is told for each way to install.
WAYS = {
    "a wheel": [],
    "editable, lenient": ["--config-settings=editable_mode=lenient", "-e"],
    "editable, strict": ["--config-settings=editable_mode=strict", "-e"],
}


@pytest.mark.slow
@pytest.mark.service("package registry")
@pytest.mark.parametrize("way", WAYS)
def test_beside_the_real_ones(environment, copy, way):
    real = environment.ask(NAMES)
    assert "/greencore/" not in real
    environment.install("--no-build-isolation", "--no-deps", *WAYS[way], str(copy))
    ours = json.loads(environment.ask(NAMES))
    assert "/greencore/hub.py" in ours[0] and "/greencore/" in ours[1]
    assert ours[2:] == json.loads(real)[2:]
    assert environment.ask(PATCH) == "gevent greenlet True\n"
    assert environment.ask(NAMES, GREENCORE_ALIAS="0") == real
    assert environment.pip("uninstall", "-y", "greencore").returncode == 0
    assert environment.ask(NAMES) == real
    for built in copy.glob("greencore/*.so"):
        built.unlink()


def write_project(folder, name, requirement):
    """A distribution with nothing inside that requires another."""
    folder.mkdir()
    lines = ["[project]", f'name = "{name}"', 'version = "1"', f'dependencies = ["{requirement}"]', "[tool.setuptools]", "py-modules = []"]
    (folder / "pyproject.toml").write_text("\n".join(lines))
    return str(folder)


@pytest.mark.slow
@pytest.mark.service("package registry")
def test_what_requires_gevent_installs_beside(environment, copy, tmp_path):
    """pip's resolver is given both at once, and `pip check` has nothing to say."""
    program = write_project(tmp_path / "program", "program", "gevent>=22.10")
    environment.install("--no-build-isolation", program, str(copy))
    assert environment.pip("check").returncode == 0
    names = json.loads(environment.ask(NAMES))
    assert "/greencore/hub.py" in names[0] and names[2] == environment.ask(NAMES, GREENCORE_ALIAS="0").split('"')[5]
    assert environment.pip("uninstall", "-y", "greencore", "program").returncode == 0


@pytest.mark.slow
@pytest.mark.service("package registry")
def test_a_build_in_isolation_has_the_sources_of_llhttp(environment, copy):
    """pip hides what is installed from a build, itself included."""
    shutil.rmtree(copy / "build", ignore_errors=True)
    environment.install("--no-deps", str(copy))
    assert environment.pip("uninstall", "-y", "greencore").returncode == 0


@pytest.mark.slow
@pytest.mark.service("package registry")
def test_a_name_for_who_cannot_have_gevent(copy, tmp_path):
    """The distribution that docs/from_gevent.rst describes satisfies a requirement of gevent."""
    bare = Environment(tmp_path)
    bare.install("setuptools>=77", "wheel")
    page = (ROOT / "docs" / "from_gevent.rst").read_text()
    (tmp_path / "name").mkdir()
    described = re.search(r"code-block:: toml\n\n((?:    .*\n|\n)+)", page)[1]
    (tmp_path / "name" / "pyproject.toml").write_text(textwrap.dedent(described))
    program = write_project(tmp_path / "program", "program", "gevent>=26")
    bare.install("--no-build-isolation", "--no-index", str(copy), str(tmp_path / "name"), program)
    assert bare.pip("check").returncode == 0
    said = bare.ask('import gevent, importlib.metadata as m; print(gevent.__version__ == m.version("gevent"), gevent.__file__)')
    assert said.startswith("True ") and said.endswith("/greencore/__init__.py\n")


@pytest.mark.parametrize("name", ["greencore", "gevent", "greenlet", "gevent.hub"])
def test_a_folder_that_was_not_built_says_so(copy, name):
    code = f"import _greencore_alias; _greencore_alias.install(); import {name}"
    done = subprocess.run([sys.executable, "-c", code], env=BARE, cwd=copy, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: ") and f"{copy}/greencore has no compiled part" in last and "make build" in last


def build(copy, code="", **env):
    """Start a build in `copy`, after `code`; return the finished process."""
    code = f"{code}\nimport runpy, sys\nsys.argv = ['setup.py', 'bdist_wheel']\nrunpy.run_path('setup.py', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", code], env={**BARE, **env}, cwd=copy, capture_output=True, text=True, timeout=60
    )


def test_all_that_a_build_lacks_is_said_at_once(copy, tmp_path):
    no_headers = "import sysconfig; sysconfig.get_path = lambda name: '/nowhere'"
    done = build(copy, no_headers, PATH=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    *_, last = lines = done.stderr.splitlines()
    assert len(lines) == 8 and all("warning" not in line.lower() for line in lines)
    version = "%d.%d" % sys.version_info[:2]
    assert last == f"  apt-get install gcc libc6-dev python{version}-dev pkg-config libuv1-dev libc-ares-dev"
    assert "Python.h" in done.stderr and "/nowhere" in done.stderr and "libuv 1.44 or newer" in done.stderr


def test_the_readme_names_all_packages(copy, tmp_path):
    told = build(copy, "import sysconfig; sysconfig.get_path = lambda name: '/nowhere'", PATH=str(tmp_path)).stderr
    needed = {re.sub(r"^python3\.\d+-", "python3-", name) for name in told.split("apt-get install ")[1].split()}
    named = re.search(r"apt-get install (.*)", (ROOT / "README.rst").read_text())[1].split()
    assert {*needed, "python3-venv"} == set(named)


def test_an_old_library_is_named_with_its_version(copy, tmp_path):
    fake = tmp_path / "pkg-config"
    fake.write_text('#!/bin/sh\ncase "$*" in *libuv*) [ "$1" = --modversion ] && echo 1.40.0 || exit 1;; esac\n')
    fake.chmod(0o755)
    done = build(copy, PATH=f"{tmp_path}{os.pathsep}{BARE['PATH']}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:2] + done.stderr.splitlines()[-1:] == [
        "  - libuv 1.44 or newer (here is 1.40.0)", "  apt-get install libuv1-dev"
    ]


def test_a_processor_without_a_switch_is_refused(copy):
    done = build(copy, GREENCORE_ARCH="riscv64")
    assert (done.returncode, done.stderr) == (
        1, "greencore runs on Linux on aarch64 and x86_64, not on linux on riscv64.\n"
    )


def test_what_needs_no_compiler_is_not_refused(copy, tmp_path):
    """`pip` reads a source folder's metadata, and makes an sdist, before anything is compiled."""
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "--version"], env={"PATH": str(tmp_path)}, cwd=copy,
        capture_output=True, text=True, timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
