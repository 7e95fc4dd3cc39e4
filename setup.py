"""Build greencore: one extension, greencore._core, from every C file under src/.

Variables of the environment that vary a build:

==================================  =====================================================
GREENCORE_WERROR=1                  every warning is an error
GREENCORE_DEBUG=1                   no optimisation, assertions compiled in
GREENCORE_LTO=0                     optimise each file by itself, which links in no time
GREENCORE_SANITIZE=address,...      compile and link with these sanitizers
GREENCORE_COVERAGE=1                instrument for gcov
GREENCORE_JOBS=n                    compile this many files at once (default: the cores)
==================================  =====================================================
"""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # a build front end leaves it out

from build_support import llhttp, stub_packages  # noqa: E402

CORE = "greencore._core"
ALIAS_PTH = "greencore-alias.pth"
STUBS_PTH = "greencore-stubs.pth"
# GCC zeroes structs with `rep stos` on x86: for our sizes plain stores take 20 ns less a spawn.
TUNING = ["-mmemset-strategy=unrolled_loop:256:noalign,libcall:-1:noalign"]
# The C libraries by pkg-config's names: the usual name, the least version, Debian's package.
LIBRARIES = {"libuv": ("libuv", "1.44", "libuv1-dev"), "libcares": ("c-ares", "1.18", "libc-ares-dev")}
COMPILING = {"build", "build_ext", "bdist_wheel", "install", "develop", "editable_wheel"}


