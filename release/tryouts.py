"""Install the wheels of dist/ in bare Debian folders and try each there: `make tryouts`. Writes the table in docs/building.rst.

A folder has what debootstrap puts there, Python with venv, and openssl for a certificate: no compiler, no libuv. Where Debian
has no such Python, the machine's own is seen in the folder, with the libraries that it asks for. Needs root.

usage: tryouts.py [NAME...]     such as bookworm-3.11 or trixie-3.13-aarch64; all by default
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("GREENCORE_CACHE", ROOT / ".cache")).resolve()
PAGE = ROOT / "docs" / "building.rst"
DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
# What the interpreters of pyenv are linked with, for a folder that runs one.
BORROWED = [
    "libssl3",
    "libffi8",
    "libsqlite3-0",
    "libreadline8",
    "libbz2-1.0",
    "liblzma5",
    "zlib1g",
    "libncursesw6",
    "libuuid1",
    "libexpat1",
]
BEGIN, END = ".. table of tryouts", ".. end of the table"


@dataclass(frozen=True)
class Tryout:
    suite: str
    version: str
    architecture: str = "x86_64"
    borrowed: bool = False  # the interpreter is this machine's, not the suite's

    @property
    def name(self):
        return f"{self.suite}-{self.version}" + ("" if self.architecture == "x86_64" else f"-{self.architecture}")


TRYOUTS = [
    Tryout("bookworm", "3.10", borrowed=True),
    Tryout("bookworm", "3.11"),
    Tryout("bookworm", "3.12", borrowed=True),
    Tryout("trixie", "3.13"),
    Tryout("sid", "3.14"),
    Tryout("sid", "3.15"),
    Tryout("bookworm", "3.11", "aarch64"),
    Tryout("trixie", "3.13", "aarch64"),
]


def make_folder(tryout):
    """Return the Debian folder, made on first use."""
    folder = CACHE / f"tryout-{tryout.suite}-{tryout.architecture}"
    if not (folder / ".made").exists():
        if tryout.architecture != os.uname().machine:
            subprocess.run([ROOT / ".ci" / "emulation"], check=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(
            ["debootstrap", f"--arch={DEBIAN_NAMES[tryout.architecture]}", "--variant=minbase",
             "--include=ca-certificates,openssl", tryout.suite, folder],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        (folder / "etc/apt/apt.conf.d/90frozen-mirror").write_text('Acquire::Check-Valid-Until "false";\n')
        (folder / ".made").touch()
    packages = BORROWED if tryout.borrowed else [f"python{tryout.version}-venv"]
    script = 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y "$@" >/dev/null'
    inside(folder, "sh", "-c", script, "sh", *packages)
    return folder


def inside(folder, *command, **options):
    return subprocess.run([ROOT / ".ci" / "chroot", folder, *map(str, command)], cwd=CACHE, check=True, **options)


def borrowed_python(version):
    home = next(Path.home().glob(f".pyenv/versions/{version}.*"))
    os.environ["GREENCORE_MOUNT"] = f"{CACHE}:{home}"
    return home / "bin" / f"python{version}"


def unpack(folder):
    """The sdist without its package: what is imported is what is installed."""
    archive = max((ROOT / "dist").glob("greencore-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    inner = next(folder.iterdir())
    for name in ("greencore", "src", "_greencore_alias.py"):
        path = inner / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return inner


def find_wheel(tryout):
    tag = "cp" + tryout.version.replace(".", "")
    return next((ROOT / "dist").glob(f"greencore-*-{tag}-{tag}-*_{tryout.architecture}.whl"))


def try_out(tryout):
    """Run one. Return what to write in the table: "passed", or the last line of the failure."""
    os.environ["GREENCORE_MOUNT"] = str(CACHE)
    folder = make_folder(tryout)
    python = borrowed_python(tryout.version) if tryout.borrowed else f"/usr/bin/python{tryout.version}"
    work = CACHE / f"tryout-{tryout.name}.work"
    sources = unpack(work)
    wheel = shutil.copy(find_wheel(tryout), work)
    quick = ["quick"] if tryout.architecture != os.uname().machine else []
    script = (
        'python=$1 wheel=$2; shift 2; "$python" -m venv ../venv && '
        "../venv/bin/python -m pip -q --disable-pip-version-check install $wheel pytest && "
        "exec env -i PATH=/usr/bin:/bin HOME=/tmp ../venv/bin/python release/tryout.py $*"
    )
    command = [ROOT / ".ci" / "chroot", folder, "sh", "-c", f'cd "{sources}" && {script}', "sh", python, wheel, *quick]
    done = subprocess.run([str(word) for word in command], cwd=CACHE, capture_output=True, text=True)
    print(f"== {tryout.name}\n{done.stdout}{done.stderr}", flush=True)
    return "passed" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]


def write_table(results):
    """Put the rows into the page, beside those of earlier runs of other tryouts."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN + "\n", 1)
    old, after = rest.split(END, 1)
    rows = dict(re.findall(r"^``(\S+)`` +\S+ +\S+ +(.+)$", old, re.MULTILINE)) | results
    line = "=" * 26 + "  " + "=" * 8 + "  " + "=" * 12 + "  " + "=" * 40
    table = [line, f"{'Wheel and folder':<26}  {'CPython':<8}  {'Interpreter':<12}  Result", line]
    for tryout in TRYOUTS:
        if tryout.name in rows:
            whose = "borrowed" if tryout.borrowed else "Debian's"
            table.append(f"{f'``{tryout.name}``':<26}  {tryout.version:<8}  {whose:<12}  {rows[tryout.name]}")
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join([*table, line]) + f"\n\n{END}{after}")


def main(wanted):
    results = {tryout.name: try_out(tryout) for tryout in TRYOUTS if not wanted or tryout.name in wanted}
    write_table(results)
    failed = [name for name, result in results.items() if result != "passed"]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
