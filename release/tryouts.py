"""Install the wheels of dist/ in bare Debian folders and try each there: `make tryouts`. Writes the table in docs/building.rst.

A folder has what debootstrap puts there, Python with venv, and openssl for a certificate: no compiler, no libuv. Where Debian
has no such Python, the machine's own is seen in the folder, or, in an old suite, one that is built there from source; with the
libraries that it asks for. The wheels for musl are tried with a Python that is built with Debian's musl. Needs root.

usage: tryouts.py [NAME...]     such as bookworm-3.11, trixie-3.13-aarch64 or bookworm-3.13-musl; all by default
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import libraries
from wheels import PLATFORMS

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("GREENCORE_CACHE", ROOT / ".cache")).resolve()
PAGE = ROOT / "docs" / "building.rst"
DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}
# What the interpreters that are not Debian's are linked with.
BORROWED = "libsqlite3-0 libreadline8 libbz2-1.0 liblzma5 zlib1g libncursesw6 libuuid1 libexpat1".split()
OF_SUITE = {"bullseye": ["libssl1.1", "libffi7"], "bookworm": ["libssl3", "libffi8"]}
BEGIN, END = ".. table of tryouts", ".. end of the table"


@dataclass(frozen=True)
class Tryout:
    suite: str
    version: str
    architecture: str = "x86_64"
    interpreter: str = "Debian's"  # or "borrowed", this machine's; or "built" in such a folder, 3.13 only
    libc: str = "gnu"

    @property
    def name(self):
        unusual = [word for word in (self.architecture, self.libc) if word not in ("x86_64", "gnu")]
        return "-".join([self.suite, self.version, *unusual])


TRYOUTS = [
    Tryout("bullseye", "3.13", interpreter="built"),
    Tryout("bookworm", "3.10", interpreter="borrowed"),
    Tryout("bookworm", "3.11"),
    Tryout("bookworm", "3.12", interpreter="borrowed"),
    Tryout("trixie", "3.13"),
    Tryout("sid", "3.14"),
    Tryout("sid", "3.15"),
    Tryout("bookworm", "3.13", interpreter="built", libc="musl"),
    Tryout("bookworm", "3.11", "aarch64"),
    Tryout("trixie", "3.13", "aarch64"),
]


def make_folder(tryout):
    """Return the Debian folder, made on first use."""
    folder = CACHE / f"tryout-{tryout.suite}-{tryout.architecture}"
    if not (folder / ".greencore-ready").exists():
        debian(tryout, folder, "openssl")
    if tryout.libc == "musl":
        packages = ["musl"]
    elif tryout.interpreter == "Debian's":
        packages = [f"python{tryout.version}-venv"]
    else:
        packages = BORROWED + OF_SUITE[tryout.suite]
    script = 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y "$@" >/dev/null'
    inside(folder, "sh", "-c", script, "sh", *packages)
    return folder


def inside(folder, *command, **options):
    return subprocess.run([ROOT / ".ci" / "chroot", folder, *map(str, command)], cwd=CACHE, check=True, **options)


def debian(tryout, folder, *packages):
    words = [tryout.suite, DEBIAN_NAMES[tryout.architecture], folder, *packages]
    subprocess.run([ROOT / ".ci" / "debian", *words], check=True, stdout=subprocess.DEVNULL)


def find_python(tryout):
    """Return the interpreter's path, as seen in the folder; let the folder see it."""
    match tryout.interpreter:
        case "borrowed":
            return borrowed_python(tryout.version)
        case "built":
            musl = ["--musl"] if tryout.libc == "musl" else []
            home = CACHE / f"python-{tryout.version}-{tryout.suite}-{tryout.libc}"
            if not (home / ".made").exists():
                maker = CACHE / f"build-{tryout.suite}"
                debian(tryout, maker, "gcc")
                subprocess.run([ROOT / ".ci" / "source-python", maker, home, *musl], check=True, cwd=ROOT)
            return home / "bin" / f"python{tryout.version}"
    return Path(f"/usr/bin/python{tryout.version}")


def borrowed_python(version):
    home = next(Path.home().glob(f".pyenv/versions/{version}.*"))
    os.environ["GREENCORE_MOUNT"] = f"{CACHE}:{home}"
    return home / "bin" / f"python{version}"


def unpack(folder):
    """Unpack the sdist without its package, so that what is imported is what is installed. Return the folder."""
    archive = max((ROOT / "dist").glob("greencore-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    libraries.unpack(archive, folder)
    inner = next(folder.iterdir())
    for name in ("greencore", "src", "_greencore_alias.py"):
        path = inner / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return inner


def find_wheel(tryout):
    tag = "cp" + tryout.version.replace(".", "")
    platform = PLATFORMS[tryout.libc].format(tryout.architecture)
    return next((ROOT / "dist").glob(f"greencore-*-{tag}-{tag}-{platform}.whl"))


def try_out(tryout):
    """Run one tryout. Return what to write in the table: "passed", or the last line of the failure."""
    os.environ["GREENCORE_MOUNT"] = str(CACHE)
    folder = make_folder(tryout)
    python = find_python(tryout)
    work = CACHE / f"tryout-{tryout.name}.work"
    sources = unpack(work)
    wheel = shutil.copy(find_wheel(tryout), work)
    quick = ["quick"] if tryout.architecture != os.uname().machine else []
    script = (
        'python=$1 venv=$2 wheel=$3; shift 3; "$python" -m venv "$venv" && export PATH="$venv/bin:/usr/bin:/bin" && '
        'pip -q --disable-pip-version-check install "$wheel" pytest && '
        'exec env -i PATH="$PATH" HOME=/tmp python release/tryout.py "$@"'
    )
    words = [python, work / "venv", wheel, *quick]
    command = [ROOT / ".ci" / "chroot", folder, "sh", "-c", f'cd "{sources}" && {script}', "sh", *words]
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
            table.append(
                f"{f'``{tryout.name}``':<26}  {tryout.version:<8}  {tryout.interpreter:<12}  {rows[tryout.name]}"
            )
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join([*table, line]) + f"\n\n{END}{after}")


def main(wanted):
    results = {tryout.name: try_out(tryout) for tryout in TRYOUTS if not wanted or tryout.name in wanted}
    write_table(results)
    failed = [name for name, result in results.items() if result != "passed"]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
