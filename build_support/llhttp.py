"""Find llhttp, the parser of HTTP: the system's library, or else its four source files.

The files come from the sdist of httptools, which has them unchanged. A copy of greencore's own sdist has them in
`llhttp/`; elsewhere they are fetched from the package index once, checked, and kept under `build/`.
"""

import hashlib
import html
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = "9.3"
PIN = re.search(r"^httptools==(\S+) --hash=sha256:(\w+)$", (ROOT / "release" / "sources.txt").read_text(), re.MULTILINE)
VERSION, SHA256 = PIN.groups()
SDIST = f"httptools-{VERSION}.tar.gz"
INSIDE = f"httptools-{VERSION}/vendor/llhttp/"
FILES = ["include/llhttp.h", "src/api.c", "src/http.c", "src/llhttp.c", "LICENSE-MIT"]
HELP = f"""\
greencore needs llhttp {OLDEST} or newer, and pkg-config finds none; nor could {SDIST}, which has its sources, be had:
{{}}
Either install it (Debian or Ubuntu with a new enough one: apt-get install libllhttp-dev), or let pip reach a package
index, or put that file into {{}}."""


def is_installed():
    """Whether pkg-config knows a library that is new enough."""
    command = ["pkg-config", f"--atleast-version={OLDEST}", "libllhttp"]
    return subprocess.run(command, capture_output=True).returncode == 0


def by_pip(folder):
    """Return the sdist's bytes, fetched as the user has configured pip. Raises OSError."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", "httptools", "-d", folder, SDIST.removesuffix(".tar.gz").replace("-", "==")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"pip: {(done.stderr.strip() or 'failed').splitlines()[-1]}")
    return Path(folder, SDIST).read_bytes()


def by_index(folder):
    """Return the sdist's bytes, fetched from the index itself: where there is no pip, or it can't. Raises OSError."""
    if "PIP_INDEX_URL" not in os.environ:
        raise OSError("PIP_INDEX_URL names no index")
    index = os.environ["PIP_INDEX_URL"].rstrip("/") + "/httptools/"
    with urllib.request.urlopen(index, timeout=60) as page:
        links = re.findall(r'href="([^"]+)"', page.read().decode("utf-8", "replace"))
    for link in links:
        link = urllib.parse.urljoin(index, html.unescape(link))
        if urllib.parse.urlsplit(link).path.endswith("/" + SDIST):
            with urllib.request.urlopen(link, timeout=60) as answer:
                return answer.read()
    raise OSError(f"{index} has no {SDIST}")


def fetch(folder):
    """Put the files into `folder`, or stop with what to do."""
    kept = ROOT / "build" / SDIST
    errors = []
    for source in (lambda _: kept.read_bytes(), by_pip, by_index):
        try:
            with tempfile.TemporaryDirectory() as scratch:
                data = source(scratch)
            found = hashlib.sha256(data).hexdigest()
            if found != SHA256:
                raise OSError(f"its SHA-256 is {found}, not {SHA256}")
            break
        except OSError as error:
            errors.append(f"  {error}")
    else:
        sys.exit(HELP.format("\n".join(errors), kept.parent))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive, tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        for name in FILES:
            target = Path(scratch, "llhttp", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(INSIDE + name).read())
        shutil.rmtree(folder, ignore_errors=True)
        Path(scratch, "llhttp").rename(folder)  # all of it, or nothing


def folder():
    """Return the folder that has the files, fetched where needed."""
    for known in (ROOT / "llhttp", ROOT / "build" / f"llhttp-{SHA256[:10]}"):
        if all((known / name).exists() for name in FILES):
            return known
    fetch(known)
    return known


def build_parts():
    """Return (names of C files relative to the root, include folders, pkg-config names)."""
    if is_installed():
        return [], [], ["libllhttp"]
    where = folder().relative_to(ROOT)
    return [str(where / name) for name in FILES if name.endswith(".c")], [str(where / "include")], []
