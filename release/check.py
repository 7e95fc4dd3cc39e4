"""Checks whether the tree can be released: `make release` asks before and after it builds. Prints what is wrong; exits with 1 then.

usage: check.py before | after
"""

import re
import subprocess
import sys
from pathlib import Path

from wheels import ARCHITECTURES, PLATFORMS, VERSIONS

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def read_version():
    text = (ROOT / "greencore" / "_base" / "version.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1], text


def faults_before():
    """Yield what is wrong unless the tree is committed, and its version is the same everywhere and not out yet."""
    version, text = read_version()
    if f"({version.replace('.', ', ')}, " not in text:
        yield f"version_info is not that of {version}"
    if f"\n{version} (" not in (ROOT / "CHANGELOG.rst").read_text():
        yield f"CHANGELOG.rst has no heading `{version} (date)`"
    if git("status", "--porcelain"):
        yield "there are changes that are not committed"
    if git("tag", "--list", f"v{version}"):
        yield f"the tag v{version} is there already: a version is released once"


def faults_after():
    """Yield what is wrong unless dist/ has all files of this version, and no others."""
    version, _ = read_version()
    wanted = {f"greencore-{version}.tar.gz"}
    wanted |= {
        f"greencore-{version}-cp{python}-cp{python}-{platform.format(machine)}.whl"
        for python in (name.replace(".", "") for name in VERSIONS)
        for machine in ARCHITECTURES
        for platform in PLATFORMS.values()
    }
    found = {path.name for path in DIST.iterdir()} if DIST.exists() else set()
    yield from (f"dist/ lacks {name}" for name in sorted(wanted - found))
    yield from (f"dist/ has {name}, which is not of this release" for name in sorted(found - wanted))


def main(when):
    faults = list({"before": faults_before, "after": faults_after}[when]())
    print("\n".join(faults) or f"{when} the build: nothing is wrong")
    if when == "after" and not faults:
        version, _ = read_version()
        print(f"Left to a person: git tag v{version}; git push --tags; twine upload dist/*")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
