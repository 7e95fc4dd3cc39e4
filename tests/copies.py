"""Copies of the sources under build/, each built its own way."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_sources(target):
    """Copy what git tracks, and only where it changed, so that little is compiled again."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    for copy in (target / "src").rglob("*.[chS]"):
        if str(copy.relative_to(target)) not in names:
            copy.unlink()  # it has another name now
    for name in names:
        source, copy = ROOT / name, target / name
        if not source.is_file():
            copy.unlink(missing_ok=True)
        elif not copy.exists() or copy.read_bytes() != source.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def virtual_environment(target, python, *more):
    """Return the interpreter of an environment made with `python`, with what the tests need and the packages `more`."""
    venv = target.with_suffix(".venv")
    if not (venv / "ready").exists():
        subprocess.run([python, "-m", "venv", venv], check=True)
        install = [venv / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, "-r", ROOT / "tests" / "requirements.txt", *more], check=True)
        (venv / "ready").touch()
    return venv / "bin" / "python"
