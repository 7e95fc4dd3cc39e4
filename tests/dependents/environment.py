"""Environments for the suites: what PyPI has, the real gevent and greenlet among it, and greencore beside them.

In each, `gevent` is greencore; with GREENCORE_ALIAS=0 in the environment of a process it is the real one.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("GREENCORE_CACHE") or ROOT / ".cache").resolve() / "dependents"
RESULTS = CACHE / "results"
REAL = ("gevent==26.9.0", "greenlet==3.5.6")
# No part of greencore's wheel.
NO_INPUTS = ("build", "dist", "docs", "examples", "tests")
PORTS = {"PostgreSQL": 5432, "Redis": 6379, "RabbitMQ": 5672}
LIMIT = 600  # seconds, of one command of pip


class Failed(Exception):
    """An environment or a suite's tests could not be had."""


def pip(*words, env=None):
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "--no-input", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=env)
    if done.returncode:
        raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def short_hash(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:10]


def sources():
    """Return the files that greencore's wheel is made from."""
    tops = [path for path in ROOT.iterdir() if not path.name.startswith(".") and path.name not in NO_INPUTS]
    files = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.is_file()]
    return sorted(file for file in files if file.suffix not in (".so", ".pyc") and ".egg-info" not in str(file))


def make_wheel():
    """Build greencore as it is in the work tree. Return the wheel's path; the same sources are built once."""
    files = sources()
    parts = [text for file in files for text in (str(file.relative_to(ROOT)), file.read_bytes().decode("latin-1"))]
    folder = CACHE / "wheels" / short_hash(sys.version, *parts)
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(folder.glob("*.whl")):
            build_wheel(files, folder)
    return next(folder.glob("*.whl"))


def build_wheel(files, folder):
    """Build it from a copy, so that nothing of earlier builds gets in; the objects are kept."""
    tree = CACHE / "tree"
    for path in [*tree.glob("*"), *tree.glob("build/*")]:
        if path.is_file():
            path.unlink()
        elif path.name != "build" and not path.name.startswith("temp"):
            shutil.rmtree(path)
    for file in files:
        target = tree / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, target)
    quick = {"GREENCORE_LTO": "0"} | os.environ
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(tree), env=quick)


def make_environment(requires, wheel):
    """Make a virtual environment with `requires`, the real gevent and greencore's `wheel`, where it is not yet made.

    Return its interpreter.
    """
    wanted = [*REAL, "pytest", *requires]
    folder = CACHE / "environments" / short_hash(sys.version, *wanted)
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=LIMIT)
        pip("--python", str(python), "install", *wanted)
        ready.touch()
    if ready.read_text() != str(wheel):
        pip("--python", str(python), "install", "--no-deps", "--force-reinstall", str(wheel))
        ready.write_text(str(wheel))
    return python


def package_of(requirement):
    """Return the package's name: "celery" of "celery[redis]==5.7.0"."""
    return requirement.partition("==")[0].partition("[")[0]


def fetch_tests(requirement, paths):
    """Unpack `paths` of a package's sdist, and nothing else, so that the package itself is the installed one.

    Return the folder they lie in. Without settings for pytest among them it has empty ones: none above it count.
    """
    folder = CACHE / "tests" / short_hash(requirement, *paths)
    ready = folder / "ready"
    if not ready.exists():
        shutil.rmtree(folder, ignore_errors=True)
        name = package_of(requirement)
        sdists = CACHE / "sdists" / short_hash(requirement)
        if not any(sdists.glob("*.tar.gz")):
            pip("download", "--no-deps", "--no-binary", name, "-d", str(sdists), requirement)
        with tarfile.open(next(sdists.glob("*.tar.gz"))) as sdist:
            for member in sdist:
                member.name = member.name.partition("/")[2]
                if any(member.name == path or member.name.startswith(path + "/") for path in paths):
                    sdist.extract(member, folder)
        missing = [path for path in paths if not (folder / path).exists()]
        if missing:
            raise Failed(f"the sdist of {requirement} has no {', '.join(missing)}")
        if not set(paths) & {"pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"}:
            (folder / "pytest.ini").touch()
        ready.touch()
    return folder


def is_there(service):
    """Whether a server answers on this machine."""
    try:
        socket.create_connection(("127.0.0.1", PORTS[service]), 5).close()
    except OSError:
        return False
    return True
