"""The C libraries inside the wheels: libuv, c-ares and llhttp, built static for one target from pinned sources."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Library:
    name: str  # what pkg-config calls it
    carrier: str  # the sdist that brings its sources
    folder: str  # where they lie in it
    header: str  # the file that defines its version
    version_names: str  # pattern of the three macros in there, major to patch
    licence: str  # its licence file, below `folder`
    spdx: str
    purl: str
    options: tuple = ()  # for cmake; if there are none, it is built from `files`
    files: tuple = ()


LIBRARIES = (
    Library(
        "libuv", "uvloop", "vendor/libuv", "include/uv/version.h", "UV_VERSION_(?:MAJOR|MINOR|PATCH)", "LICENSE",
        "MIT", "pkg:github/libuv/libuv@v{}", ("-DLIBUV_BUILD_SHARED=OFF", "-DBUILD_TESTING=OFF"),
    ),
    Library(
        "libcares", "pycares", "deps/c-ares", "include/ares_version.h", "ARES_VERSION_(?:MAJOR|MINOR|PATCH)", "LICENSE.md",
        "MIT", "pkg:github/c-ares/c-ares@v{}",
        ("-DCARES_SHARED=OFF", "-DCARES_STATIC=ON", "-DCARES_STATIC_PIC=ON", "-DCARES_BUILD_TOOLS=OFF"),
    ),
    Library(
        "libllhttp", "httptools", "vendor/llhttp", "include/llhttp.h", "LLHTTP_VERSION_(?:MAJOR|MINOR|PATCH)", "LICENSE",
        "MIT", "pkg:github/nodejs/llhttp@v{}", files=("src/api.c", "src/http.c", "src/llhttp.c"),
    ),
)  # fmt: skip


def run(*command, **options):
    """Run a command and return its output; if it fails, stop and show that."""
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(str(word) for word in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def unpack(archive, folder):
    """Unpack an sdist into the folder. Python's own way differs: bookworm's knows no filters, later ones want one."""
    run("tar", "--extract", "--no-same-owner", "--file", archive, "--directory", folder)


def fetch(cache):
    """Return the folder with the unpacked sources of all carriers, after a download that checks their hashes."""
    folder = cache / "sources"
    wanted = (HERE / "sources.txt").read_text()
    note = folder / ".sources.txt"
    if note.exists() and note.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = ",".join(re.findall(r"^\w+", wanted, re.MULTILINE))  # all sdists but those of what builds them
    run(
        sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", names, "--require-hashes",
        "--disable-pip-version-check", "-d", folder, "-r", HERE / "sources.txt",
    )  # fmt: skip
    for archive in folder.glob("*.tar.gz"):
        unpack(archive, folder)
    note.write_text(wanted)
    return folder


def source_of(library, sources):
    carrier = next(path for path in sources.glob(f"{library.carrier}-*") if path.is_dir())
    return carrier / library.folder


def version_of(library, sources):
    """Return "1.52.1" from the library's own header."""
    text = (source_of(library, sources) / library.header).read_text()
    found = dict(re.findall(rf"#define\s+({library.version_names})\s+(\d+)", text))
    return ".".join(value for _, value in sorted(found.items()))  # MAJOR, MINOR, PATCH: by the alphabet, too


def make_compiler(folder, target):
    """Write `cc`, `ar` and `ranlib` for the target into the folder. Zig's one program is all three."""
    zig = Path(find_spec("ziglang").origin).parent / "zig"
    folder.mkdir(parents=True, exist_ok=True)
    cache = f"ZIG_GLOBAL_CACHE_DIR={folder.parent}/zig ZIG_LOCAL_CACHE_DIR={folder.parent}/zig"
    for name, words in {"cc": f"cc -target {target}", "ar": "ar", "ranlib": "ranlib"}.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\n{cache} exec {zig} {words} "$@"\n')
        script.chmod(0o755)


def build(target, sources, prefix):
    """Build all three into `prefix`, once: lib/*.a, include/, lib/pkgconfig, and the compiler in bin/."""
    done = prefix / ".built"
    if done.exists():
        return
    make_compiler(prefix / "bin", target)
    for library in LIBRARIES:
        source = source_of(library, sources)
        if library.options:
            build_by_cmake(library, source, prefix)
        else:
            build_by_hand(library, source, prefix)
        write_pkg_config(library, version_of(library, sources), prefix)
    done.touch()


def build_by_cmake(library, source, prefix):
    work = prefix / "build" / library.name
    tools = [f"-DCMAKE_{name}={prefix}/bin/{tool}" for name, tool in
             (("C_COMPILER", "cc"), ("AR", "ar"), ("RANLIB", "ranlib"))]  # fmt: skip
    # The scripts are in the tools' environment, which is that of this interpreter.
    scripts = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
    target = "-DCMAKE_SYSTEM_NAME=Linux"  # as for any cross build: nothing built is run
    run(
        "cmake", "-G", "Ninja", "-S", source, "-B", work, *tools, target, *library.options,
        "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
        f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_INSTALL_LIBDIR=lib", env=env,
    )  # fmt: skip
    run("cmake", "--build", work, "--target", "install", env=env)


def build_by_hand(library, source, prefix):
    objects = []
    for name in library.files:
        objects.append(prefix / "build" / library.name / Path(name).with_suffix(".o").name)
        objects[-1].parent.mkdir(parents=True, exist_ok=True)
        run(
            prefix / "bin" / "cc",
            "-O3",
            "-DNDEBUG",
            "-fPIC",
            f"-I{source}/include",
            "-c",
            source / name,
            "-o",
            objects[-1],
        )
    run(prefix / "bin" / "ar", "rcs", prefix / "lib" / f"{library.name}.a", *objects)
    for header in (source / "include").glob("*.h"):
        shutil.copy(header, prefix / "include")


def write_pkg_config(library, version, prefix):
    """Write our own .pc file: the libraries' own name shared ones, or have other names."""
    archive = f"{prefix}/lib/{library.name}.a"  # by its path: nothing else is found by that name
    (prefix / "lib" / "pkgconfig" / f"{library.name}.pc").write_text(
        f"Name: {library.name}\nDescription: static, for wheels\nVersion: {version}\n"
        f"Cflags: -I{prefix}/include\nLibs: {archive} -lpthread -ldl -lrt\n"
    )