def version():
    text = (ROOT / "greencore" / "_base" / "version.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def env_flag(name, default=False):
    return os.environ.get(name, "1" if default else "0") not in ("", "0")


def pkg_config(*args):
    return subprocess.run(["pkg-config", *args], capture_output=True, text=True)


def machine():
    """Return the name of the processor to build for."""
    name = os.environ.get("GREENCORE_ARCH") or platform.machine()
    return {"AMD64": "x86_64", "arm64": "aarch64"}.get(name, name)


def missing():
    """Yield (what the machine lacks for a build, Debian's packages that bring it)."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    try:
        line = [*compiler, "-E", "-x", "c", "-"]
        works = subprocess.run(line, input=b"#include <stdio.h>", capture_output=True).returncode == 0
    except FileNotFoundError:
        works = False
    if not works:
        yield f"a C compiler with libc's headers ({compiler[0]})", ["gcc", "libc6-dev"]
    headers = sysconfig.get_path("include")
    if not os.path.exists(os.path.join(headers, "Python.h")):
        version = "%d.%d" % sys.version_info[:2]
        yield f"Python.h, the headers of CPython {version}, in {headers}", [f"python{version}-dev"]
    have_pkg_config = shutil.which("pkg-config") is not None
    if not have_pkg_config:
        yield "pkg-config, which finds C libraries", ["pkg-config"]
    for name, (known_as, version, package) in LIBRARIES.items():
        if not have_pkg_config:
            yield f"{known_as} {version} or newer, as far as one can see without pkg-config", [package]
        elif pkg_config(f"--atleast-version={version}", name).returncode:
            found = pkg_config("--modversion", name).stdout.strip()
            yield f"{known_as} {version} or newer" + (f" (here is {found})" if found else ""), [package]


def look_at_machine():
    """Stop where greencore cannot be built, and say all that is missing and the one command that installs it."""
    built_for = sorted(path.stem.removeprefix("swap_") for path in (ROOT / "src" / "switch").glob("swap_*.S"))
    if sys.platform != "linux" or machine() not in built_for:
        sys.exit(f"greencore runs on Linux on {' and '.join(built_for)}, not on {sys.platform} on {machine()}.")
    found = list(missing())
    if found:
        what = "".join(f"  - {thing}\n" for thing, _ in found)
        packages = " ".join(package for _, names in found for package in names)
        sys.exit(
            f"greencore cannot be built on this machine yet. It lacks:\n{what}"
            f"On Debian or Ubuntu, one command installs it all (as root):\n  apt-get install {packages}"
        )


def library_flags(more):
    """Return (compile flags, link flags) of the C libraries and of the pkg-config names `more`."""
    return (
        shlex.split(pkg_config("--cflags", *LIBRARIES, *more).stdout),
        shlex.split(pkg_config("--libs", *LIBRARIES, *more).stdout),
    )


def build_flags(compiler):
    """Return (compile flags, link flags) for what the environment asks."""
    cflags = ["-std=c11", "-D_GNU_SOURCE", "-fvisibility=hidden", "-fno-plt", "-g"]
    cflags += ["-Wall", "-Wextra", "-Wmissing-prototypes"]
    cflags.append("-Wno-missing-field-initializers")  # clang says it of the {NULL} that ends a table
    ldflags = []
    if env_flag("GREENCORE_WERROR"):
        cflags.append("-Werror")
    sanitizers = os.environ.get("GREENCORE_SANITIZE")
    if env_flag("GREENCORE_DEBUG"):
        cflags += ["-O0", "-UNDEBUG", "-DGREEN_DEBUG"]
    else:
        cflags += ["-O3", "-DNDEBUG"]
        if env_flag("GREENCORE_LTO", default=not sanitizers):
            # A switch runs through every layer: optimised as one, a spawn takes 5 % less, and 3 % less than at -O2.
            cflags.append("-flto")
            ldflags += ["-O3", "-flto=auto" if accepts(compiler, "-flto=auto") else "-flto"]
    if sanitizers:
        cflags += [f"-fsanitize={sanitizers}", "-fno-omit-frame-pointer"]
        ldflags.append(f"-fsanitize={sanitizers}")
    if env_flag("GREENCORE_COVERAGE"):
        cflags += ["--coverage", "-O0"]  # inlined code is counted where nobody looks
        ldflags.append("--coverage")
    return cflags, ldflags


def accepts(compiler, flag):
    """Whether the compiler knows the flag."""
    line = [*compiler, "-Werror", flag, "-x", "c", "-S", "-o", os.devnull, os.devnull]
    return subprocess.run(line, capture_output=True).returncode == 0


def sources():
    """Return the sources of greencore._core; src/_greenlet.c is an extension of its own."""
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("*.c") if path.name != "_greenlet.c")
    return [*found, str(Path("src", "switch", f"swap_{machine()}.S"))]


def is_current(target, depfile, command):
    """Whether `target` is newer than all that it was last made from, by this same command."""
    try:
        made = os.stat(target).st_mtime_ns
        note, _, rule = Path(depfile).read_text().partition("\n")
        if note != command:
            return False
        inputs = rule.replace("\\\n", " ").split(":", 1)[1].split()
        return all(os.stat(name).st_mtime_ns <= made for name in inputs)
    except (OSError, IndexError):
        return False


class BuildExt(build_ext):
    """Compiles only what changed, several files at once."""

    def build_extension(self, ext):
        parser_sources, parser_include, library_cflags, library_ldflags = [], [], [], []
        if ext.name == CORE:
            parser_sources, parser_include, parser_packages = llhttp.build_parts()
            library_cflags, library_ldflags = library_flags(parser_packages)
        cflags, ldflags = build_flags(self.compiler.compiler_so)
        command = [*self.compiler.compiler_so, *cflags, *library_cflags]
        command += [flag for flag in TUNING if accepts(self.compiler.compiler_so, flag)]
        command += [f"-I{path}" for path in ext.include_dirs]
        command += [f"-isystem{path}" for path in parser_include]
        # As a system's headers, the interpreter's are not warned about.
        command += [f"-isystem{path}" for path in self.compiler.include_dirs]
        if hasattr(sys, "gettotalrefcount"):
            # Debian's debug headers are links to the plain ones, whose pyconfig.h must not be taken.
            command.append("-fno-canonical-system-headers")
        # Each set of flags has its own objects, so switching between builds recompiles nothing.
        flags = hashlib.sha256(shlex.join(command).encode()).hexdigest()[:10]
        folder = Path(self.build_temp, flags)
        jobs = int(os.environ.get("GREENCORE_JOBS") or self.parallel or os.cpu_count() or 1)
        with ThreadPoolExecutor(jobs) as pool:
            sources = [*ext.sources, *parser_sources]
            quiet = dict.fromkeys(parser_sources, ["-w"])  # its warnings are not ours
            objects = list(pool.map(lambda name: self.compile(name, folder, command + quiet.get(name, [])), sources))
        failed = [source for source, made in zip(sources, objects) if made is None]
        if failed:
            sys.exit(f"compiling failed: {', '.join(failed)}")
        target = self.get_ext_fullpath(ext.name)
        self.mkpath(os.path.dirname(target))
        self.compiler.link_shared_object(objects, target, extra_postargs=[*ldflags, *library_ldflags])

    def compile(self, source, folder, command):
        """Compile one file where needed. Return its object's name, None if the compiler failed."""
        target = folder / Path(source).with_suffix(".o")
        depfile = target.with_suffix(".d")
        line = [*command, "-c", source, "-o", str(target), "-MD", "-MF", str(depfile)]
        if not is_current(target, depfile, shlex.join(line)):
            target.parent.mkdir(parents=True, exist_ok=True)
            if subprocess.run(line).returncode:
                return None
            depfile.write_text(shlex.join(line) + "\n" + depfile.read_text())
        return str(target)


class BuildPy(build_py):
    """Puts two .pth files beside the package: one installs the alias finder, one leads type checkers to the stub packages."""

    def run(self):
        super().run()
        self.copy_file(ALIAS_PTH, self.alias_path())
        if not self.editable_mode:
            self.copy_file(STUBS_PTH, os.path.join(self.build_lib, STUBS_PTH))
            stub_packages.write(self.stubs_path())

    def stubs_path(self):
        return os.path.join(self.build_lib, Path(STUBS_PTH).read_text().strip())

    def alias_path(self):
        # An editable install takes nothing from build_lib, and all that lies in install_lib.
        folder = self.get_finalized_command("install").install_lib if self.editable_mode else self.build_lib
        return os.path.join(folder, ALIAS_PTH)

    def get_outputs(self, include_bytecode=1):
        outputs = super().get_outputs(include_bytecode)
        if self.editable_mode:
            return outputs
        stubs = map(str, Path(self.stubs_path()).rglob("*.pyi"))
        return [*outputs, self.alias_path(), os.path.join(self.build_lib, STUBS_PTH), *stubs]


class Sdist(sdist):
    """Carries llhttp's files, so that a build from it needs no index."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name in llhttp.FILES:
            target = Path(base_dir, "llhttp", name)
            self.mkpath(str(target.parent))
            self.copy_file(str(llhttp.folder() / name), str(target))


if COMPILING & set(sys.argv):
    look_at_machine()  # before setuptools says anything

setup(
    version=version(),
    packages=find_packages(include=["greencore", "greencore.*"]),
    include_package_data=False,
    package_data={"": ["*.pyi"], "greencore": ["py.typed", "include/greenlet/*.h"]},
    py_modules=["_greencore_alias"],
    ext_modules=[
        Extension(CORE, sources(), include_dirs=["src"]),
        Extension("greencore._greenlet_module._greenlet", ["src/_greenlet.c"]),
    ],
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy, "sdist": Sdist},
)
